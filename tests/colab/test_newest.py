"""A unit of each kind of training with the packages of Colab's newest runtime, on the Python and the torch at hand: a
class of a text, a class of every token, an answer in text; each in another language.

What this cannot see (Colab's own Python and torch, the other notebooks, the runtime before) `runtime.py` sees: the
workflow `colab` runs it on all notebooks every week.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks import WITH_COLABS_PACKAGES

PROFILE = "quick"  # its training stops as soon as it shows that it works


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"colab_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


colab = load("runtime")


@pytest.fixture(scope="module")
def notebooks():
    return {name: found for unit, of in WITH_COLABS_PACKAGES for name, found in colab.answered(unit, (of,)).items()}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """An environment with what Colab's newest runtime brings, but for its torch.

    ipywidgets is left out, because it brings all of JupyterLab along, which takes longer than a notebook.
    """
    runtime = colab.make_venv(tmp_path_factory.mktemp("colab") / "newest")
    wanted = [line for line in colab.packages("newest", torch="") if not line.startswith("ipywidgets==")]
    try:
        runtime.run("-m", "pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:", *wanted)
    except colab.Failed as error:
        pytest.skip(f"the packages of Colab's runtime cannot be had for this Python: {error}")
    return runtime


@pytest.fixture(scope="module")
def installed(fresh, notebooks):
    """The runtime after the install cell, and what that has replaced."""
    return fresh, colab.install(fresh, colab.install_command(next(iter(notebooks.values()))))


def test_the_install_cell_replaces_nothing(installed):
    assert installed[1] == {}


@pytest.mark.parametrize(("unit", "language"), WITH_COLABS_PACKAGES, ids=lambda case: case)
def test_the_unit_runs_from_top_to_bottom(installed, notebooks, unit, language):
    name = f"{unit}-{language}"
    colab.execute(installed[0], name, colab.with_profile(notebooks[name], PROFILE))


class TestTheLists:
    def test_the_newest_runtime_may_not_move(self):
        assert colab.may_move("newest") == set()

    def test_in_the_one_before_only_what_transformers_5_needs(self):
        assert {"transformers", "peft"} <= colab.may_move("previous")
        assert not {"torch", "numpy", "pandas", "pyarrow", "scikit-learn"} & colab.may_move("previous")

    @pytest.mark.parametrize("name", colab.RUNTIMES)
    def test_what_colab_lacks_is_not_in_them(self, name):
        named = {line.partition("==")[0] for line in colab.packages(name)}
        assert {"torch", "transformers", "peft", "datasets"} <= named
        assert not {"evaluate", "seqeval"} & named

    def test_another_torch_can_be_named(self):
        torch = [line for line in colab.packages("newest", "2.13.0") if line.startswith("torch==")]
        assert torch == ["torch==2.13.0"]
        assert not [line for line in colab.packages("newest", "") if line.startswith("torch==")]


def test_the_script_explains_itself():
    script = str(Path(__file__).with_name("runtime.py"))
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert "runtime.py newest previous" in done.stdout and "--torch VERSION" in done.stdout
