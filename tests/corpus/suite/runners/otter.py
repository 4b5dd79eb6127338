"""Stock otter: `otter assign` makes its version of the assignment, `otter run` grades each case in its own sandbox.

In: cases. Out: findings. `otter run` is what otter does inside of the containers of `otter grade`. What these
containers are for, other people's work, files and time, is not otter's own and is left out: `NOT_SEEN`.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import confined, handing_in
from ..cases import EXERCISES, HOME, POINTS, Case
from ..handing_in import ASSIGNMENT
from ..judging import Finding, Outcome, judge, not_applicable
from . import Unavailable

DRIVER = HOME / "suite" / "inside" / "otter_driver.py"
SECONDS = 180.0  # for one case: otter has no limit of its own for a cell
NOT_SEEN = {"neighbours", "files", "time", "page"}
CONFIG = """\
# ASSIGNMENT CONFIG
export_cell: false
check_all_cell: false
generate: true
files:
- checks.py"""


def run(cases: Iterable[Case], python: str) -> Iterator[Finding]:
    """Grade each case with the otter of this Python. Raises `Unavailable`."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        made = Path(folder, "made")
        _assign(made, python)
        for number, case in enumerate(cases):
            if case.needs:
                yield not_applicable(case, "otter has no such metadata")
            elif case.aims and set(case.aims) <= NOT_SEEN:
                yield not_applicable(case, "otter leaves this to its containers")
            else:
                home = Path(folder, f"case-{number}")
                yield judge(case, _grade(case, made, home, python))
                shutil.rmtree(home)


def version(python: str) -> str:
    """The grader's name."""
    script = "import importlib.metadata as m; print(m.version('otter-grader'))"
    return f"otter {subprocess.run([python, '-c', script], capture_output=True, text=True).stdout.strip()}"


def _assign(folder: Path, python: str) -> None:
    """Have otter make the student's notebook and the archive with the tests."""
    folder.mkdir()
    shutil.copy(handing_in.CHECKS, folder)
    (folder / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(_source()))
    command = [python, "-m", "otter", "assign", "--no-run-tests", f"{ASSIGNMENT}.ipynb", "dist"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"otter is not there, or fails (--python names the Python that has it): {done.stderr[-300:]}")


def _source() -> dict:
    """The assignment in otter's format: raw cells say what is what. The written answer is left out."""
    notebook = json.loads(handing_in.SOURCE.read_text(encoding="utf-8"))
    texts = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    cells = [_cell("raw", CONFIG)]
    for cell in notebook["cells"]:
        name = cell["id"]
        if name in EXERCISES:
            cells += _question(name, texts[name], texts[f"test_{name}"])
        elif not name.startswith("test_") and not name.endswith("why"):
            cells.append(_cell(cell["cell_type"], texts[name]))
    return {"cells": cells, "metadata": notebook["metadata"], "nbformat": 4, "nbformat_minor": 4}


def _question(name: str, answer: str, test: str) -> Iterator[dict]:
    visible, _, hidden = test.removesuffix("\n### END HIDDEN TESTS").partition("\n### BEGIN HIDDEN TESTS\n")
    yield _cell("raw", f"# BEGIN QUESTION\nname: {name}\npoints: [0, {POINTS:g}]")
    yield _cell("raw", "# BEGIN SOLUTION")
    yield _cell("code", answer.replace("### ", "# "))
    yield _cell("raw", "# END SOLUTION")
    yield _cell("raw", "# BEGIN TESTS")
    yield _cell("code", visible)
    yield _cell("code", f"# HIDDEN\n{visible}\n{hidden}")
    yield _cell("raw", "# END TESTS")
    yield _cell("raw", "# END QUESTION")


def _cell(kind: str, text: str) -> dict:
    more = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": text} | more


def _released(made: Path) -> tuple[dict, dict[str, dict]]:
    """Otter's notebook for students, and its cells by the names of the assignment."""
    notebook = json.loads((made / "dist" / "student" / f"{ASSIGNMENT}.ipynb").read_text(encoding="utf-8"))
    _, released = handing_in.released()
    by_text = {"".join(cell["source"]): name for name, cell in released.items()}
    cells = {}
    for number, cell in enumerate(notebook["cells"]):
        text = cell["source"] = "".join(cell["source"])
        cell["id"] = f"cell-{number}"
        if found := re.match(r"def (\w+)\(|grader\.check\(\"(\w+)\"\)", text):
            cells[found[1] or f"test_{found[2]}"] = cell
        elif text in by_text:
            cells[by_text[text]] = cell
    notebook["nbformat_minor"] = 5
    return notebook, cells


def _grade(case: Case, made: Path, home: Path, python: str) -> Outcome:
    handed_in = handing_in.hand_in(case, confined.COURSE, *_released(made))
    handed_in.write(home / "submission")
    results = home / "results"
    results.mkdir()
    (archive,) = (made / "dist" / "autograder").glob("*.zip")
    shown = confined.python(python) | {str(archive): "/autograder.zip", str(home / "submission"): "/submission"}
    shown[str(DRIVER)] = "/driver.py"
    command = [python, "/driver.py", "/autograder.zip", "/submission", handed_in.notebook]
    try:
        done = confined.run(command, shown, results, SECONDS)
    except confined.Unconfined as error:
        raise Unavailable(str(error)) from None
    if done.code is None:
        return Outcome(broken=f"time: the grader had not come to an end after {SECONDS:g} s")
    if not (results / "found.json").exists():
        return Outcome(broken="points: the grader was ended, and said nothing")
    found = json.loads((results / "found.json").read_text())
    return Outcome(found["points"], refused="" if found["points"] else found["log"], printed=found["printed"])
