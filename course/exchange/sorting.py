"""Whose is what in all sources.

In: the paths of archives and folders. Out: entries with their owners; and a row for everything that is refused or
nobody's. An archive in an archive is opened if somebody can be found in it.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from course.exchange import archives, platforms
from course.exchange.archives import Entry, Opened, SourceError
from course.exchange.platforms import Owned
from course.exchange.request import Row, iso

NESTED = 2  # archives in archives of a whole class


class Sorting:
    """Whose is what in all sources; what is nobody's becomes rows."""

    def __init__(self, words: frozenset[str], is_known: Callable[[str], bool]):
        self.words, self.is_known = words, is_known
        self.owned: list[Owned] = []
        self.rows: list[Row] = []

    def take(self, sources: tuple[Path, ...], stack: contextlib.ExitStack) -> None:
        """Read the sources. Raises `SourceError` if none of them can be read, or one is not there."""
        troubles = []
        for path in sources:
            if not path.exists():
                raise SourceError(f"There is no archive or folder {path}.")
            try:
                self._sort(archives.opened(path, stack), stack, 0)
            except SourceError as error:
                troubles.append(error)
                self.rows.append(Row(path.name, reason=str(error)))
        if len(troubles) == len(sources):
            raise troubles[0]

    def _sort(self, source: Opened, stack: contextlib.ExitStack, depth: int) -> None:
        self.rows += [Row(source.name, path, reason=reason) for path, reason in source.refused]
        owned, rest = platforms.owned(source, self.words, self.is_known)
        self.owned += owned
        for entry in rest:
            if not self._is_nested(entry, stack, depth) and entry.path.lower().endswith((".ipynb", ".zip", ".txt")):
                reason = "Nothing says whose it is: put it into a folder with the student's name."
                self.rows.append(Row(source.name, entry.path, reason=reason, submitted_at=iso(entry.time)))

    def _is_nested(self, entry: Entry, stack: contextlib.ExitStack, depth: int) -> bool:
        """Whether it is an archive in which somebody can be found: a class's, or one with a person's name."""
        if not entry.path.lower().endswith(".zip") or depth >= NESTED:
            return False
        try:
            inner = archives.nested(entry, stack)
        except SourceError as error:
            self.rows.append(Row(entry.source, entry.path, reason=str(error)))
            return True
        found, _ = platforms.owned(inner, self.words, self.is_known)
        if found:
            self._sort(inner, stack, depth + 1)
        return bool(found)
