"""The teacher's notebooks, for tests that run them."""

import os
from pathlib import Path

import nbformat
import pytest

from course import ROOT
from course.build.read import languages_of, unit_names
from course.grade import roles

EVERYTHING = [(unit, language) for unit in unit_names() for language in languages_of(unit)]
# The code of a unit's languages is the same (the build sees to it), so each unit runs in one, and each language has
# its turn, with the short training that grading takes. `COURSE_ALL_NOTEBOOKS=1` runs all, with the one of students.
ONE_EACH = [(unit, languages_of(unit)[number % len(languages_of(unit))]) for number, unit in enumerate(unit_names())]
ALL = bool(os.environ.get("COURSE_ALL_NOTEBOOKS"))
WITH_COLABS_PACKAGES = [("emotion", "en"), ("ner", "es"), ("toxicity", "ru")]  # a unit of each kind of training


def each_of(notebooks: list[tuple[str, str]]):
    """A test for each of these notebooks, units and languages, or for all there are."""
    return pytest.mark.parametrize(("unit", "language"), EVERYTHING if ALL else notebooks)


def copied(assignment: str, folder: Path, short: bool = True) -> Path:
    """The teacher's notebook, copied into a folder; `short`: with the training that grading takes."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{assignment.partition('-')[0]}.ipynb"
    notebook = nbformat.read(ROOT / "source" / assignment / name, as_version=4)
    if short:
        roles.set_parameters(notebook)
    nbformat.write(notebook, folder / name)
    return folder / name
