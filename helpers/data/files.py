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

from helpers.language import gettext as _

Record = tuple[str, dict]  # ("<file>, line <n>" or "<file>, row <n>", {column: value})


class DataError(Exception):
    """Data that are missing or not what they should be; the message names the file, the line, the way out."""


def folder(root: Path, name: str) -> Path:
    """Return the folder `name` under `root`. Raises `DataError` where there is none."""
    path = root / name
    if not path.is_dir():
        raise DataError(
            _(
                "There is no folder {path}: let COURSE_DATA point at a folder that holds {name}/, "
                "or use profile='offline', which needs no files.",
                path=path,
                name=name,
            )
        )
    return path


def find(folder: Path, *names: str) -> Path | None:
    """Return the first of the files that is there, plain before gzipped; None where none is.

    >>> find(Path("/nowhere"), "train.txt", "eng.train")
    """
    candidates = (folder / f"{name}{packed}" for name in names for packed in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def required(folder: Path, what: str, *names: str) -> Path:
    """Return the file that `find` finds. Raises `DataError` where it is missing.

    `what` says what it should hold: a split, a locale, or a dataset.
    """
    path = find(folder, *names)
    if path is None:
        raise DataError(
            _("{folder} has no file for {what}: expected {name} or {name}.gz.", folder=folder, what=what, name=names[0])
        )
    return path


@contextlib.contextmanager
def open_text(path: Path):
    """Open a text file, plain or gzipped. Raises `DataError` where it cannot be read to its end."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except (UnicodeDecodeError, OSError, zlib.error, EOFError) as error:
        raise DataError(_("{path} cannot be read as text in UTF-8 ({error}).", path=path, error=error)) from None


def read_json(path: Path):
    """Return the one JSON value of a file. Raises `DataError`."""
    with open_text(path) as file:
        try:
            return json.load(file)
        except json.JSONDecodeError as error:
            raise DataError(_no_json(_line(path, error.lineno), error)) from None


def read_json_lines(path: Path, columns: list[str]) -> Iterator[Record]:
    """Yield the records of a file with one JSON object a line, only these columns. Raises `DataError`."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            place = _line(path, number)
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(_no_json(place, error)) from None
            if not isinstance(record, dict):
                names = ", ".join(columns)
                raise DataError(_("{place}: this is no JSON object with {columns}.", place=place, columns=names))
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
            _check_columns(_line(path, 1), columns, header)
            first = rows.line_num + 1
            for row in rows:
                place, first = _line(path, first), rows.line_num + 1
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(_wrong_count(place, len(row), len(header)))
                yield place, {column: row[header.index(column)] for column in columns}
        except csv.Error as error:
            raise DataError(_("{place}: this is no CSV ({error}).", place=_line(path, first), error=error)) from None


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
        yield _("{path}, row {number}", path=path, number=number), dict(zip(columns, row))


def _of_parquet(path: Path, read: Callable):
    import pyarrow

    try:
        return read(path)
    except (pyarrow.ArrowException, OSError) as error:
        file = path.resolve()  # what was downloaded is a link; deleting only that would not help
        raise DataError(
            _(
                "{file} cannot be read as parquet ({error}): delete it and load again.",
                file=file,
                error=_first_sentence(error),
            )
        ) from None


def _named(feature, values: list) -> list:
    """The names of a column's classes instead of their numbers; other values as they are."""
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return [_named(inner, row) for row in values]
    names = dict(enumerate(getattr(feature, "names", [])))
    return [names.get(value, value) for value in values]  # -1 is no class: the Hub's sign for a missing one


def count_rows(path: Path) -> int:
    """Return the number of records of a CSV, JSON lines or parquet file. Raises `DataError`."""
    from pyarrow import parquet

    readers = {".csv": read_csv, ".jsonl": read_json_lines}
    if path.suffix in readers:
        return sum(1 for _ in readers[path.suffix](path, []))
    return _of_parquet(path, parquet.read_metadata).num_rows


def _check_columns(place: str, columns: list[str], found) -> None:
    missing = [column for column in columns if column not in found]
    if missing:
        if not found:
            raise DataError(_("{place}: there is no column {name!r}, the line is empty.", place=place, name=missing[0]))
        names = ", ".join(found)
        raise DataError(
            _("{place}: there is no column {name!r}, only {found}.", place=place, name=missing[0], found=names)
        )


def _line(path: Path, number: int) -> str:
    return _("{path}, line {number}", path=path, number=number)


def _no_json(place: str, error: json.JSONDecodeError) -> str:
    return _("{place}: this is no JSON ({error}).", place=place, error=error.msg)


def _wrong_count(place: str, found: int, expected: int) -> str:
    return _("{place}: {found} columns instead of {expected}.", place=place, found=found, expected=expected)


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0].rstrip(".")


def text(place: str, value) -> str:
    """Return a value that must be a text. Raises `DataError`."""
    if not isinstance(value, str):
        raise DataError(_("{place}: {value!r} is no text.", place=place, value=value))
    return value


def one_of(place: str, value, known: list[str]) -> str:
    """Return a value that must be one of the known names. Raises `DataError`."""
    if value not in known:
        names = ", ".join(known)
        raise DataError(
            _("{place}: unknown value {value!r}; it should be one of {known}.", place=place, value=value, known=names)
        )
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
            _(
                "{place}: unknown label {value!r}; the labels are {known}, or their numbers from 0.",
                place=place,
                value=value,
                known=", ".join(names),
            )
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
                raise DataError(_wrong_count(_line(path, number), len(cells), max(columns, 2)))
            if cells[-1] not in known_tags:
                raise DataError(
                    _(
                        "{place}: unknown tag {value!r}; the tags are {known}.",
                        place=_line(path, number),
                        value=cells[-1],
                        known=", ".join(known_tags),
                    )
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
