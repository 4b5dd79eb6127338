"""The notebooks run from top to bottom: those that `tests/colab/test_newest.py` does not run in this way as well.

A file of its own, so that its minutes run beside those of `test_flow`.
"""

import subprocess
import sys

import pytest

from tests.notebooks import ALL, EVERYTHING, ONE_EACH, WITH_COLABS_PACKAGES, copied

OTHERS = [(unit, language) for unit, language in ONE_EACH if unit not in dict(WITH_COLABS_PACKAGES)]


@pytest.mark.parametrize(("unit", "language"), EVERYTHING if ALL else OTHERS)
def test_nbval_passes_on_the_source(unit, language, tmp_path):
    """Every cell of the notebook runs, with the solutions and all tests; what it saves lies beside it."""
    notebook = copied(f"{unit}-{language}", tmp_path, short=not ALL)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
    command += ["-c", "/dev/null", "--rootdir", str(notebook.parent), str(notebook)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
