"""`import helpers` is cheap and makes waiting threads sleep. Each test needs a fresh interpreter."""

import platform

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

# What a user does in a notebook's first cell, with torch already there.
TORCH_FIRST = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')\n"


@pytest.mark.parametrize("heavy", ["torch", "transformers", "datasets", "evaluate", "matplotlib", "pandas"])
def test_import_leaves_the_heavy_packages_alone(python, heavy):
    assert python(f"import helpers, sys; print({heavy!r} in sys.modules)").stdout == "False\n"


@pytest.mark.parametrize("module", ["data", "hub", "models", "ner", "profiles", "training", "show", "metrics"])
def test_the_modules_are_light_too(python, module):
    code = f"import helpers.{module}, sys; print({{'torch', 'transformers', 'matplotlib'}} & sys.modules.keys())"
    assert python(code).stdout == "set()\n"


def test_waiting_threads_sleep(python):
    assert python("import helpers, os; print(os.environ['OMP_WAIT_POLICY'])").stdout == "PASSIVE\n"


def test_the_users_own_setting_stays(python):
    code = "import helpers, os; print(os.environ['OMP_WAIT_POLICY'])"
    assert python(code, OMP_WAIT_POLICY="ACTIVE").stdout == "ACTIVE\n"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="torch may share the library there")
@pytest.mark.parametrize(("wish", "expected"), [("", {1}), ("2", {2})])
def test_linear_algebra_has_one_thread_unless_the_user_wants_more(python, wish, expected):
    """More of them wait by spinning, each for the other's processor."""
    code = "import helpers, numpy, threadpoolctl\n"
    code += "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'})"
    assert python(code, **{"OPENBLAS_NUM_THREADS": wish} if wish else {}).stdout == f"{expected}\n"


def test_a_normal_import_says_nothing(python):
    assert python("import helpers, helpers.data").stderr == ""


def test_torch_before_helpers_is_warned_of_exactly_once(python):
    warned = python(TORCH_FIRST + "import helpers; import helpers.data; import helpers").stderr
    assert warned.count("UserWarning") == 1
    assert "restart the kernel" in warned


def test_no_warning_where_the_user_decided(python):
    assert python(TORCH_FIRST + "import helpers", OMP_WAIT_POLICY="ACTIVE").stderr == ""


def test_the_first_imports_of_a_notebook_show_no_red_box():
    """JupyterLab without ipywidgets: tqdm would warn that it found no IProgress."""
    cells = [
        "import sys; sys.modules['ipywidgets'] = None",  # Python's own way to say that a module is not there
        "from helpers import data, models, show, training\nfrom transformers import set_seed\nmodels.quiet()",
        "import datasets, tqdm.auto\ntqdm.auto.tqdm is tqdm.asyncio.tqdm_asyncio",  # it has looked for ipywidgets
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    assert [cell.outputs for cell in notebook.cells[:2]] == [[], []]
    assert [output.data["text/plain"] for output in notebook.cells[2].outputs] == ["True"]
