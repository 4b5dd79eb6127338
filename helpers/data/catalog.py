"""The datasets one by one: what they hold, in which files, and where on the Hub.

A reader takes the folder of all data and a locale, and yields `(split, path, rows)`, rows as dictionaries; a reader of
the Hub's files takes one file and yields its rows. Whoever adds a dataset writes both, and an entry of `DATASETS`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from helpers.data import files, splits
from helpers.data.files import DataError
from helpers.language import BY_CODE
from helpers.language import gettext as _

SAMPLES = Path(__file__).parents[1] / "samples"
LOCALES = [language.locale for language in BY_CODE.values()]
ENGLISH = BY_CODE["en"].locale

CONLL_TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
EMOTIONS = ["anger", "joy", "optimism", "sadness"]
STANCES = ["none", "against", "favor"]
POLARITIES = ["neg", "pos"]
INTENTS = (  # noqa: SIM905 (in the order of their numbers on the Hub; as a list they would take sixty lines)
    "datetime_query iot_hue_lightchange transport_ticket takeaway_query qa_stock general_greet recommendation_events "
    "music_dislikeness iot_wemo_off cooking_recipe qa_currency transport_traffic general_quirky weather_query "
    "audio_volume_up email_addcontact takeaway_order email_querycontact iot_hue_lightup recommendation_locations "
    "play_audiobook lists_createoradd news_query alarm_query iot_wemo_on general_joke qa_definition social_query "
    "music_settings audio_volume_other calendar_remove iot_hue_lightdim calendar_query email_sendemail iot_cleaning "
    "audio_volume_down play_radio cooking_query datetime_convert qa_maths iot_hue_lightoff iot_hue_lighton "
    "transport_query music_likeness email_query play_music audio_volume_mute social_post alarm_set qa_factoid "
    "calendar_set play_game alarm_remove lists_remove transport_taxi recommendation_movies iot_coffee music_query "
    "play_podcasts lists_query"
).split()

Splits = Iterator[tuple[str, Path, Iterable[dict]]]


@dataclasses.dataclass(frozen=True)
class Published:
    """A dataset's place on the Hub: files by the pattern `files`, with `{locale}` and `{split}`.

    `rows` are the published sizes of the splits. They are checked, so a copy that has changed under its name is
    noticed. `read` yields the course's rows of one file.
    """

    repository: str
    files: str
    rows: dict[str, int]
    read: Callable[[Path], Iterator[dict]]
    revision: str = "main"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A dataset of the course.

    `features` makes its `Features`, `read` reads it from a folder. `complete` cuts the splits that were not published,
    wherever the rows come from. A dataset that is there `by_locale` has a file of samples for each, such as
    `ru-RU.jsonl`. Of one that was `published_in` one locale only, the samples serve in the others, whatever the source.
    """

    features: Callable
    read: Callable[[Path, str], Splits]
    published: Published
    complete: Callable | None = None
    by_locale: bool = False
    published_in: str | None = None


# ---- features


def _conll_features():
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=CONLL_TAGS))}
    )


def _massive_features():
    from datasets import ClassLabel, Features, Value

    return Features({"id": Value("string"), "text": Value("string"), "label": ClassLabel(names=INTENTS)})


def _request_features():
    from datasets import Features, Value

    return Features({"text": Value("string")})


def _chat_features():
    from datasets import Features, Value

    return Features({"user_input": Value("string"), "toxicity": Value("int64")})


def _class_features(names: list[str]):
    from datasets import ClassLabel, Features, Value

    return Features({"text": Value("string"), "label": ClassLabel(names=names)})


# ---- readers

CONLL_FILES = {
    "train": ["train.txt", "train", "eng.train.txt", "eng.train"],
    "validation": [
        "validation.txt",
        "validation",
        "valid.txt",
        "valid",
        "dev.txt",
        "dev",
        "eng.testa.txt",
        "eng.testa",
    ],
    "test": ["test.txt", "test", "eng.testb.txt", "eng.testb"],
}


def _read_conll(root: Path, locale: str) -> Splits:
    """CoNLL-2003: a file of columns a split; the test file is not always at hand."""
    folder = files.folder(root, "conll2003")
    for split, names in CONLL_FILES.items():
        if split != "test" or files.find(folder, *names):
            path = files.required(folder, split, *names)
            yield split, path, _conll_rows(path)


def _conll_rows(path: Path) -> Iterator[dict]:
    for i, (words, tags) in enumerate(files.read_columns(path, CONLL_TAGS)):
        yield {"id": str(i), "tokens": words, "ner_tags": [CONLL_TAGS.index(tag) for tag in tags]}


def _published_conll(path: Path) -> Iterator[dict]:
    for place, record in files.read_parquet(path, ["id", "tokens", "ner_tags"]):
        tags = [files.class_number(place, tag, CONLL_TAGS) for tag in record["ner_tags"]]
        yield {"id": record["id"], "tokens": record["tokens"], "ner_tags": tags}


def _read_massive(root: Path, locale: str) -> Splits:
    """MASSIVE: a file of JSON lines a locale, with all partitions; the validation partition is called `dev`.

    Where the file holds no test rows, every second row of `dev` becomes the test split.
    """
    path = files.required(files.folder(root, "massive"), locale, f"{locale}.jsonl")
    rows = {"train": [], "dev": [], "test": []}
    for place, record in files.read_json_lines(path, ["id", "partition", "intent", "utt"]):
        rows[files.one_of(place, record["partition"], list(rows))].append(
            {
                "id": str(record["id"]),
                "text": files.text(place, record["utt"]),
                "label": files.class_number(place, record["intent"], INTENTS),
            }
        )
    dev, test = (rows["dev"], rows["test"]) if rows["test"] else (rows["dev"][::2], rows["dev"][1::2])
    for split, chosen in {"train": rows["train"], "validation": dev, "test": test}.items():
        yield split, path, chosen


def _published_massive(path: Path) -> Iterator[dict]:
    for place, record in files.read_parquet(path, ["id", "utt", "intent"]):
        label = files.class_number(place, record["intent"], INTENTS)
        yield {"id": record["id"], "text": record["utt"], "label": label}


def _read_out_of_scope(root: Path, locale: str) -> Splits:
    """Requests that have none of the intents: the course's own, or CLINC150's (Larson et al. 2019)."""
    if root == SAMPLES:
        path = files.required(files.folder(root, "out_of_scope"), locale, f"{locale}.jsonl")
        requests = {"validation": [], "test": []}
        for place, record in files.read_json_lines(path, ["text", "split"]):
            requests[files.one_of(place, record["split"], list(requests))].append(files.text(place, record["text"]))
    else:
        path = files.required(files.folder(root, "clinc_oos"), "CLINC150", "data_full.json")
        content = files.read_json(path)
        requests = {
            "validation": _clinc_texts(path, content, "oos_val"),
            "test": _clinc_texts(path, content, "oos_test"),
        }
    for split, texts in requests.items():
        yield split, path, [{"text": text} for text in texts]


def _clinc_texts(path: Path, content, key: str) -> list[str]:
    pairs = content.get(key) if isinstance(content, dict) else None
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise DataError(_("{path} has no list {key!r} of pairs of a text and its intent.", path=path, key=key))
    return [files.text(f"{path}, {key}", text) for text, _ in pairs]


def _published_out_of_scope(path: Path) -> Iterator[dict]:
    for place, record in files.read_parquet(path, ["text", "intent"]):
        if files.text(place, record["intent"]) == "oos":
            yield {"text": record["text"]}


def _read_tweets(task: str, names: list[str], root: Path, locale: str) -> Splits:
    """A task of TweetEval: a file of JSON lines a split, classes by number."""
    folder = files.folder(root, f"tweet_eval/{task}")
    for split in ("train", "validation", "test"):
        path = files.required(folder, split, f"{split}.jsonl")
        yield split, path, _class_rows(files.read_json_lines(path, ["text", "label"]), names)


def _read_reviews(root: Path, locale: str) -> Splits:
    """IMDB: a CSV file a split, classes by number."""
    folder = files.folder(root, "imdb")
    for split in ("train", "test"):
        path = files.required(folder, split, f"{split}.csv")
        yield split, path, _class_rows(files.read_csv(path, ["text", "label"]), POLARITIES)


def _published_classes(names: list[str], path: Path) -> Iterator[dict]:
    return _class_rows(files.read_parquet(path, ["text", "label"]), names)


def _class_rows(records: Iterator[files.Record], names: list[str]) -> Iterator[dict]:
    for place, record in records:
        yield {
            "text": files.text(place, record["text"]),
            "label": files.class_number(place, record["label"], names),
        }


def _read_chats(root: Path, locale: str) -> Splits:
    """ToxicChat: a CSV file a split, only the rows that people have annotated; the test file may be missing.

    The chat model's answer and the moderation's scores are never read: where they are filled, the row is toxic.
    """
    folder = files.folder(root, "toxic_chat")
    for split in ("train", "test"):
        if split != "test" or files.find(folder, "test.csv"):
            path = files.required(folder, split, f"{split}.csv")
            yield split, path, _chat_rows(path)


def _chat_rows(path: Path) -> Iterator[dict]:
    for place, record in files.read_csv(path, ["user_input", "human_annotation", "toxicity"]):
        if files.one_of(place, record["human_annotation"], ["True", "False"]) == "True":
            toxicity = int(files.one_of(place, record["toxicity"], ["0", "1"]))
            yield {"user_input": record["user_input"], "toxicity": toxicity}


# ---- the table

DATASETS = {
    "conll2003": Entry(
        features=_conll_features,
        read=_read_conll,
        published=Published(
            repository="lhoestq/conll2003",  # the parquet copy; the original is a script, which datasets no longer runs
            files="data/{split}-*.parquet",
            rows={"train": 14041, "validation": 3250, "test": 3453},
            read=_published_conll,
        ),
    ),
    "massive": Entry(
        features=_massive_features,
        read=_read_massive,
        published=Published(
            repository="AmazonScience/massive",
            revision="refs/convert/parquet",  # the Hub's own conversion; the original is a script, too
            files="{locale}/{split}/*.parquet",
            rows={"train": 11514, "validation": 2033, "test": 2974},
            read=_published_massive,
        ),
        by_locale=True,
    ),
    "out_of_scope": Entry(
        features=_request_features,
        read=_read_out_of_scope,
        published=Published(
            repository="clinc/clinc_oos",
            files="plus/{split}-*.parquet",
            rows={"validation": 3100, "test": 5500},  # of which 100 and 1000 have no intent
            read=_published_out_of_scope,
        ),
        by_locale=True,
        published_in=ENGLISH,
    ),
    "tweet_eval/emotion": Entry(
        features=partial(_class_features, EMOTIONS),
        read=partial(_read_tweets, "emotion", EMOTIONS),
        published=Published(
            repository="cardiffnlp/tweet_eval",
            files="emotion/{split}-*.parquet",
            rows={"train": 3257, "validation": 374, "test": 1421},
            read=partial(_published_classes, EMOTIONS),
        ),
    ),
    "tweet_eval/stance_climate": Entry(
        features=partial(_class_features, STANCES),
        read=partial(_read_tweets, "stance_climate", STANCES),
        published=Published(
            repository="cardiffnlp/tweet_eval",
            files="stance_climate/{split}-*.parquet",
            rows={"train": 355, "validation": 40, "test": 169},
            read=partial(_published_classes, STANCES),
        ),
    ),
    "toxic_chat": Entry(
        features=_chat_features,
        read=_read_chats,
        published=Published(
            repository="lmsys/toxic-chat",
            files="data/0124/toxic-chat_annotation_{split}.csv",
            rows={"train": 5082, "test": 5083},  # of which people annotated about half
            read=_chat_rows,
        ),
        complete=partial(splits.complete, shares={"validation": 0.1, "test": 0.2}, text="user_input", label="toxicity"),
    ),
    "imdb": Entry(
        features=partial(_class_features, POLARITIES),
        read=_read_reviews,
        published=Published(
            repository="stanfordnlp/imdb",
            files="plain_text/{split}-*.parquet",  # there are also 50,000 reviews without a rating
            rows={"train": 25000, "test": 25000},
            read=partial(_published_classes, POLARITIES),
        ),
        complete=partial(splits.complete, shares={"validation": 0.1}, text="text", label="label"),
    ),
}
