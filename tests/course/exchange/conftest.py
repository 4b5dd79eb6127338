"""What the tests of collecting share."""

import pytest

from tests.course.exchange.making import TEXTS, Course, notebook


@pytest.fixture
def course(tmp_path) -> Course:
    """A course folder with source and release."""
    for assignment in TEXTS:
        unit = assignment.partition("-")[0]
        for step in ("source", "release"):
            path = tmp_path / "course" / step / assignment / f"{unit}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(notebook(assignment, solved=step == "source"))
    return Course(tmp_path / "course")
