"""Builders for the tests of the teacher's side: small units, and a copy of the course that a test may change."""

import shutil

import pytest
import yaml

from course import ROOT
from course.build import catalog, read, write
from course.build.read import LANGUAGES, UNITS, Unit, parse_unit, unit_names
from course.build.write import Built, build_unit

FRONT_MATTER = {
    "title": "Small things",
    "summary": "What a small unit is.",
    "goals": ["see a unit", "build it"],
    "minutes": 5,
    "training": "no time at all",
    "prerequisites": "none",
    "data": "none",
}


def unit_text(*cells: str, **fields) -> str:
    """The text of a unit: front matter (a field given as None is left out), then the cells."""
    fields = {name: value for name, value in (FRONT_MATTER | fields).items() if value is not None}
    header = "".join(f"# {line}\n" for line in yaml.safe_dump(fields, allow_unicode=True).splitlines())
    return f"# ---\n{header}# ---\n\n" + "\n\n".join(cells) + "\n"


@pytest.fixture(name="unit_text")
def _unit_text():
    return unit_text


@pytest.fixture
def small_unit():
    """A function: cells in percent format → the unit `small`."""

    def build(*cells: str) -> Unit:
        return parse_unit("small", unit_text(*cells))

    return build


@pytest.fixture(scope="session")
def built() -> dict[tuple[str, str], Built]:
    """(unit, language) → what the builder makes of the unit's text, as it is now."""
    return {
        (name, language): made
        for name in unit_names()
        for language, made in zip(LANGUAGES, build_unit(name), strict=True)
    }


@pytest.fixture
def course_copy(tmp_path, monkeypatch, built):
    """A folder with the unit `ner`, its catalogues and its notebooks, which the builder and `course` take for ROOT."""
    shutil.copytree(UNITS / "ner", tmp_path / "course" / "units" / "ner", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write.write([made for (name, _), made in built.items() if name == "ner"], tmp_path)
    for module in (read, catalog):
        monkeypatch.setattr(module, "UNITS", tmp_path / "course" / "units")
    monkeypatch.setattr(write, "ROOT", tmp_path)
    monkeypatch.setattr("course.cli.ROOT", tmp_path)
    return tmp_path
