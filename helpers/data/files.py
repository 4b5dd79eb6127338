"""Files of real data and of samples: what stands in them, record by record, or a sentence about what is wrong.

In: the path of a text file, plain or gzipped, in UTF-8, or of a parquet file. Out: records with the place they come
from. Nothing here knows a dataset.
"""

import contextlib
import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

Record = tuple[str, dict]  # ("<file>, line <n>" or "<file>, row <n>", {column: value})


class DataError(Exception):
    """Data that are missing or not what they should be; the message names the file, the line, the way out."""


def folder(root: Path, name: str) -> Path:
    """Return the folder `name` under `root`. Raises `DataError` where there is none."""
    path = root / name
    if not path.is_dir():
        raise DataError(
            f"There is no folder {path}: let COURSE_DATA point at a folder that holds {name}/, "
            "or use profile='offline', which needs no files."
        )
    return path


def find(folder: Path, *names: str) -> Path | None:
    """Return the first of the files that is there, plain before gzipped; None where none is.

    >>> find(Path("/nowhere"), "train.txt", "eng.train")
    """
    candidates = (folder / f"{name}{packed}" for name in names for packed in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def required(folder: Path, what: str, *names: str) -> Path:
    """Return the file that `find` finds; `what` says what it should hold. Raises `DataError` where it is missing."""
    path = find(folder, *names)
    if path is None:
        raise DataError(f"There is no {what} in {folder}: expected {names[0]} or {names[0]}.gz.")
    return path


@contextlib.contextmanager
def open_text(path: Path):
    """Open a text file, plain or gzipped. Raises `DataError` where it cannot be read to its end."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except (UnicodeDecodeError, OSError, zlib.error, EOFError) as error:
        raise DataError(f"{path} cannot be read as text in UTF-8 ({error}).") from None


def read_json(path: Path):
    """Return the one JSON value of a file. Raises `DataError`."""
    with open_text(path) as file:
        try:
            return json.load(file)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {error.lineno}: this is no JSON ({error.msg}).") from None


def read_json_lines(path: Path, columns: list[str]) -> Iterator[Record]:
    """Yield the records of a file with one JSON object a line, only these columns. Raises `DataError`."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            place = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{place}: this is no JSON ({error.msg}).") from None
            if not isinstance(record, dict):
                raise DataError(f"{place}: this is no JSON object with {', '.join(columns)}.")
            _check_columns(place, columns, record)
            yield place, {column: record[column] for column in columns}


def read_csv(path: Path, columns: list[str]) -> Iterator[Record]:
    """Yield the records of a CSV file with a header, only these columns. Raises `DataError`.

    The line of a record is the one it begins on: a quoted text may hold line breaks.
    """
    with open_text(path) as lines:
        rows = csv.reader(lines, strict=True)
        first = 1
        try:
            header = next(rows, [])
            _check_columns(f"{path}, line 1", columns, header)
            first = rows.line_num + 1
            for row in rows:
                place, first = f"{path}, line {first}", rows.line_num + 1
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(f"{place}: {len(row)} columns instead of {len(header)}.")
                yield place, {column: row[header.index(column)] for column in columns}
        except csv.Error as error:
            raise DataError(f"{path}, line {first}: this is no CSV ({error}).") from None


def read_parquet(path: Path, columns: list[str]) -> Iterator[Record]:
    """Yield the records of a parquet file, only these columns; classes by name where the file says the names.

    Raises `DataError`.
    """
    from datasets import Features
    from pyarrow import parquet

    table = _of_parquet(path, parquet.read_table)
    _check_columns(str(path), columns, table.column_names)
    features = Features.from_arrow_schema(table.schema)
    cells = [_named(features[column], table[column].to_pylist()) for column in columns]
    for number, row in enumerate(zip(*cells), start=1):
        yield f"{path}, row {number}", dict(zip(columns, row))


def _of_parquet(path: Path, read: Callable):
    import pyarrow

    try:
        return read(path)
    except (pyarrow.ArrowException, OSError) as error:
        file = path.resolve()  # what was downloaded is a link; deleting only that would not help
        raise DataError(
            f"{file} cannot be read as parquet ({_first_sentence(error)}): delete it and load again."
        ) from None


def _named(feature, values: list) -> list:
    """The names of a column's classes instead of their numbers; other values as they are."""
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return [_named(inner, row) for row in values]
    names = dict(enumerate(getattr(feature, "names", [])))
    return [names.get(value, value) for value in values]  # -1 is no class: the Hub's sign for a missing one


def count_rows(path: Path) -> int:
    """Return the number of records of a CSV or parquet file. Raises `DataError`."""
    from pyarrow import parquet

    if path.suffix == ".csv":
        return sum(1 for _ in read_csv(path, []))
    return _of_parquet(path, parquet.read_metadata).num_rows


def _check_columns(place: str, columns: list[str], found) -> None:
    missing = [column for column in columns if column not in found]
    if missing:
        raise DataError(f"{place}: there is no column {missing[0]!r}, only {', '.join(found) or 'an empty line'}.")


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0].rstrip(".")


def text(place: str, value) -> str:
    """Return a value that must be a text. Raises `DataError`."""
    if not isinstance(value, str):
        raise DataError(f"{place}: {value!r} is no text.")
    return value


def one_of(place: str, value, known: list[str]) -> str:
    """Return a value that must be one of the known names. Raises `DataError`."""
    if value not in known:
        raise DataError(f"{place}: unknown value {value!r}; it should be one of {', '.join(known)}.")
    return value


def class_number(place: str, value, names: list[str]) -> int:
    """Return the number of a class that a file gives by name or by number. Raises `DataError`.

    >>> [class_number("train.csv, line 2", value, ["neg", "pos"]) for value in ("pos", "1", 1)]
    [1, 1, 1]
    """
    if value in names:
        return names.index(value)
    numbers = [str(number) for number in range(len(names))]
    if str(value) not in numbers:
        raise DataError(
            f"{place}: unknown label {value!r}; the labels are {', '.join(names)}, or their numbers from 0."
        )
    return int(value)


def read_columns(path: Path, known_tags: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield `(words, tags)` of every sentence of a file in CoNLL's columns, plain or gzipped, tags in IOB2.

    The first column is the word, the last the tag; sentences end at blank lines; `-DOCSTART-` lines are
    skipped. In IOB1, the other convention, `I-X` may open an entity: it becomes `B-X`.
    Raises `DataError` with file and line.
    """
    words, tags, columns = [], [], None
    with open_text(path) as lines:
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
