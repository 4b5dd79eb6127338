"""The same submissions, graded by nbgrader as it comes and by this course's grader: a table.

`python tests/attacks/compare.py [WORD]` runs those whose names hold the word; all of them take ten minutes. Stock
nbgrader runs them in a temporary course WITHOUT a sandbox, each in a process of its own with a time limit; attacks on
the machine itself (time, memory, processes, disk) are left out.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

HERE = Path(__file__).parent
SECONDS = 120  # for one submission with stock nbgrader


def main() -> int:
    """Print the table; returns the exit code."""
    if sys.argv[1:2] == ["--stock"]:
        print(json.dumps(grade_with_nbgrader(Path(sys.argv[2]), sys.argv[3])))
        return 0
    word = " ".join(sys.argv[1:])
    course = load("conftest")
    chosen = [case for case in cases(course) if word in case[0]]
    width = max(len(name) for name, *_ in chosen)
    print(f"{'submission':{width}}  deserved  stock nbgrader  this grader")
    with course.Warm(course.choose("bwrap"), course.FAST) as warm, tempfile.TemporaryDirectory() as folder:
        write_course(course, Path(folder))
        for number, (name, deserved, submitted) in enumerate(chosen):
            stock = in_a_process(Path(folder), f"s{number}", submitted)
            ours = grade_with_ours(course, warm, submitted)
            print(f"{name:{width}}  {deserved:8}  {stock:>14}  {ours:>11}", flush=True)
    return 0


def load(name: str):
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(f"attacks_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(course):
    """Name, points that the submission deserves, its bytes."""
    right = course.honest_answers()

    def filled(answers: dict, before: tuple[str, ...] = ()) -> bytes:
        return nbformat.writes(course.submission(right | answers, before)).encode()

    interpreter, honest, metadata = load("test_interpreter"), load("test_honest"), load("test_metadata")
    for name, answer in interpreter.TRICKS.items():
        yield f"trick {name}", 20, filled({"add": answer})
    for name, patch in interpreter.PATCHES.items():
        yield f"patch {name}", 10, filled(interpreter.wrong_behind(patch), (patch,))
    for name, edit in metadata.EDITS.items():
        notebook = course.release_notebook()
        edit(notebook)
        yield f"metadata {name}", 0, json.dumps(notebook).encode()
    for name, answers in honest.ANSWERS.items():
        yield f"honest {name}", 30, filled(answers)
    for name, (cell, add) in honest.CELLS.items():
        yield f"honest {name}", 30, filled({"add": add} if add else {}, (cell,))


def grade_with_ours(course, warm, submitted: bytes) -> str:
    """The points that this grader gives."""
    graded = course.job.grade(course.job_for(submitted, course.FAST), warm)
    return f"{graded.verdict.score:g}" if graded.verdict.score is not None else graded.verdict.verdict


def write_course(course, folder: Path) -> None:
    """A course of nbgrader's with the one assignment."""
    source = folder / "source" / "a"
    source.mkdir(parents=True)
    nbformat.write(course.source_notebook(), source / "n.ipynb")
    for name, data in course.FILES:
        (source / name).write_bytes(data)


def in_a_process(folder: Path, student: str, submitted: bytes) -> str:
    """The points that nbgrader gives, or what became of it."""
    target = folder / "submitted" / student / "a"
    target.mkdir(parents=True)
    (target / "n.ipynb").write_bytes(submitted)
    command = [sys.executable, __file__, "--stock", str(folder), student]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return "hangs"
    try:
        score = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return "crashes"
    return "no mark" if score is None else f"{score:g}"


def grade_with_nbgrader(folder: Path, student: str) -> float | None:
    """In the process of its own: the sum of the automatic marks, None if it recorded none."""
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import Config

    os.chdir(folder)
    config = Config()
    config.CourseDirectory.root = str(folder)
    api = NbGraderAPI(config=config)
    if not (folder / "gradebook.db").exists():
        api.generate_assignment("a")
    if not api.autograde("a", student)["success"]:
        return None
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        try:
            grades = gradebook.find_submission_notebook("n", "a", student).grades
        except MissingEntry:
            return None
        return sum(grade.auto_score or 0.0 for grade in grades)


if __name__ == "__main__":
    sys.exit(main())
