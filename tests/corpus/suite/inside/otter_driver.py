"""Inside of the sandbox: grade one submission with stock otter, and write down what came of it as JSON.

    python otter_driver.py AUTOGRADER_ZIP SUBMISSION NOTEBOOK

It uses nothing of this project: what it needs stands in the arguments.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

COURSE, RESULTS = Path("/course"), Path("/results")


def main() -> None:
    autograder, submission, notebook = sys.argv[1:]
    home = COURSE / "submission"
    shutil.copytree(submission, home)
    (COURSE / "teachers.txt").write_text("A file of the teacher's.\n")
    beside = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and path.name != notebook]
    script = f"""
import os, dill, otter.run
os.chdir({str(home)!r})
results = otter.run.main({notebook!r}, autograder={autograder!r}, output_dir=None, no_logo=True,
                         extra_submission_files={beside!r})
with open("/course/results.pkl", "wb") as file:
    dill.dump(results, file)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    found = {"log": done.stdout[-5_000:], "points": {}, "printed": ""}
    if done.returncode == 0:
        found |= read(COURSE / "results.pkl")
    (RESULTS / "found.json").write_text(json.dumps(found))


def read(path: Path) -> dict:
    """Points by question and what the notebook's cells showed. (A pickle of a submission's: read in here only.)"""
    import dill

    with path.open("rb") as file:
        results = dill.load(file)
    points = {name: float(test.score) for name, test in results.results.items()}
    cells = [cell for cell in results.notebook.cells if "check(" not in cell.source] if results.notebook else []
    return {"points": points, "printed": "".join(json.dumps(cell.get("outputs", [])) for cell in cells)}


if __name__ == "__main__":
    main()
