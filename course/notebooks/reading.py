"""A file that was handed in, as cells: a notebook of nbformat 3 or 4, in any encoding of Unicode.

In: bytes. Out: type, source, grade id and id of each cell, the unit and language that the notebook names, and nothing
else of the file; or `Unreadable`.
"""

import json
import re
from collections import Counter

import nbformat
from nbformat import NotebookNode

MAX_FILE = 64 * 2**20  # bytes: pictures of a long training fit, and they are dropped anyway
MAX_VALUES = 4_000_000  # JSON values in the file: each needs up to 100 bytes of memory, however short it is
MAX_CELLS = 20_000  # a hundred times a long notebook
MAX_CELL = 2 * 2**20  # characters of one cell: a picture in a text fits, a book does not
MAX_SOURCES = 16 * 2**20  # characters of all cells together
MAX_ID = 200  # characters of an id that is looked at: nbformat allows 64
SURROGATE = re.compile("[\ud800-\udfff]")


class Unreadable(Exception):
    """The file cannot be read as a notebook; the message says why, for a teacher."""


class WrongNotebook(Exception):
    """The notebook belongs to something else; the message says so, for a teacher."""


def read_notebook(data: bytes) -> NotebookNode:
    """Read a notebook. `metadata.repairs` of the result counts what was left out. Raises `Unreadable`."""
    root, repairs = _json(data)
    if not isinstance(root, dict):
        raise Unreadable("The file is JSON, but not a notebook.")
    cells, room = [], MAX_SOURCES
    for cell in _raw_cells(root):
        read = _read_cell(cell, repairs)
        if read is None:
            repairs["not_text"] += 1
            continue
        room -= len(read["source"])
        if len(read["source"]) > MAX_CELL or room < 0:
            repairs["too_long"] += 1
            continue
        cells.append(read)
    if not cells:
        raise Unreadable("The notebook has no cell that can be read.")
    metadata = {"repairs": dict(repairs)} | _said(root)
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


def _said(root: dict) -> dict:
    """What the notebook says of itself: the unit of the course and the language."""
    metadata = root.get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    fields = {name: _short(course.get(name)) for name in ("unit", "language")} if isinstance(course, dict) else {}
    return {"course": fields} if all(fields.values()) and fields else {}


def _json(data: bytes) -> tuple[object, Counter]:
    repairs = Counter()
    if len(data) > MAX_FILE:
        raise Unreadable(f"The file is larger than {MAX_FILE // 2**20} MiB: clear its outputs and hand it in again.")
    if not data.strip(b"\0 \r\n\t"):
        raise Unreadable("The file is empty.")
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        repairs["encoding"] = 1
    del data
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise Unreadable("The file holds too many values: clear its outputs and hand it in again.")
    try:
        return json.loads(text), repairs
    except RecursionError:
        raise Unreadable("The file is nested too deep to be a notebook.") from None
    except ValueError:
        if text.lstrip("\ufeff \r\n\t").startswith("<"):
            raise Unreadable("The file is a web page, not a notebook.") from None
        raise Unreadable("The file is not a notebook: it is not JSON, or it is cut off.") from None


def _raw_cells(root: dict) -> list:
    """The cells of nbformat 4, or those of all worksheets of nbformat 3."""
    cells = root.get("cells")
    if not isinstance(cells, list):
        sheets = root.get("worksheets")
        sheets = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if _is_list(sheets) else []
        cells = [cell for sheet in sheets if _is_list(sheet) for cell in sheet]
    if not cells:
        raise Unreadable("The notebook has no cells.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has more than {MAX_CELLS} cells.")
    return cells


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _read_cell(cell: object, repairs: Counter) -> dict | None:
    """Type, source and ids of a cell; None for what is no cell with a text."""
    if not isinstance(cell, dict):
        return None
    kind = cell.get("cell_type")
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or kind not in ("code", "markdown", "raw", "heading", "html"):
        return None
    if kind == "heading":
        level = cell.get("level")
        source = f"{'#' * level if isinstance(level, int) and 0 < level < 7 else '#'} {source}"
    cleaned = SURROGATE.sub("\ufffd", source.replace("\0", ""))
    repairs["cleaned"] += cleaned != source
    read = {
        "cell_type": kind if kind in ("code", "raw") else "markdown",
        "source": cleaned.replace("\r\n", "\n").replace("\r", "\n"),
        "metadata": {},
    }
    if name := grade_id(cell):
        read["metadata"]["nbgrader"] = {"grade_id": name}
    if name := cell_id(cell):
        read["id"] = name
    return read


def grade_id(cell: dict) -> str | None:
    """The grade id of a cell, whoever's it is."""
    metadata = cell.get("metadata")
    settings = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return _short(settings.get("grade_id")) if isinstance(settings, dict) else None


def cell_id(cell: dict) -> str | None:
    """The id of a cell; Colab writes it to the metadata."""
    metadata = cell.get("metadata")
    return _short(cell.get("id")) or _short(metadata.get("id") if isinstance(metadata, dict) else None)


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID else None
