"""A table of a platform's that goes back to it: some cells are filled, all others stay byte for byte.

In: a file as a person downloaded it. Out: the same file with other values in some cells: byte order mark, encoding,
separator, quotes, line ends and blank lines are those of the file.
"""

import codecs
import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from course.exchange import tables
from course.exchange.tables import Table, TableError

MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
PREFIX = re.compile("\ufeff?(?:sep=.\r?\n)?")
LINE_END = r"\r\n|\r|\n"


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A table as it is written. `rows` are the cells of each line as they stand there, with their quotes, `ends` the
    line ends; `table` has the same without blank lines, and `lines` the place of each of its rows in `rows`."""

    prefix: str
    rows: tuple[tuple[str, ...], ...]
    ends: tuple[str, ...]
    encoding: str
    table: Table
    lines: tuple[int, ...]

    def filled(self, cells: Mapping[tuple[int, int], str]) -> bytes:
        """The file with other values in some cells: (row of the table or -1 for its head, column) → value."""
        rows = [list(row) for row in self.rows]
        places = dict(enumerate(self.lines)) | {-1: self._head}
        for (index, column), value in sorted(cells.items()):
            row = rows[places[index]]
            row += [""] * (column + 1 - len(row))
            row[column] = self._written(value, row[column])
        separator = self.table.separator
        text = "".join(separator.join(row) + end for row, end in zip(rows, self.ends))
        return (self.prefix + text).encode(self.encoding, "surrogateescape")

    @property
    def _head(self) -> int:
        return next(index for index, row in enumerate(self.rows) if any(map(str.strip, row)))

    def _written(self, value: str, before: str) -> str:
        """A value as a cell, in quotes where the cell had them or needs them. What the file's encoding lacks becomes a
        character reference: such values are HTML."""
        text = value.encode(self.encoding, "xmlcharrefreplace").decode(self.encoding)
        if before.startswith('"') or any(sign in text for sign in ('"', "\r", "\n", self.table.separator)):
            return '"' + text.replace('"', '""') + '"'
        return text


def read(path: Path) -> Sheet:
    """Read a table. Raises `TableError`, `OSError`."""
    table = tables.read(path)
    data = path.read_bytes()
    encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), table.encoding)
    text = data.decode(encoding, "surrogateescape")
    prefix = PREFIX.match(text)[0]
    rows, ends = _split(text[len(prefix) :], table.separator, path)
    filled = [index for index, row in enumerate(rows) if any(_value(cell).strip() for cell in row)]
    values = [tuple(map(_value, rows[index])) for index in filled[1:]]
    return Sheet(prefix, rows, ends, encoding, dataclasses.replace(table, rows=tuple(values)), tuple(filled[1:]))


def _split(text: str, separator: str, path: Path) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The cells of each line, and the line ends."""
    bare = f"[^{re.escape(separator)}\r\n]*"
    cell = re.compile(rf'("(?:[^"]|"")*+"{bare}|(?!"){bare})({re.escape(separator)}|{LINE_END}|\Z)')
    rows, ends, row, place = [], [], [], 0
    while place < len(text) or row:
        found = cell.match(text, place)
        if not found:
            line = text.count("\n", 0, place) + 1
            raise TableError(f"{path} cannot be read as a table: a quotation mark in line {line} is never closed.")
        row.append(found[1])
        place = found.end()
        if found[2] != separator:
            rows.append(tuple(row))
            ends.append(found[2])
            row = []
    return tuple(rows), tuple(ends)


def _value(cell: str) -> str:
    """What a cell says.

    >>> _value('"a ""b"", c"'), _value("a")
    ('a "b", c', 'a')
    """
    if not cell.startswith('"'):
        return cell
    quoted, _, rest = cell[1:].replace('""', "\0").partition('"')
    return (quoted + rest).replace("\0", '"')
