"""The main job on sample submissions: run a notebook, grade a class, write the report. `make demo` calls it.

In: the built notebooks. Out: a course folder under demo/ with nine submissions in three languages, made from the
released notebooks, and `demo/report.html`.
"""

import copy
import shutil
import sys
import time
from pathlib import Path

import nbformat

from course import ROOT
from course.answers import fill, mutant, reference_answers
from course.cli import main as course

DEMO = ROOT / "demo"

# Answers that cheat: an object equal to everything, a process that ends itself, a patched library.
HOSTILE = {
    "preprocess_ner_dataset": """\
class Equal(dict):
    __eq__ = lambda self, other: True


def preprocess_ner_dataset(example, tokenizer):
    return Equal()""",
    "build_model": "import os\n\n\ndef build_model(checkpoint, label_names):\n    os._exit(0)",
    "calculate_metrics": """\
import numpy

numpy.eye = lambda *args: numpy.zeros((9, 9))


def calculate_metrics(eval_predictions, label_names):
    return {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "accuracy": 0.75}""",
}


def main() -> int:
    """Make everything anew and say where the report is; returns the exit code."""
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    print("1. Run the notebook `ner` from top to bottom")
    if course(["run", "ner", "--profile", "offline", "--out", str(DEMO / "runs")]):
        return 1
    print("2. Make a class of sample submissions")
    students = make_class(DEMO)
    print(f"   {', '.join(students)}")
    print("3. Grade them")
    assignments = sorted(path.name for path in (DEMO / "source").iterdir())
    for assignment in assignments:
        if course(["grade", assignment, "--course-dir", str(DEMO), "--json", str(DEMO / f"{assignment}.jsonl")]):
            return 1
    if course(["report", *assignments, "--course-dir", str(DEMO), "--out", str(DEMO / "report.html")]):
        return 1
    print(f"Done in {time.monotonic() - started:.0f} s. Open {DEMO / 'report.html'} in a browser.")
    return 0


def make_class(course_dir: Path) -> list[str]:
    """Write source/, release/ and submitted/ of the sample class; returns the names of its students."""
    for language in ("en", "ru", "es"):
        for folder in ("source", "release"):  # the release says what an answer looks like that nobody wrote
            shutil.copytree(ROOT / folder / f"ner-{language}", course_dir / folder / f"ner-{language}")
    shutil.copy(ROOT / "nbgrader_config.py", course_dir)
    right = reference_answers("ner")
    swapped = mutant("ner", "calculate_metrics", "precision and recall swapped")
    noisy = right["do_ner"].replace("model.eval()", 'import warnings\n    warnings.warn("slow")\n    model.eval()')
    written = {"essay_token_to_tag": "Embeddings, self-attention, a linear layer, argmax."}
    untrained = {name: answer for name, answer in right.items() if name != "training"}
    students = {
        ("right", "ru"): right | written,
        ("warning-on-stderr", "en"): right | {"do_ner": noisy} | written,
        ("mutant", "es"): right | {"calculate_metrics": swapped},
        ("error", "es"): untrained | {"do_ner": "def do_ner(text, model, tokenizer):\n    return entities"},
        ("half-right", "en"): {name: right[name] for name in ("preprocess_ner_dataset", "build_model")} | written,
        ("half-right-too", "ru"): {name: right[name] for name in ("calculate_metrics", "do_ner")},
        ("empty", "es"): {},
        ("mangled", "ru"): {name: right[name] for name in ("preprocess_ner_dataset", "build_model", "do_ner")},
        ("hostile", "en"): HOSTILE,
    }
    spoil = {"mangled": mangle, "hostile": tag_tests}
    for (student, language), answers in students.items():
        notebook = nbformat.read(ROOT / "release" / f"ner-{language}" / "ner.ipynb", as_version=4)
        notebook = spoil.get(student, lambda same: same)(fill(notebook, answers))
        target = course_dir / "submitted" / student / f"ner-{language}" / "ner.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(notebook, target)
    return [student for student, _ in students]


def mangle(notebook):
    """What Colab and a hurried hand do: metadata gone, ids new, one answer copied, the tests deleted."""
    kept = [cell for cell in notebook.cells if not cell.id.startswith("test_")]
    kept.insert(0, next(copy.deepcopy(cell) for cell in kept if cell.id == "do_ner"))
    for number, cell in enumerate(kept):
        cell.id, cell.metadata = f"colab{number:04}", {}
    notebook.cells = kept
    return notebook


def tag_tests(notebook):
    """One line of metadata that gives full marks in nbgrader: tests that are not run find no mistake."""
    for cell in notebook.cells:
        if cell.id.startswith("test_"):
            cell.metadata.tags = ["skip-execution"]
    return notebook


if __name__ == "__main__":
    sys.exit(main())
