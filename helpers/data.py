"""The datasets of the course, the same in shape wherever they come from.

In: the name of a dataset and where to read it: the sentences that ship with the course, a folder of real
files, or the Hub. Out: a `DatasetDict` with the same features and split names from all three.
"""

import dataclasses
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

SAMPLES = Path(__file__).with_name("samples")
CONLL_TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]


class DataError(Exception):
    """Data that are missing or not what they should be; the message names the file, the line, the way out."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a dataset is on the Hub, and how its files are read.

    `rows` are the published sizes of the splits. They are checked after a download, so a copy that has
    changed under its name is noticed.
    """

    repository: str
    revision: str
    rows: dict[str, int]
    read: Callable


def load(name: str, source: str | Path | None = None):
    """Return a dataset of the course as a `DatasetDict`.

    `source` is "samples", "hub", a folder that holds `<name>/`, or "real" (also None): `$COURSE_DATA` where
    that is set, else the Hub. A folder may lack the test split; training and validation must be there.
    Raises `DataError`.
    """
    if name not in SOURCES:
        raise DataError(f"There is no dataset {name!r}: choose one of {', '.join(SOURCES)}.")
    if source in (None, "real"):
        source = os.environ.get("COURSE_DATA") or "hub"
    if source == "hub":
        return _from_hub(name)
    root = SAMPLES if source == "samples" else Path(source)
    folder = root / name
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}: let COURSE_DATA point at a folder that holds {name}/, "
            "or use profile='offline', which needs no files."
        )
    return SOURCES[name].read(folder)


def _from_hub(name: str):
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    source = SOURCES[name]
    try:
        dataset = load_dataset(source.repository, revision=source.revision)
    except (ConnectionError, OfflineModeIsEnabled, HfHubHTTPError, DatasetNotFoundError) as error:
        raise DataError(
            f"The Hub did not give the dataset {source.repository} ({type(error).__name__}): connect to the "
            "internet and run the cell again, set COURSE_DATA to a folder of real files, or use profile='offline'."
        ) from None
    found = {split: len(rows) for split, rows in dataset.items()}
    if found != source.rows:
        raise DataError(f"{source.repository} has changed: its splits hold {found} rows instead of {source.rows}.")
    features = _conll_features()
    return dataset.select_columns(list(features)).cast(features)


def _conll_features():
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=CONLL_TAGS))}
    )


CONLL_FILES = {
    "train": ("train", "eng.train"),
    "validation": ("validation", "valid", "dev", "eng.testa"),
    "test": ("test", "eng.testb"),
}


def _read_conll(folder: Path):
    from datasets import Dataset, DatasetDict

    splits = {}
    for split, stems in CONLL_FILES.items():
        candidates = [folder / f"{stem}{ending}" for stem in stems for ending in (".txt", ".txt.gz", "", ".gz")]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None and split != "test":
            raise DataError(f"There is no {split} split in {folder}: expected {split}.txt or {split}.txt.gz.")
        if path is not None:
            sentences = list(read_columns(path, CONLL_TAGS))
            if not sentences:
                raise DataError(f"{path} holds no sentences.")
            rows = [
                {"id": str(i), "tokens": words, "ner_tags": [CONLL_TAGS.index(tag) for tag in tags]}
                for i, (words, tags) in enumerate(sentences)
            ]
            splits[split] = Dataset.from_list(rows, features=_conll_features())
    return DatasetDict(splits)


def read_columns(path: Path, known_tags: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield `(words, tags)` of every sentence of a file in CoNLL's columns, plain or gzipped, tags in IOB2.

    The first column is the word, the last the tag; sentences end at blank lines; `-DOCSTART-` lines are
    skipped. In IOB1, the other convention, `I-X` may open an entity: it becomes `B-X`.
    Raises `DataError` with file and line.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    words, tags, columns = [], [], None
    try:
        with opener(path, "rt", encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                cells = line.split()
                if not cells or cells[0] == "-DOCSTART-":
                    if words:
                        yield words, to_iob2(tags)
                    words, tags = [], []
                    continue
                columns = columns or len(cells)
                if len(cells) != columns or columns < 2:
                    raise DataError(f"{path}, line {number}: {len(cells)} columns instead of {max(columns, 2)}.")
                if cells[-1] not in known_tags:
                    raise DataError(
                        f"{path}, line {number}: unknown tag {cells[-1]!r}; the tags are {', '.join(known_tags)}."
                    )
                words.append(cells[0])
                tags.append(cells[-1])
    except (UnicodeDecodeError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} cannot be read as text in UTF-8 ({error}).") from None
    if words:
        yield words, to_iob2(tags)


def to_iob2(tags: list[str]) -> list[str]:
    """Return the tags with every entity opened by `B-`; tags that are IOB2 already do not change.

    >>> to_iob2(["I-LOC", "O", "I-PER", "I-PER", "B-PER", "I-ORG"])
    ['B-LOC', 'O', 'B-PER', 'I-PER', 'B-PER', 'B-ORG']
    """
    converted = []
    previous = "O"
    for tag in tags:
        opens = tag.startswith("I-") and previous[2:] != tag[2:]
        converted.append("B-" + tag[2:] if opens else tag)
        previous = tag
    return converted


SOURCES = {
    "conll2003": Source(
        # The parquet copy; the original is a script, which datasets no longer runs.
        repository="lhoestq/conll2003",
        revision="main",
        rows={"train": 14041, "validation": 3250, "test": 3453},
        read=_read_conll,
    ),
}
