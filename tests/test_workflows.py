"""The workflows of GitHub: what they call is there, what they use is pinned, and they may do no more than they must."""

import re
import subprocess

import pytest
import yaml

from course import ROOT
from course.build.read import languages_of, unit_names

WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$")
each_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def jobs(name):
    return yaml.safe_load(WORKFLOWS[name])["jobs"]


@each_workflow
def test_every_action_is_pinned_by_its_commit(name):
    """A tag can be moved to another program, a commit cannot; the same action is the same everywhere."""
    lines = [line.strip().removeprefix("- ") for line in WORKFLOWS[name].splitlines() if "uses:" in line]
    assert [line for line in lines if not PINNED.match(line)] == []


def test_an_action_has_one_version():
    used = set(re.findall(r"uses: (\S+)@(\w+)", "\n".join(WORKFLOWS.values())))
    assert len(used) == len({action for action, _ in used})


MORE = {
    "newest": {"report": {"issues": "write"}},
    "site": {"publish": {"pages": "write", "id-token": "write"}},
}


@each_workflow
def test_it_may_read_and_a_single_job_more(name):
    assert yaml.safe_load(WORKFLOWS[name])["permissions"] == {"contents": "read"}
    more = {job: has["permissions"] for job, has in jobs(name).items() if "permissions" in has}
    assert more == MORE.get(name, {})


@each_workflow
def test_no_job_runs_for_hours(name):
    assert all(job["timeout-minutes"] <= 120 for job in jobs(name).values())


@each_workflow
def test_no_step_has_what_strangers_write_in_its_program(name):
    """The text of a pull request in a `run` line would be run."""
    programs = [step.get("run", "") for job in jobs(name).values() for step in job["steps"]]
    assert not [program for program in programs if re.search(r"\$\{\{\s*(github|inputs)\.", program)]


@each_workflow
def test_the_scripts_are_there(name):
    """As files of this project."""
    programs = " ".join(step.get("run", "") for job in jobs(name).values() for step in job["steps"])
    called = set(re.findall(r"(?<![\w./-])(?:\.ci/run|tests/[\w/.-]+)", programs))
    assert [path for path in called if not (ROOT / path).exists()] == []


def test_every_notebook_is_smoked():
    matrix = jobs("smoke")["notebook"]["strategy"]["matrix"]
    found = {(unit, language) for unit in matrix["unit"] for language in matrix["language"]}
    assert found == {(unit, language) for unit in unit_names() for language in languages_of(unit)}


@pytest.mark.parametrize("script", ["tests/smoke.sh", "tests/newest.sh"])
def test_a_script_explains_itself(script):
    done = subprocess.run(["bash", ROOT / script, "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert script in done.stdout


@pytest.mark.parametrize("arguments", [[], ["nor-ru"], ["ner"], ["ner-ru", "ner-es"]])
def test_no_notebook_no_environment(arguments):
    done = subprocess.run(["bash", ROOT / "tests/smoke.sh", *arguments], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no notebook" in done.stderr and "ner-ru" in done.stderr
