"""This project's `course grade`: all cases and honest neighbours as one class, graded by one command.

In: cases, and where tests are judged ("outside" as the notebook says, or "inside"). Out: findings. If a neighbour loses
points, every case of the class is at fault; `--case` finds out which.
"""

import functools
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat

from .. import handing_in
from ..cases import ESSAY, EXERCISES, POINTS, Case
from ..handing_in import ASSIGNMENT
from ..judging import Finding, Outcome, judge
from . import Unavailable

NEIGHBOURS = ("0-neighbour", "m-neighbour", "zz-neighbour")  # among the cases by their names
LIMITS = ("--cell-timeout", "6", "--timeout", "60", "--memory", "1024")  # seconds, seconds, MiB
SECONDS = 1800.0  # for the class


def run(cases: Iterable[Case], python: str, tests: str = "outside") -> Iterator[Finding]:
    """Grade the class with the course of this Python. Raises `Unavailable`."""
    cases = list(cases)
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        course = Path(folder)
        _write_class(course, cases)
        before = _teachers_files(course)
        lines = course / "verdicts.jsonl"
        _command(course, python, "grade", "--tests", tests, *LIMITS, "--json", str(lines))
        verdicts = {line["student"]: line for line in map(json.loads, lines.read_text().splitlines())}
        _command(course, python, "feedback")
        files = _teachers_files(course) == before
        neighbours = {name: _is_whole(verdicts.get(name)) for name in NEIGHBOURS}
        for case in cases:
            yield judge(case, _outcome(case, verdicts.get(case.name), course, neighbours, files))


inside = functools.partial(run, tests="inside")


def _write_class(course: Path, cases: list[Case]) -> None:
    source = course / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    (source / f"{ASSIGNMENT}.ipynb").write_bytes(handing_in.SOURCE.read_bytes())
    (source / "checks.py").write_bytes(handing_in.CHECKS.read_bytes())
    (course / "teachers.txt").write_text("A file of the teacher's.\n")
    for name in NEIGHBOURS:
        handing_in.honest(*handing_in.released()).write(course / "submitted" / name / ASSIGNMENT)
    for case in cases:
        handed_in = handing_in.hand_in(case, str(course), *handing_in.released())
        handed_in.write(course / "submitted" / case.name / ASSIGNMENT)


def _teachers_files(course: Path) -> dict[str, bytes]:
    """What no submission may change."""
    paths = [course / "teachers.txt", *(course / "source").rglob("*.*"), *(course / "submitted").rglob("*.*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


def _command(course: Path, python: str, name: str, *options: str) -> None:
    command = [python, "-m", "course.cli", name, ASSIGNMENT, "--course-dir", str(course), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise Unavailable(f"course {name} failed: {done.stderr[-500:]}")


def _outcome(case: Case, verdict: dict | None, course: Path, neighbours: dict[str, bool], files: bool) -> Outcome:
    if verdict is None:
        return Outcome(neighbours=neighbours, files=files)
    cells = {cell["grade_id"].removeprefix("test_"): cell for cell in verdict["cells"]}
    refused = verdict["verdict"] in ("unreadable", "wrong_notebook")
    graded = course / "autograded" / case.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    page = course / "feedback" / case.name / ASSIGNMENT / f"{ASSIGNMENT}.html"
    return Outcome(
        points={name: cell["score"] for name, cell in cells.items() if cell["score"] is not None and not refused},
        asked=frozenset(name for name, cell in cells.items() if cell["status"] == "manual"),
        refused=verdict["cause"] if refused else "",
        neighbours=neighbours,
        files=files,
        printed=_printed(graded) if graded.exists() else "",
        page=page.read_text(encoding="utf-8") if page.exists() else "",
    )


def _printed(path: Path) -> str:
    """The outputs of the cells that are no tests."""
    cells = nbformat.read(path, as_version=4).cells
    mine = [cell for cell in cells if not cell.metadata.get("nbgrader", {}).get("grade")]
    return "".join(json.dumps(cell.get("outputs", [])) for cell in mine)


def _is_whole(verdict: dict | None) -> bool:
    """Whether an honest neighbour has all points, and its written answer waits for a person."""
    scores = {cell["grade_id"].removeprefix("test_"): cell["score"] for cell in verdict["cells"]} if verdict else {}
    return scores == dict.fromkeys(EXERCISES, POINTS) | {ESSAY: None}


def version(python: str) -> str:
    """The grader's name."""
    return "this course"
