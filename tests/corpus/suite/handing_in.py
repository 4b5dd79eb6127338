"""A case becomes what a student hands in.

In: a case, and the notebook of a grader's format with the names of its cells. Out: `HandedIn`, the files of a
submission. `honest` makes the neighbours: everything is answered, nothing else is done.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from . import operations
from .cases import ESSAY, EXERCISES, HOME, Case

ASSIGNMENT = "measures"
FOLDER = HOME / "assignment"
SOURCE, RELEASE, CHECKS = FOLDER / "source.ipynb", FOLDER / "release.ipynb", FOLDER / "checks.py"
COURSE = "{{course}}"  # stands in cases for the folder of the course on the machine that grades


@dataclasses.dataclass(frozen=True)
class HandedIn:
    """The files of one submission, path → bytes; `notebook` is the path of the one that is meant."""

    notebook: str
    files: Mapping[str, bytes]

    def write(self, folder: Path) -> None:
        """Put the files into a folder, which is made."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def right_answers() -> dict[str, str]:
    """Exercise → a right answer."""
    return tomllib.loads((FOLDER / "answers.toml").read_text(encoding="utf-8"))


def released() -> tuple[dict, dict[str, dict]]:
    """The notebook that students get in nbgrader's format, and its cells by name."""
    notebook = json.loads(RELEASE.read_text(encoding="utf-8"))
    return notebook, {cell["id"]: cell for cell in notebook["cells"]}


def hand_in(case: Case, course: str, notebook: dict, cells: Mapping[str, dict]) -> HandedIn:
    """The files of a case; `course` is put where its texts name the folder of the course. The notebook is changed."""
    submission = operations.Submission(notebook, cells, f"{ASSIGNMENT}.ipynb")
    if case.start == "answered":
        _answer(submission)
    for operation in case.do:
        operations.apply(submission, _placed(operation, course))
    return HandedIn(submission.name, {submission.name: operations.written(submission)} | submission.beside)


def honest(notebook: dict, cells: Mapping[str, dict]) -> HandedIn:
    """A submission in which everything is right."""
    submission = operations.Submission(notebook, cells, f"{ASSIGNMENT}.ipynb")
    _answer(submission)
    return HandedIn(submission.name, {submission.name: operations.written(submission)})


def _answer(submission: operations.Submission) -> None:
    answers = right_answers()
    for name in (*EXERCISES, ESSAY):
        if name in submission.cells:
            operations.write(submission, name, answers[name])


def _placed(value: object, course: str) -> object:
    if isinstance(value, str):
        return value.replace(COURSE, course)
    if isinstance(value, Mapping):
        return {key: _placed(each, course) for key, each in value.items()}
    return value
