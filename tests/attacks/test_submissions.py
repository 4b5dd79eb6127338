"""Files that are no notebooks, or too much of one, and folders made to lead elsewhere."""

import csv
import io
import json
import os
import re
import zipfile

import nbformat
import pytest

from course.folder import Folder, Unfit
from course.kept import load_all, save
from course.pages import report, standing, tables
from course.verdict import CellScore, Verdict

ALL = {"test_add", "test_scale", "test_tally"}


def zipped(name: str, data: bytes) -> bytes:
    """An archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


UNREADABLE = {
    "nothing": lambda: b"",
    "zeros": lambda: bytes(1000),
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + os.urandom(1000),
    "a web page": lambda: b"<!doctype html><html></html>",
    "half a notebook": lambda: b'{"cells": [{"cell_type": "code", "source": "x = ',
    "another kind of JSON": lambda: b"[1, 2, 3]",
    "no cells": lambda: b'{"cells": [], "nbformat": 4}',
    "cells that are none": lambda: b'{"cells": [1, null, [], "x"], "nbformat": 4}',
    "deep JSON": lambda: b"[" * 100_000 + b"]" * 100_000,
    "deep JSON in a cell": lambda: b'{"cells": [' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
    "a hundred megabytes": lambda: b'{"cells": [{"cell_type": "code", "source": "' + b"x" * 100_000_000 + b'"}]}',
    "a hundred thousand cells": lambda: json.dumps(
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "1"}] * 100_000}
    ).encode(),
    "twenty million values": lambda: b'{"cells": [' + b"1," * 20_000_000 + b"1]}",
    "a zip bomb": lambda: zipped("n.ipynb", bytes(200_000_000)),
    "a zip that leads elsewhere": lambda: zipped("../../n.txt", b"x"),
    "a damaged zip": lambda: zipped("n.ipynb", b"{}")[:-30],
    "a number of a million digits": lambda: b'{"cells": [], "x": ' + b"9" * 1_000_000 + b"}",
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_notebook_is_unreadable(grade_bytes, name):
    """One sentence says why; no points, nothing is run."""
    verdict = grade_bytes(UNREADABLE[name]()).verdict
    assert verdict.verdict in ("unreadable", "wrong_notebook")
    assert verdict.cause and verdict.score is None


SOURCES = {
    "an expression ten thousand deep": "x = " + "-" * 10_000 + "1",
    "ten thousand parentheses": "x = " + "(" * 10_000 + ")" * 10_000,
    "a sum of five thousand": "def add(a, b):\n    return 0\nx = " + "+".join(["1"] * 5_000),
    "five hundred attributes": "def add(a, b):\n    return a" + ".x" * 5_000,
    "null bytes": "x = 1\0",
    "half an emoji": "x = '\ud800'",
    "no Python": "SELECT * FROM marks;",
    "a megabyte": "x = '" + "x" * 1_000_000 + "'",
    "names of other alphabets": "def ａｄｄ(a, b):\n    return a + b\nпеременная = 1",
    "a coding line": "# -*- coding: utf-7 -*-\nx = '+ADw-'",
    "right to left": "x = 1 # \u202e\u2066",
    "decorators that run": "@print\ndef add(a, b):\n    return 0",
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_made_to_hurt_costs_its_own_exercise(filled, grade_bytes, name):
    """Reading, comparing and running it is a matter of seconds, and the rest is graded."""
    answer = next(cell for cell in filled.cells if cell.id == "add")
    answer.source = SOURCES[name]
    outcome = grade_bytes(json.dumps(filled).encode(), cell_seconds=60)
    assert outcome.earned >= {"test_scale", "test_tally"}
    assert ("test_add" in outcome.earned) == (name == "names of other alphabets")


def test_twenty_thousand_cells_of_text(filled, grade_bytes):
    """Many cells without code cost no time to run."""
    filled.cells += [nbformat.v4.new_markdown_cell("x", id=f"c{n}") for n in range(15_000)]
    assert grade_bytes(json.dumps(filled).encode()).earned == ALL


def test_nothing_was_handed_in(grade_bytes):
    """A folder without a notebook is a verdict as well."""
    assert grade_bytes(None).verdict.verdict == "wrong_notebook"


@pytest.fixture
def folder(tmp_path):
    """A submission's folder, and a function that says what the grader reads of it."""
    root = tmp_path / "course"
    submitted = root / "submitted" / "ana" / "a"
    submitted.mkdir(parents=True)
    (tmp_path / "secret.ipynb").write_text("secret")
    return submitted, lambda: Folder.at(root).handed_in("a", "ana")


def test_a_link_is_not_followed(folder):
    """It could lead to another student's notebook, or to the solution."""
    submitted, read = folder
    (submitted / "n.ipynb").symlink_to("../../../../secret.ipynb")
    with pytest.raises(Unfit, match="link"):
        read()


def test_a_linked_folder_is_not_followed(folder, tmp_path):
    """Neither the assignment's folder nor the student's."""
    submitted, read = folder
    submitted.rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "n.ipynb").write_text("secret")
    submitted.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unfit, match="link"):
        read()


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a broken link"])
def test_what_is_no_file_is_not_opened(folder, kind):
    """A pipe would keep the grader waiting for ever."""
    submitted, read = folder
    path = submitted / "n.ipynb"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
        with pytest.raises(Unfit, match="link"):
            read()
        path.unlink()
    assert read() == []


def test_a_file_of_a_terabyte_is_not_read(folder):
    """A sparse file is made in no time; no more of it is read than a notebook may have."""
    submitted, read = folder
    with (submitted / "n.ipynb").open("wb") as file:
        file.truncate(1 << 36)
    ((_, _, data),) = read()
    assert len(data) < 100_000_000


ODD_NAMES = [
    "=cmd|' calc'!A0",
    "+1",
    "-1",
    "@sum",
    "Ольга Петрова",
    "a\nb",
    "'; drop table grade; --",
    "<b>x",
    "\u202eevil",
    "a;=1+1;b",
    "a\t+1",
    "a, =1",
    "＝1",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_students_name_is_only_a_name(tmp_path, name):
    """No formula in the table, no markup on the page, no path in a file's name."""
    cells = (CellScore("test_add", 0.0, 10.0, "failed", name),)
    save(Verdict(name, "a", "graded", name, (), 0.0, 10.0, 1.0, cells), Folder.at(tmp_path), name)
    verdicts = load_all(tmp_path, "a")
    assert [verdict.student for verdict in verdicts] == [name]
    units = standing.units(Folder.at(tmp_path), ["a"], standing.Handed())
    tables.write_csv(units, tmp_path / "marks.csv")
    report.write(Folder.at(tmp_path), units, {}, "en", tmp_path / "report.html")
    with (tmp_path / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file))
    assert len(table) == 2
    parts = [part.strip() for value in table[1] for part in re.split(r"[;,\t|\n]", value)]
    assert not any(part.startswith(tuple("=+-@＝＋－＠")) for part in parts)
    assert "<b>x" not in (tmp_path / "report.html").read_text(encoding="utf-8")
