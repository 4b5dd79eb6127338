"""Stock nbgrader: each case between two honest neighbours, in a process and a sandbox of its own.

In: cases. Out: findings. `ana` has been graded before the case comes, `zoe` is graded after it by the same command.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import confined, handing_in
from ..cases import EXERCISES, HOME, POINTS, Case
from ..handing_in import ASSIGNMENT
from ..judging import Finding, Outcome, judge
from . import Unavailable

DRIVER = HOME / "suite" / "inside" / "nbgrader_driver.py"
CELL_SECONDS = 10
SECONDS = (
    180.0  # for one case: a grading takes about ten on a quiet machine, and one test calls a function up to five times
)
BEFORE, AFTER = "ana", "zoe"


def run(cases: Iterable[Case], python: str) -> Iterator[Finding]:
    """Grade each case with the nbgrader of this Python. Raises `Unavailable`."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        template = Path(folder, "template")
        _make_template(template, python)
        for number, case in enumerate(cases):
            home = Path(folder, f"case-{number}")
            yield judge(case, _grade(case, template, home, python))
            shutil.rmtree(home)


def _make_template(course: Path, python: str) -> None:
    """A course of nbgrader's with two honest submissions, the first one graded."""
    source = course / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    shutil.copy(handing_in.SOURCE, source / f"{ASSIGNMENT}.ipynb")
    shutil.copy(handing_in.CHECKS, source)
    (course / "nbgrader_config.py").touch()
    (course / "teachers.txt").write_text("A file of the teacher's.\n")
    handing_in.honest(*handing_in.released()).write(course / "submitted" / BEFORE / ASSIGNMENT)
    its_commands = os.environ | {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}  # alembic is one
    for command in ("generate_assignment", "autograde"):
        done = subprocess.run(
            [python, "-m", "nbgrader", command, ASSIGNMENT], cwd=course, env=its_commands, capture_output=True
        )
        if done.returncode:
            raise Unavailable(f"nbgrader {command} failed: {done.stderr.decode(errors='replace')[-500:]}")
    handing_in.honest(*handing_in.released()).write(course / "submitted" / AFTER / ASSIGNMENT)


def _grade(case: Case, template: Path, home: Path, python: str) -> Outcome:
    handing_in.hand_in(case, confined.COURSE, *handing_in.released()).write(home / "submission")
    results = home / "results"
    results.mkdir()
    shown = confined.python(python) | {str(template): "/template", str(home / "submission"): "/submission"}
    shown[str(DRIVER)] = "/driver.py"
    page = "page" if case.right.not_on_page else "none"
    command = [python, "/driver.py", "/template", "/submission", ASSIGNMENT, str(CELL_SECONDS), page]
    try:
        done = confined.run(command, shown, results, SECONDS)
    except confined.Unconfined as error:
        raise Unavailable(str(error)) from None
    found = results / "found.json"
    if done.code is None:
        return Outcome(broken=f"time: the grader had not come to an end after {SECONDS:g} s")
    if not found.exists():
        return Outcome(broken="neighbours: the grader was ended, and nobody has marks")
    return _outcome(json.loads(found.read_text()))


def _outcome(found: dict) -> Outcome:
    """What the driver has seen; a submission without an entry is refused if nbgrader has ended with an error."""
    students = found["students"]
    rows = {name.removeprefix("test_"): row for name, row in students.get("case", {}).items()}
    points = {name: auto + (extra or 0) for name, (auto, _, extra, _) in rows.items() if auto is not None}
    failed = found["exit"] and not points
    return Outcome(
        points=points,
        asked=frozenset(name for name, row in rows.items() if row[3] and row[0] is None),
        refused=found["log"] if failed else "",
        neighbours={name: _is_whole(students.get(name, {})) for name in (BEFORE, AFTER)},
        files=found.get("files", False),
        printed=found["printed"],
        page=found.get("page"),
    )


def _is_whole(rows: dict) -> bool:
    return all(rows.get(f"test_{name}", [None] * 4)[0] == POINTS and not rows[f"test_{name}"][2] for name in EXERCISES)


def version(python: str) -> str:
    """The grader's name."""
    script = "import importlib.metadata as m; print(m.version('nbgrader'))"
    return f"nbgrader {subprocess.run([python, '-c', script], capture_output=True, text=True).stdout.strip()}"
