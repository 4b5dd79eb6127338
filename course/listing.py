"""Lines for a terminal: in groups, in columns, no wider than the window.

In: groups of lines, each with cells and what there is to say about it. Out: text. Names and paths come from students:
nothing that a terminal would obey gets through.
"""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from course.verdict import printable

WIDEST = 110  # columns: longer lines are hard to read
CELL = 36  # columns: what is longer stands on a line of its own


class Line(NamedTuple):
    """Cells that stand below each other, and a sentence that stands below them."""

    cells: Sequence[str]
    said: str = ""


def who(name: str, student: str) -> tuple[str, str]:
    """Two cells: a student's name, and the id where it is another one."""
    return name or student, student if name and student != name else ""


def listing(groups: Iterable[tuple[str, Sequence[Line]]], width: int = 0) -> str:
    """The groups that have lines, each below its title with their number.

    >>> print(listing([("placed", [Line(("anna", "ner-en")), Line(("boris", ""), "It is ner-ru.")])], 80))
    placed: 2
      anna   ner-en
      boris
          It is ner-ru.
    """
    width = min(width or shutil.get_terminal_size((80, 24)).columns, WIDEST)
    found = [(title, [_printable(line) for line in lines]) for title, lines in groups if lines]
    columns = list(zip(*(line.cells for _, lines in found for line in lines)))
    sizes = [max((size for size in map(cell_len, column) if size <= CELL), default=0) for column in columns]
    text = []
    for title, lines in found:
        text.append(f"{title}: {len(lines)}")
        for line in lines:
            text += _cells(line.cells, sizes, width)
            text += textwrap.wrap(line.said, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(text)


def _printable(line: Line) -> Line:
    return Line(tuple(map(printable, line.cells)), printable(line.said))


def _cells(cells: Sequence[str], sizes: Sequence[int], width: int) -> list[str]:
    """The cells in their columns; after one that is too long, and where the window ends, a new line begins."""
    lines, place, start = [""], 2, 2
    for cell, size in zip(cells, sizes):
        if cell and lines[-1].strip() and (place + cell_len(cell) > width or cell_len(lines[-1]) >= place):
            lines.append("")
            place = place if place + cell_len(cell) <= width else start + 4
        if cell:
            lines[-1] += " " * (place - cell_len(lines[-1])) + cell
        place += size + 2 if size else 0
    return [part for line in lines for part in _cut(line, width)]


def _cut(line: str, width: int) -> list[str]:
    """A line that fits, or parts of one that has no place to break."""
    if cell_len(line) <= width:
        return [line.rstrip()]
    return textwrap.wrap(line, width, subsequent_indent=" " * 4, drop_whitespace=False, break_long_words=True)
