"""A course folder with a unit in two languages, and the page that a class in it makes."""

import datetime

import nbformat
import pytest

from course.folder import Folder
from course.pages import report, standing
from tests.course.report.build import ENGLISH, RUSSIAN, Page, notebook, of


@pytest.fixture
def folder(tmp_path) -> Folder:
    """A course with a unit in two languages."""
    for language, words in (("en", ENGLISH), ("ru", RUSSIAN)):
        for step in ("source", "release"):
            home = tmp_path / step / f"sums-{language}"
            home.mkdir(parents=True)
            nbformat.write(notebook(language, words), home / "sums.ipynb")
    return Folder.at(tmp_path)


@pytest.fixture
def page(folder):
    """A function: verdicts, what the command hands over → the page."""

    def made(*verdicts, given=None, language="en", waiting=()) -> Page:
        given = given or standing.Handed()
        units = of(folder, *verdicts, given=given, waiting=waiting)
        return Page(report.page(folder, units, given.roster, language, datetime.datetime(2024, 1, 1)))

    return made
