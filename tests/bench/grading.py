"""How fast is grading? The same class through `nbgrader autograde` and through `course grade`, in one run.

    python tests/bench/grading.py --students 8
    python tests/bench/grading.py --students 4 --small
    python tests/bench/grading.py --students 4 --languages intent

The class is one of the unit `ner`, or with `--small` one of four small notebooks whose tests are judged inside, where
nearly all is start-up. What `course grade` does once for a class is in its time: the libraries, and the teacher's own
solution and the untouched notebook, which are graded first. With `--languages` classes of one unit are graded in each
of its languages by `course grade` alone: nobody shall wait longer for the language that the class speaks.

Timings on shared cores are noisy, so what counts is the ratio of times taken one after the other. The floor is the
processor time of the students' own processes, divided by the cores: no grader that runs their code can be faster. It
is measured with all cores at work, as they are when a class is graded: two threads of one core slow each other down.
"""

import argparse
import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil

from course import ROOT, kept
from course.build.read import languages_of, unit_names
from course.commands import positive
from course.demo import fill, reference_answers
from course.grade import job
from course.grade.sandbox.limits import Limits
from course.grade.sandbox.warm import LANGUAGE_MODELS, Warm
from course.notebooks.unpacking import Handed

ASSIGNMENT = "ner-en"
SMALL = "small"
NOTEBOOKS = 4
TASKS = {
    "mean": ("def mean(numbers):\n    return sum(numbers) / len(numbers)", "assert mean([1, 2, 6]) == 3"),
    "evens": ("def evens(limit):\n    return [n for n in range(limit) if n % 2 == 0]", "assert evens(5) == [0, 2, 4]"),
    "words": ("def words(text):\n    return sorted(set(text.lower().split()))", "assert words('B a b') == ['a', 'b']"),
    "norm": ("import numpy as np\ndef norm(x):\n    return float(np.sqrt(np.dot(x, x)))", "assert norm([3, 4]) == 5"),
}
STOCK = "--Autograde.exporter_class=nbconvert.exporters.NotebookExporter"  # not what nbgrader_config.py puts there
METERED = 2  # submissions per core whose processor time is measured, for all are alike


def make_class(course_dir: Path, students: int, assignment: str = ASSIGNMENT) -> None:
    """Right submissions of a unit in one language, no two alike, so that no cache helps."""
    unit = assignment.rpartition("-")[0]
    shutil.copytree(ROOT / "source" / assignment, course_dir / "source" / assignment)
    shutil.copy(ROOT / "nbgrader_config.py", course_dir)
    answers = reference_answers(unit)
    for number in range(students):
        notebook = nbformat.read(ROOT / "release" / assignment / f"{unit}.ipynb", as_version=4)
        own = {name: f"{source}\n# student {number}" for name, source in answers.items()}
        target = course_dir / "submitted" / f"student-{number:02}" / assignment / f"{unit}.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(fill(notebook, own), target)


def make_small_class(course_dir: Path, students: int) -> None:
    """Right submissions of four notebooks with four functions each, in plain nbgrader format."""
    course_dir.mkdir()
    (course_dir / "nbgrader_config.py").touch()
    for number in range(-1, students):
        home = course_dir / ("source" if number < 0 else f"submitted/student-{number:02}") / SMALL
        home.mkdir(parents=True)
        for part in range(NOTEBOOKS):
            mark = "" if number < 0 else f"\n# student {number}"
            nbformat.write(_small_notebook(f"# Part {part}", mark), home / f"part-{part}.ipynb")


def _small_notebook(title: str, mark: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell(title, id="title")]
    for name, (answer, test) in TASKS.items():
        solution = f"### BEGIN SOLUTION\n{answer}{mark}\n### END SOLUTION"
        cells += [_cell(name, solution, solution=True, grade=False), _cell(f"test_{name}", test, locked=True, points=2)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "P"}})


def _cell(grade_id: str, source: str, **settings) -> nbformat.NotebookNode:
    metadata = {"schema_version": 3, "grade_id": grade_id, "grade": True, "locked": False, "solution": False}
    metadata |= {"task": False, "cell_type": "code"} | settings
    return nbformat.v4.new_code_cell(source, id=grade_id.replace("_", "-"), metadata={"nbgrader": metadata})


def measure(command: list[str], cwd: Path) -> tuple[float, float]:
    """Run a command; returns its seconds and the peak memory of it and all its children, in GiB."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{errors.decode()[-2000:]}")
    return time.monotonic() - started, peak[0] / 2**30


def _watch(pid: int, peak: list[int]) -> None:
    while psutil.pid_exists(pid):
        with contextlib.suppress(psutil.Error):
            peak[0] = max(peak[0], memory([psutil.Process(pid)]))
        time.sleep(3)  # to ask takes time of the same cores


def memory(roots: list[psutil.Process]) -> int:
    """Bytes that some processes and all that they have started hold; shared pages are counted once (PSS)."""
    total = 0
    for root in roots:
        with contextlib.suppress(psutil.Error):
            for process in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
    return total


class Metered(Warm):
    """Adds up the processor time of the submissions' processes."""

    seconds = 0.0

    def end(self) -> None:
        """Look at the clock of each process, then end them all."""
        for pid in self.processes():
            with contextlib.suppress(psutil.Error):
                self.seconds += sum(psutil.Process(pid).cpu_times()[:4])  # with those that it has waited for
        super().end()


def floor_of(course_dir: Path, students: int, cores: int) -> float:
    """What the students' code needs, in cells and in the calls of the tests, if the cores share it evenly."""
    source, release = ((ROOT / step / ASSIGNMENT / "ner.ipynb").read_bytes() for step in ("source", "release"))
    paths = sorted(course_dir.glob(f"submitted/*/{ASSIGNMENT}/ner.ipynb"))[:METERED]
    handed = [(Handed("ner.ipynb", 0.0, path.read_bytes()),) for path in paths]
    todo = [job.Job("", ASSIGNMENT, "ner", source, release, one, modules=LANGUAGE_MODELS) for one in handed]
    with concurrent.futures.ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(seconds_of, [todo] * cores)) / (len(todo) * cores) * students / cores


def seconds_of(todo: list[job.Job]) -> float:
    """The processor time of the students' processes of these jobs."""
    with Metered("bwrap", Limits(), LANGUAGE_MODELS) as warm:
        for each in todo:
            job.grade(each, warm)
        return warm.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=positive, default=8, metavar="N", help="in a class (8)")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--small", action="store_true", help="a class of four small notebooks")
    kinds.add_argument("--languages", choices=unit_names(), metavar="UNIT", help="a class in each language of a unit")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    if options.languages:
        figures = against_english(options.languages, options.students)
    else:
        figures = against_nbgrader(options.students, options.small)
    for name, value in figures.items():
        print(f"{name:>26}  {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def against_english(unit: str, students: int) -> dict:
    """How long a class takes in each language of a unit, and how many times as long as in English."""
    seconds, scores = {}, set()
    for language in languages_of(unit):
        with tempfile.TemporaryDirectory() as folder:
            course_dir, assignment = Path(folder, "ours"), f"{unit}-{language}"
            make_class(course_dir, students, assignment)
            seconds[language], _ = _graded(assignment, course_dir)
            scores |= {verdict.score for verdict in kept.load_all(course_dir, assignment)}
    return {
        "unit": unit,
        "students": students,
        "seconds": {language: round(taken, 1) for language, taken in seconds.items()},
        "over_english": {of: round(taken / seconds["en"], 2) for of, taken in seconds.items() if of != "en"},
        "scores": sorted(scores),
    }


def against_nbgrader(students: int, small: bool) -> dict:
    """A class graded by nbgrader and by `course grade`; unless it is a small one, beside the floor."""
    cores = os.cpu_count() or 1
    assignment, make = (SMALL, make_small_class) if small else (ASSIGNMENT, make_class)
    with tempfile.TemporaryDirectory() as folder:
        stock, ours = Path(folder, "stock"), Path(folder, "ours")
        for course_dir in (stock, ours):
            make(course_dir, students)
        nbgrader = [sys.executable, "-m", "nbgrader"]
        for course_dir in (stock, ours) if small else (stock,):
            measure([*nbgrader, "generate_assignment", assignment], course_dir)
        stock_seconds, stock_peak = measure([*nbgrader, "autograde", assignment, STOCK], stock)
        ours_seconds, ours_peak = _graded(assignment, ours)
        verdicts = kept.load_all(ours, assignment)
        floor = None if small else floor_of(ours, students, cores)
    figures = {
        "assignment": assignment,
        "students": students,
        "cores": cores,
        "nbgrader_seconds": round(stock_seconds, 1),
        "course_seconds": round(ours_seconds, 1),
        "ratio": round(stock_seconds / ours_seconds, 2),
        "nbgrader_per_submission": round(stock_seconds / students, 1),
        "course_per_submission": round(ours_seconds / students, 1),
        "nbgrader_peak_gib": round(stock_peak, 2),
        "course_peak_gib": round(ours_peak, 2),
        "scores": sorted({v.score for v in verdicts}),
    }
    if floor:
        figures |= {"floor_seconds": round(floor, 1), "over_floor": round(ours_seconds / floor, 2)}
    return figures


def _graded(assignment: str, course_dir: Path) -> tuple[float, float]:
    """What `measure` says of `course grade`."""
    return measure([sys.executable, "-m", "course.cli", "grade", assignment, "--course-dir", str(course_dir)], ROOT)


if __name__ == "__main__":
    main()
