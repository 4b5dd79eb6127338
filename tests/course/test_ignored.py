"""Marks and names stay out of git: what the commands write, and what the documents' examples have them write."""

import importlib
import itertools
import re
import shlex
import shutil
import subprocess

import pytest

from course import ROOT, commands
from course.cli import main

DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("course/README.*.md")), *sorted(ROOT.glob("docs/*.md"))]
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
PERSONAL = re.compile(r"\.(csv|html|jsonl?|zip|7z)$")
OUTPUT = ("--out", "--json", "--csv", "--roster", "--moodle", "--canvas")


def lines() -> list[str]:
    """The commands of the documents and the examples of `--help`."""
    blocks = [block for path in DOCUMENTS for block in SHELL.findall(path.read_text(encoding="utf-8"))]
    shown = [line for block in blocks for line in block.splitlines() if line.startswith("course ")]
    modules = [importlib.import_module(f"course.commands.{name.replace('-', '_')}") for name in commands.NAMES]
    return sorted({line.partition("  #")[0].strip() for line in shown} | {module.EXAMPLE for module in modules})


def named(line: str) -> list[str]:
    """The files and folders of a command that hold something about people."""
    words = shlex.split(line)
    return [
        word
        for before, word in itertools.pairwise(words)
        if before in OUTPUT or (PERSONAL.search(word) and not word.startswith("-"))
    ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """An empty repository with our .gitignore."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copy(ROOT / ".gitignore", folder)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def is_ignored(repository):
    """A function: path → whether git leaves it out. What lies outside of the folder is none of its business."""

    def asked(path: str) -> bool:
        if path.startswith(("../", "/", "~")):
            return True
        command = ["git", "check-ignore", "--quiet", "--no-index", path]
        return subprocess.run(command, cwd=repository).returncode == 0

    return asked


@pytest.mark.parametrize("line", lines())
def test_what_the_examples_write_is_ignored(is_ignored, line):
    assert [path for path in named(line) if not is_ignored(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        "gradebook.db", "gradebook.db-journal", "submitted/anna/ner-en/ner.ipynb", "submitted/.arrivals/ner-en.jsonl",
        "autograded/.seed", "autograded/.verdicts/ner-en/anna.json", "feedback/anna/ner-en/ner.html", "roster.csv",
        "reports/ner-en.html", "reports/moodle/feedback.zip", "returned/ner/feedback.zip", "runs/ner-en/ner.ipynb",
        "demo/report.html",
        "autumn/submitted/anna/ner-en/ner.ipynb", "autumn/gradebook.db", "autumn/autograded/anna/ner-en/ner.ipynb",
        "autumn/roster.csv", "marks.jsonl", "report.html", "marks.csv", "Grades-course-ner-42.csv", "ner-42.zip",
    ],
)  # fmt: skip
def test_what_is_about_people_is_ignored(is_ignored, path):
    assert is_ignored(path)


def test_nothing_of_the_project_is():
    """A file of ours that git ignores would be missing wherever the project is cloned."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy is no repository")
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize("path", ["course/pages/feedback/a.py", "helpers/demo/page.html", "course/grade/reports/b.py"])
def test_a_room_of_the_code_is_not_ignored_for_its_name(is_ignored, path):
    assert not is_ignored(path)


def test_after_a_class_was_graded_git_has_seen_nothing(sums, right, monkeypatch, capsys):
    """README's commands for teachers, in a class of two."""
    shutil.copy(ROOT / ".gitignore", sums.root)
    git = ["git", "-c", "user.name=teacher", "-c", "user.email=teacher@example.org", "-C", str(sums.root)]
    for command in (["init"], ["add", "--all"], ["commit", "--message", "the course"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    sums.submit("anna", **right)
    sums.submit("boris")
    monkeypatch.chdir(sums.root)
    readme = SHELL.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    typed = [line.partition("  #")[0] for block in readme for line in block.splitlines()]
    mine = [line for line in typed if re.match(r"course (grade|report|feedback) ", line)]
    assert len(mine) == 3
    with sums.in_process():
        for line in mine:
            assert main(shlex.split(line.replace(" ner", " sums"))[1:]) == 0, line
    status = [*git, "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(status, check=True, capture_output=True, text=True).stdout == ""
    assert list(sums.root.rglob("*.html")), "The commands have written pages."
