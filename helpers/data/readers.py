"""How the files of each dataset become the course's rows.

A reader of a folder takes the folder of all data and a locale, and yields `(split, path, rows)`, rows as dictionaries;
a reader of a file of the Hub takes its path and yields its rows. Both raise `DataError`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from helpers.data import files
from helpers.data.features import BASIC_EMOTIONS, CONLL_TAGS, INTENTS, POLARITIES, STANCES
from helpers.data.files import DataError
from helpers.language import gettext as _

SAMPLES = Path(__file__).parents[1] / "samples"
SPLITS = ("train", "validation", "test")

Splits = Iterator[tuple[str, Path, Iterable[dict]]]
Rows = Callable[[Path], Iterator[dict]]


def of_splits(name: str, pattern: str, rows: Rows, root: Path, locale: str, *, optional: tuple = ()) -> Splits:
    """Read a folder with a file a split, such as `train.csv`; the splits of `optional` may be missing."""
    folder = files.folder(root, name)
    for split in SPLITS:
        file = pattern.format(split=split)
        if split not in optional or files.find(folder, file):
            path = files.required(folder, split, file)
            yield split, path, rows(path)


# ---- named entities

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


def conll(name: str, root: Path, locale: str) -> Splits:
    """A file of columns a split, as CoNLL has them; the test file is not always at hand."""
    folder = files.folder(root, name)
    for split, names in CONLL_FILES.items():
        if split != "test" or files.find(folder, *names):
            path = files.required(folder, split, *names)
            yield split, path, conll_rows(path)


def conll_rows(path: Path) -> Iterator[dict]:
    for i, (words, tags) in enumerate(files.read_columns(path, CONLL_TAGS)):
        yield {"id": str(i), "tokens": words, "ner_tags": [CONLL_TAGS.index(tag) for tag in tags]}


def published_conll(path: Path) -> Iterator[dict]:
    """Sentences of the Hub; the tags are numbers in CoNLL's order, or names."""
    for number, (place, record) in enumerate(files.read_parquet(path, ["tokens", "ner_tags"])):
        tags = [files.class_number(place, tag, CONLL_TAGS) for tag in record["ner_tags"]]
        yield {"id": str(number), "tokens": record["tokens"], "ner_tags": tags}


# ---- intents


def massive(root: Path, locale: str) -> Splits:
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


def published_massive(path: Path) -> Iterator[dict]:
    for place, record in files.read_parquet(path, ["id", "utt", "intent"]):
        label = files.class_number(place, record["intent"], INTENTS)
        yield {"id": record["id"], "text": record["utt"], "label": label}


def out_of_scope(root: Path, locale: str) -> Splits:
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


def published_out_of_scope(path: Path) -> Iterator[dict]:
    for place, record in files.read_parquet(path, ["text", "intent"]):
        if files.text(place, record["intent"]) == "oos":
            yield {"text": record["text"]}


# ---- emotions and stances


def class_rows(names: list[str], path: Path) -> Iterator[dict]:
    """JSON lines with `text` and `label`, a class by name or number: TweetEval and the course's own."""
    return _with_class(files.read_json_lines(path, ["text", "label"]), names)


def published_classes(names: list[str], path: Path) -> Iterator[dict]:
    return _with_class(files.read_parquet(path, ["text", "label"]), names)


def _with_class(records: Iterator[files.Record], names: list[str]) -> Iterator[dict]:
    for place, record in records:
        yield {
            "text": files.text(place, record["text"]),
            "label": files.class_number(place, record["label"], names),
        }


def stance(root: Path, locale: str) -> Splits:
    """TweetEval's stance on climate, which is English; of the course's own texts, a folder a locale."""
    name = "tweet_eval/stance_climate"
    folder = f"{name}/{locale}" if root == SAMPLES else name
    return of_splits(folder, "{split}.jsonl", partial(class_rows, STANCES), root, locale)


ALL_EMOTIONS = ["anger", "disgust", "fear", "joy", "sadness", "surprise"]


def brighter(language: str, root: Path, locale: str) -> Splits:
    """BRIGHTER (Muhammad et al. 2025): a CSV file a language and split, a column of 0 and 1 for each emotion."""
    folder = files.folder(root, "brighter")
    for split, theirs in {"train": "train", "validation": "dev", "test": "test"}.items():
        path = files.required(folder, split, f"{language}-{theirs}.csv")
        yield split, path, _with_one_emotion(files.read_csv(path, ["text", *ALL_EMOTIONS]))


def published_brighter(path: Path) -> Iterator[dict]:
    return _with_one_emotion(files.read_parquet(path, ["text", *ALL_EMOTIONS]))


def _with_one_emotion(records: Iterator[files.Record]) -> Iterator[dict]:
    """The rows with exactly one emotion, if it is one of the four of the course."""
    for place, record in records:
        found = [name for name in ALL_EMOTIONS if files.one_of(place, str(record[name]), ["0", "1"]) == "1"]
        if len(found) == 1 and found[0] in BASIC_EMOTIONS:
            yield {"text": files.text(place, record["text"]), "label": BASIC_EMOTIONS.index(found[0])}


# ---- toxicity


def annotated_chats(path: Path) -> Iterator[dict]:
    """ToxicChat's rows that people have annotated.

    The chat model's answer and the moderation's scores are never read: where they are filled, the row is toxic.
    """
    for place, record in files.read_csv(path, ["user_input", "human_annotation", "toxicity"]):
        if files.one_of(place, record["human_annotation"], ["True", "False"]) == "True":
            toxicity = int(files.one_of(place, record["toxicity"], ["0", "1"]))
            yield {"user_input": record["user_input"], "toxicity": toxicity}


def toxic_rows(path: Path) -> Iterator[dict]:
    """A CSV file with `text` and `toxic`, 0 or 1: TextDetox's columns."""
    return _with_toxicity(files.read_csv(path, ["text", "toxic"]))


def published_toxic(path: Path) -> Iterator[dict]:
    return _with_toxicity(files.read_parquet(path, ["text", "toxic"]))


def _with_toxicity(records: Iterator[files.Record]) -> Iterator[dict]:
    for place, record in records:
        toxicity = int(files.one_of(place, str(record["toxic"]), ["0", "1"]))
        yield {"user_input": files.text(place, record["text"]), "toxicity": toxicity}


# ---- reviews


def imdb_rows(path: Path) -> Iterator[dict]:
    """A CSV file with `text` and `label`."""
    return _with_class(files.read_csv(path, ["text", "label"]), POLARITIES)


KINOPOISK_CLASSES = ["Bad", "Neutral", "Good"]


def kinopoisk_rows(path: Path) -> Iterator[dict]:
    """Kinopoisk's reviews, bad and good: JSON lines with `text` and `label`; the neutral ones are left out."""
    for row in class_rows(KINOPOISK_CLASSES, path):
        if row["label"] != KINOPOISK_CLASSES.index("Neutral"):
            yield row | {"label": int(row["label"] == KINOPOISK_CLASSES.index("Good"))}


STARS = ["1", "2", "3", "4", "5"]


def muchocine_rows(path: Path) -> Iterator[dict]:
    """MuchoCine's reviews: JSON lines with `review_body` and `star_rating`, 1 to 5."""
    return _below_and_above_three(files.read_json_lines(path, ["review_body", "star_rating"]))


def published_muchocine(path: Path) -> Iterator[dict]:
    return _below_and_above_three(files.read_parquet(path, ["review_body", "star_rating"]))


def _below_and_above_three(records: Iterator[files.Record]) -> Iterator[dict]:
    """Reviews of one and two stars as negative, of four and five as positive; those of three are left out."""
    for place, record in records:
        stars = int(files.one_of(place, str(record["star_rating"]), STARS))
        if stars != 3:
            yield {"text": files.text(place, record["review_body"]), "label": int(stars > 3)}
