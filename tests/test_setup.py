"""Do the files that install the course agree with one another?"""

import ast
import contextlib
import importlib.metadata
import importlib.util
import itertools
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from course import ROOT


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines if "==" in line)}


def project(path):
    """What a pyproject.toml says of its distribution."""
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]


STUDENTS, TEACHERS = project("pyproject.toml"), project("course/pyproject.toml")


def requirements():
    """Every direct requirement of the two distributions, with their extras, on anything but each other."""
    lines = []
    for distribution in (STUDENTS, TEACHERS):
        extras = itertools.chain(*distribution["optional-dependencies"].values())
        lines += [line for line in (*distribution["dependencies"], *extras) if line != STUDENTS["name"]]
    return {normal(re.match(r"[\w.-]+", line).group()): line for line in lines}


def conda():
    """The pinned packages of environment.yml."""
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    pip = [line.replace("[binary]", "").partition(";")[0] for line in pip]
    return {normal(name): version for name, _, version in (line.partition("==") for line in pip if "==" in line)}


def test_every_requirement_has_a_tested_version():
    assert requirements().keys() <= constraints().keys()


def test_conda_installs_the_tested_versions():
    assert conda().items() <= constraints().items()


def test_conda_lists_every_requirement():
    assert conda().keys() == requirements().keys()


def test_a_planted_difference_is_seen():
    assert not {"numpy": "1.0"}.items() <= constraints().items()


def test_a_notebook_is_read_without_a_grammar_of_addresses():
    """jsonschema from 4.25 on builds one with lark whenever it is imported: 1.7 s for each program of the course."""
    code = "import nbformat, sys; print('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_colab_keeps_its_torch_and_numpy():
    """`pip install` of the student's side may not move them, so they are named without a version."""
    assert {"torch", "numpy"} <= set(STUDENTS["dependencies"])


def brought(lines):
    """The distributions that requirements bring along, those of their own included, as far as they are installed."""
    found, left = set(), [normal(re.match(r"[\w.-]+", line).group()) for line in lines]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                wanted = [line for line in importlib.metadata.requires(name) or () if "extra ==" not in line]
                left += [normal(re.match(r"[\w.-]+", line).group()) for line in wanted]
    return found


def imported(room):
    """The modules of others that a package of ours imports; but for `google.colab`, which is only there."""
    nodes = [node for path in (ROOT / room).rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names} - {"course", "helpers", "google", *sys.stdlib_module_names}


@pytest.mark.parametrize(("room", "distributions"), [("helpers", [STUDENTS]), ("course", [STUDENTS, TEACHERS])])
def test_what_is_imported_is_required(room, distributions):
    """Whoever installs a distribution, without what tests need, has every module that it imports."""
    extras = [*itertools.chain(*STUDENTS["optional-dependencies"].values()), *TEACHERS["optional-dependencies"]["site"]]
    required = [*itertools.chain(*(of["dependencies"] for of in distributions)), *extras]
    there, owners = brought(required), importlib.metadata.packages_distributions()
    assert [name for name in imported(room) if not {normal(owner) for owner in owners.get(name, [])} & there] == []


def test_torch_is_pinned_in_constraints():
    assert constraints()["torch"] == "2.13.0"


@pytest.fixture(scope="module")
def results():
    """The script `tests/bench/results.py`."""
    spec = importlib.util.spec_from_file_location("results", ROOT / "tests" / "bench" / "results.py")
    results = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(results)
    return results


def test_the_readmes_hold_the_tables_that_were_measured(results):
    """`python tests/bench/results.py` writes them from results.json and the notebooks."""
    for language, path in results.READMES.items():
        text = path.read_text(encoding="utf-8")
        assert results.with_tables(text, language) == text, path


@pytest.mark.parametrize("language", ["en", "ru", "es"])
def test_the_readmes_badges_open_files_that_exist(results, language):
    colab = "https://colab.research.google.com/github/owner/name/blob/main/"
    for _, _, *cells, _ in results.unit_rows(language, "owner/name"):
        links = [re.fullmatch(r"\[!\[\w+\]\(https://[^)]+badge[^)]+\)\]\(([^)]+)\)", cell)[1] for cell in cells]
        assert [link for link in links if not (ROOT / link.removeprefix(colab)).is_file()] == []


@pytest.mark.parametrize("language", ["en", "ru", "es"])
def test_without_an_address_the_readmes_promise_no_colab(results, language):
    folder = results.READMES[language].parent
    for _, _, *cells, _ in results.unit_rows(language, ""):
        links = [re.fullmatch(r"\[\w+\]\(([^)]+)\)", cell)[1] for cell in cells]
        assert [link for link in links if not (folder / link).is_file()] == []
