"""The notebooks run from top to bottom. Those that `tests/colab/test_newest.py` runs so are left to it.

A file of its own, so that its minutes run beside those of `test_flow`.
"""

import subprocess
import sys

from tests.notebooks import ALL, ONE_EACH, WITH_COLABS_PACKAGES, copied, each_of


@each_of([notebook for notebook in ONE_EACH if notebook not in WITH_COLABS_PACKAGES])
def test_nbval_passes_on_the_source(unit, language, tmp_path):
    """Every cell of the notebook runs, with the solutions and all tests; what it saves lies beside it."""
    notebook = copied(f"{unit}-{language}", tmp_path, short=not ALL)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
    command += ["-c", "/dev/null", "--rootdir", str(notebook.parent), str(notebook)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
