"""Inside of the sandbox: grade one submission with stock nbgrader, and write down what came of it as JSON.

    python nbgrader_driver.py TEMPLATE SUBMISSION ASSIGNMENT CELL_SECONDS PAGE

TEMPLATE is a course folder in which one neighbour is graded and another one has handed in; the submission is put
between them. It uses nothing of this project: what it needs stands in the arguments.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

COURSE, RESULTS = Path("/course"), Path("/results")
STUDENT = "case"
NEIGHBOURS = ("ana", "zoe")  # graded before, and after, the submission


def main() -> None:
    template, submission, assignment, cell_seconds, page = sys.argv[1:]
    shutil.copytree(template, COURSE, dirs_exist_ok=True)
    shutil.copytree(submission, COURSE / "submitted" / STUDENT / assignment)
    before = (COURSE / "teachers.txt").read_bytes()
    os.chdir(COURSE)
    timeout = f"--ExecutePreprocessor.timeout={cell_seconds}"
    done = nbgrader("autograde", assignment, timeout)
    found = {"exit": done.returncode, "log": done.stdout[-20_000:], "students": marks(assignment)}
    graded = COURSE / "autograded" / STUDENT / assignment
    found["printed"] = printed(graded)
    if page == "page":
        nbgrader("generate_feedback", assignment, f"--student={STUDENT}")
        pages = (COURSE / "feedback" / STUDENT / assignment).glob("*.html")
        found["page"] = "".join(path.read_text(errors="replace") for path in pages)
    with contextlib.suppress(OSError):
        found["files"] = (COURSE / "teachers.txt").read_bytes() == before
    (RESULTS / "found.json").write_text(json.dumps(found))


def nbgrader(*arguments: str) -> subprocess.CompletedProcess:
    """One of nbgrader's commands, with what it said."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def marks(assignment: str) -> dict:
    """Student → grade id → automatic points, points by hand, extra points, whether a person is asked."""
    from nbgrader.api import Gradebook, MissingEntry

    students = {}
    with Gradebook(f"sqlite:///{COURSE / 'gradebook.db'}") as gradebook:
        for student in (STUDENT, *NEIGHBOURS):
            try:
                notebooks = gradebook.find_submission(assignment, student).notebooks
            except MissingEntry:
                continue
            students[student] = {
                grade.name: [grade.auto_score, grade.manual_score, grade.extra_credit, bool(grade.needs_manual_grade)]
                for notebook in notebooks
                for grade in notebook.grades
            }
    return students


def printed(folder: Path) -> str:
    """The outputs of the cells that are no tests."""
    text = ""
    for path in folder.glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if not cell["metadata"].get("nbgrader", {}).get("grade"):
                text += json.dumps(cell.get("outputs", []))
    return text


if __name__ == "__main__":
    main()
