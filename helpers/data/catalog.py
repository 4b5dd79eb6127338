"""The datasets one by one: what they hold, in which files, and where on the Hub.

`features` has their columns, `readers` how their files are read. Whoever adds a dataset adds an entry of `DATASETS`.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from helpers.data import features, readers, splits
from helpers.data.features import BASIC_EMOTIONS, EMOTIONS, POLARITIES, STANCES
from helpers.data.readers import Splits, of_splits
from helpers.language import BY_CODE

LOCALES = [language.locale for language in BY_CODE.values()]
ENGLISH, RUSSIAN, SPANISH = (BY_CODE[code].locale for code in ("en", "ru", "es"))


@dataclasses.dataclass(frozen=True)
class Published:
    """A dataset's place on the Hub: files by the pattern `files`, with `{locale}` and `{split}`.

    `rows` are the published sizes of the splits. They are checked, so a copy that has changed under its name is
    noticed. `slack` is the share by which a size may differ, where nobody has counted the rows, only read how many
    there are. `called` gives the splits that have other names there, `read` yields the course's rows of a file.
    """

    repository: str
    files: str
    rows: dict[str, int]
    read: Callable[[Path], Iterator[dict]]
    revision: str = "main"
    slack: float = 0.0
    called: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A dataset of the course.

    `features` makes its `Features`, `read` reads it from a folder. `complete` cuts the splits that were not published,
    wherever the rows come from. `locales` are those in which it was published. Where a dataset has samples in the other
    languages, too, these serve there whatever the source: `samples` is a file of theirs, with `{locale}` in its name.
    """

    features: Callable
    read: Callable[[Path, str], Splits]
    published: Published
    locales: tuple[str, ...] = (ENGLISH,)
    complete: Callable | None = None
    samples: str = ""


def _entities(name: str, locale: str, **published) -> Entry:
    return Entry(
        features=features.conll,
        read=partial(readers.conll, name),
        published=Published(read=readers.published_conll, **published),
        locales=(locale,),
    )


def _emotions(language: str, locale: str, rows: dict[str, int]) -> Entry:
    return Entry(
        features=partial(features.classes, BASIC_EMOTIONS),
        read=partial(readers.brighter, language),
        published=Published(
            repository="brighter-dataset/BRIGHTER-emotion-categories",
            files=f"{language}/{{split}}-*.parquet",
            rows=rows,  # of all emotions, and of several at once
            read=readers.published_brighter,
            called={"validation": "dev"},
        ),
        locales=(locale,),
    )


def _toxicity(language: str, locale: str) -> Entry:
    return Entry(
        features=features.chats,
        read=partial(
            of_splits, f"textdetox/{language}", "{split}.csv", readers.toxic_rows, optional=("validation", "test")
        ),
        published=Published(
            repository="textdetox/multilingual_toxicity_dataset",
            files=f"data/{language}-*.parquet",
            rows={"train": 5000},
            read=readers.published_toxic,
            slack=0.01,
        ),
        locales=(locale,),
        complete=partial(splits.complete, shares={"validation": 0.1, "test": 0.2}, text="user_input", label="toxicity"),
    )


DATASETS = {
    "conll2003": _entities(
        "conll2003",
        ENGLISH,
        repository="lhoestq/conll2003",  # the parquet copy; the original is a script, which datasets no longer runs
        files="data/{split}-*.parquet",
        rows={"train": 14041, "validation": 3250, "test": 3453},
    ),
    "wikineural/ru": _entities(
        "wikineural/ru",
        RUSSIAN,
        repository="Babelscape/wikineural",
        revision="refs/convert/parquet",  # the Hub's own conversion: a folder a split, and a split a language
        files="default/{split}_ru/*.parquet",
        rows={"train": 92320, "validation": 11540, "test": 11580},
        slack=0.01,
        called={"validation": "val"},
    ),
    "conll2002/es": _entities(
        "conll2002/es",
        SPANISH,
        repository="eriktks/conll2002",
        revision="refs/convert/parquet",
        files="es/{split}/*.parquet",
        rows={"train": 8323, "validation": 1915, "test": 1517},
        slack=0.01,
    ),
    "massive": Entry(
        features=features.massive,
        read=readers.massive,
        published=Published(
            repository="AmazonScience/massive",
            revision="refs/convert/parquet",  # the Hub's own conversion; the original is a script, too
            files="{locale}/{split}/*.parquet",
            rows={"train": 11514, "validation": 2033, "test": 2974},
            read=readers.published_massive,
        ),
        locales=tuple(LOCALES),
        samples="{locale}.jsonl",
    ),
    "out_of_scope": Entry(
        features=features.requests,
        read=readers.out_of_scope,
        published=Published(
            repository="clinc/clinc_oos",
            files="plus/{split}-*.parquet",
            rows={"validation": 3100, "test": 5500},  # of which 100 and 1000 have no intent
            read=readers.published_out_of_scope,
        ),
        samples="{locale}.jsonl",
    ),
    "tweet_eval/emotion": Entry(
        features=partial(features.classes, EMOTIONS),
        read=partial(of_splits, "tweet_eval/emotion", "{split}.jsonl", partial(readers.class_rows, EMOTIONS)),
        published=Published(
            repository="cardiffnlp/tweet_eval",
            files="emotion/{split}-*.parquet",
            rows={"train": 3257, "validation": 374, "test": 1421},
            read=partial(readers.published_classes, EMOTIONS),
        ),
    ),
    "brighter/rus": _emotions("rus", RUSSIAN, {"train": 2679, "validation": 199, "test": 1000}),
    "brighter/esp": _emotions("esp", SPANISH, {"train": 1996, "validation": 184, "test": 1695}),
    "tweet_eval/stance_climate": Entry(
        features=partial(features.classes, STANCES),
        read=readers.stance,
        published=Published(
            repository="cardiffnlp/tweet_eval",
            files="stance_climate/{split}-*.parquet",
            rows={"train": 355, "validation": 40, "test": 169},
            read=partial(readers.published_classes, STANCES),
        ),
        samples="{locale}/train.jsonl",
    ),
    "toxic_chat": Entry(
        features=features.chats,
        read=partial(of_splits, "toxic_chat", "{split}.csv", readers.annotated_chats, optional=("validation", "test")),
        published=Published(
            repository="lmsys/toxic-chat",
            files="data/0124/toxic-chat_annotation_{split}.csv",
            rows={"train": 5082, "test": 5083},  # of which people annotated about half
            read=readers.annotated_chats,
        ),
        complete=partial(splits.complete, shares={"validation": 0.1, "test": 0.2}, text="user_input", label="toxicity"),
    ),
    "textdetox/ru": _toxicity("ru", RUSSIAN),
    "textdetox/es": _toxicity("es", SPANISH),
    "imdb": Entry(
        features=partial(features.classes, POLARITIES),
        read=partial(of_splits, "imdb", "{split}.csv", readers.imdb_rows, optional=("validation",)),
        published=Published(
            repository="stanfordnlp/imdb",
            files="plain_text/{split}-*.parquet",  # there are also 50,000 reviews without a rating
            rows={"train": 25000, "test": 25000},
            read=partial(readers.published_classes, POLARITIES),
        ),
        complete=partial(splits.complete, shares={"validation": 0.1}, text="text", label="label"),
    ),
    "kinopoisk": Entry(
        features=partial(features.classes, POLARITIES),
        read=partial(of_splits, "kinopoisk", "{split}.jsonl", readers.kinopoisk_rows),
        published=Published(
            repository="ai-forever/kinopoisk-sentiment-classification",
            files="{split}.jsonl",
            rows={"train": 10500, "validation": 1500, "test": 1500},  # of which a third is neutral
            read=readers.kinopoisk_rows,
            slack=0.01,
        ),
        locales=(RUSSIAN,),
    ),
    "muchocine": Entry(
        features=partial(features.classes, POLARITIES),
        read=partial(of_splits, "muchocine", "{split}.jsonl", readers.muchocine_rows, optional=("validation", "test")),
        published=Published(
            repository="us-lsi/muchocine",
            revision="refs/convert/parquet",
            files="default/train/*.parquet",
            rows={"train": 3872},  # of which about a third has three stars
            read=readers.published_muchocine,
            slack=0.01,
        ),
        locales=(SPANISH,),
        complete=partial(splits.complete, shares={"validation": 0.1, "test": 0.2}, text="text", label="label"),
    ),
}
