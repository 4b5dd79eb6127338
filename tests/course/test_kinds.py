"""Which notebook of the course somebody's notebook is."""

import json

import pytest

from course import ROOT
from course.folder import CourseError, Folder
from course.notebooks.kinds import kind_of, kinds
from course.notebooks.reading import read_notebook


@pytest.fixture(scope="module")
def known():
    return kinds(Folder.at(ROOT))


RELEASED = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "release").glob("*/*.ipynb"))


def changed(path: str, change) -> bytes:
    content = json.loads((ROOT / path).read_bytes())
    change(content)
    return json.dumps(content).encode()


def bare(content: dict) -> None:
    """Without metadata, outputs and ids."""
    content["metadata"] = {}
    content["cells"] = [{**cell, "metadata": {}, "id": str(number)} for number, cell in enumerate(content["cells"])]


def lying(content: dict) -> None:
    """It says that it is another unit, and nothing of it is."""
    content["metadata"]["course"] = {"unit": "reviews" if "emotion" in str(content) else "emotion", "language": "en"}


def half(content: dict) -> None:
    bare(content)
    content["cells"] = content["cells"][::2]


@pytest.mark.parametrize("change", [lambda content: None, bare, half])
def test_every_notebook_of_the_course(known, change):
    """By its metadata, and by its text alone."""
    for path in RELEASED:
        found = kind_of(read_notebook(changed(path, change)), known)
        assert f"release/{found.assignment}/{found.name}.ipynb" == path


@pytest.mark.parametrize("path", RELEASED[::4])
def test_metadata_that_the_text_contradicts(known, path):
    """Nothing but the lines that all units share is of the unit that is named."""
    found = kind_of(read_notebook(changed(path, lying)), known)
    assert f"release/{found.assignment}/{found.name}.ipynb" == path


def test_another_notebook(known):
    cells = [{"cell_type": "code", "source": "import numpy as np\nprint(np.arange(1_000_000).sum())"}]
    assert kind_of(read_notebook(json.dumps({"cells": cells}).encode()), known) is None


def test_a_course_without_metadata_of_ours(tmp_path):
    """The assignment is the unit; where there is no source, the release stands for it."""
    path = tmp_path / "release" / "hw" / "a.ipynb"
    path.parent.mkdir(parents=True)
    cell = {"cell_type": "code", "source": "# a long line of the teacher's\n", "metadata": {}, "outputs": []}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}))
    (kind,) = kinds(Folder.at(tmp_path))
    assert (kind.assignment, kind.name, kind.unit, kind.language) == ("hw", "a", "hw", "")
    path.write_text("{")
    with pytest.raises(CourseError, match="is no notebook"):
        kinds(Folder.at(tmp_path))
