"""A notebook runs from top to bottom with nbval; with COURSE_ALL_NOTEBOOKS=1, as in the workflow `smoke`, all do.

One is enough here: `test_flow` runs every unit's cells in the grader, `colab/test_newest.py` three in Jupyter.
"""

import subprocess
import sys

from tests.notebooks import ALL, copied, each_of


@each_of([("transformer", "es")])
def test_nbval_passes_on_the_source(unit, language, tmp_path):
    """Every cell of the notebook runs, with the solutions and all tests; what it saves lies beside it."""
    notebook = copied(f"{unit}-{language}", tmp_path, short=not ALL)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
    command += ["-c", "/dev/null", "--rootdir", str(notebook.parent), str(notebook)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
