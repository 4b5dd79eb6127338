"""docs/authors.md and docs/translators.md do what they say: their files are written, their commands run, in a copy."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import polib
import pytest
import tomlkit

from course import ROOT, kept
from course.build import tables
from helpers.language import BY_CODE

COLAB = "https://colab.research.google.com/github/owner/name/blob/main/"
BLOCK = re.compile(r"^(?:(Add to )?`([\w/.]+)`:\n\n)?```(\w+)\n(.*?)^```$", re.M | re.S)


def follow(page: str, root: Path, course_in) -> list[str]:
    """Write the files that a page shows and run its commands, in their order. Returns what `course` printed."""
    said = []
    for adds, path, kind, text in BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("a" if adds else "w", encoding="utf-8") as file:
                file.write(text)
        elif kind == "sh":
            for lines in grouped(text.splitlines()):
                said += run(lines, root, course_in)
    return said


def grouped(lines: list[str]) -> list[list[str]]:
    """Neighbouring commands of `course` together: they can be run in one process."""
    groups: list[list[str]] = []
    for line in lines:
        if groups and line.startswith("course ") and groups[-1][0].startswith("course "):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def run(lines: list[str], root: Path, course_in) -> list[str]:
    program, _, rest = lines[0].partition(" ")
    if program == "course":
        done = course_in(root, *(line.removeprefix("course ") for line in lines))
        assert [(line, error) for line, (code, _, error) in zip(lines, done, strict=True) if code] == []
        return [out for _, out, _ in done]
    if program == "poedit":
        translate(root / rest)
        return []
    if program == "pytest":
        lines = [f"{sys.executable} -m pytest -q -p no:cacheprovider {rest}"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(lines[0], shell=True, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return []


def translate(catalogue: Path) -> None:
    """What a translator does, by a program: what has no translation yet is its own. Tables, too."""
    entries = polib.pofile(str(catalogue))
    for entry in entries.untranslated_entries():
        entry.msgstr = entry.msgid
    entries.save()
    for path in tables.paths(catalogue.parents[2 if catalogue.parent.name == "locale" else 3]):
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
        if catalogue.stem not in ("ru", "es"):
            document[catalogue.stem] = document["en"].unwrap()
            path.write_text(tomlkit.dumps(document), encoding="utf-8")


def test_an_author_gets_from_an_empty_folder_to_a_graded_notebook(copy_of_the_course, course_in):
    root = copy_of_the_course()
    said = follow("authors.md", root, course_in)
    assert any("words: source/words-en/words.ipynb, release/words-en/words.ipynb" in out for out in said)
    (verdict,) = kept.load_all(root, "words-en")
    assert {cell.grade_id: (cell.score, cell.status) for cell in verdict.cells} == {
        "test_count_words": (3.0, "passed"),
        "essay_what_is_a_word": (None, "manual"),
    }
    assert "Counting words" in (root / "feedback" / "anna" / "words-en" / "words.html").read_text(encoding="utf-8")
    released = nbformat.read(root / "release" / "words-en" / "words.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in released.cells)
    assert "casefold" not in text and "wait ... what" not in text and "example.com" not in text
    assert sorted(path.name for path in (root / "release").iterdir()) == ["words-en"]


def test_a_unit_without_mutants_is_told_so_and_stops_nothing_else(copy_of_the_course, course_in):
    root = copy_of_the_course("ner")
    page = (ROOT / "docs" / "authors.md").read_text(encoding="utf-8")
    for _, path, _, text in BLOCK.findall(page):
        if path.endswith(("unit.py", "helpers/words.py")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
    ((code, out, _),) = course_in(root, "build")
    assert code == 0
    assert "words: NOTE course/units/words/mutants.py is missing: it holds typical wrong answers" in out
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/course/test_mutants.py"]
    command += ["-k", "has_what_its_tests or at_least_four"]
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "250"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    failed = r"^FAILED \S+::test_a_unit_has_what_its_tests_are_tested_with\[words\] - .*words/mutants\.py is missing"
    assert re.search(failed, done.stdout, re.M), done.stdout
    assert re.search(r"^1 failed, [4-9] passed", done.stdout, re.M), done.stdout


@pytest.fixture(scope="module")
def german(copy_of_the_course, course_in):
    """A copy of the course in which translators.md has been followed: `ner` is there in German."""
    root = copy_of_the_course("ner")
    pyproject = root / "pyproject.toml"
    text = re.sub(r'^repository = ".*"$', 'repository = "owner/name"', pyproject.read_text("utf-8"), flags=re.M)
    pyproject.write_text(text, encoding="utf-8")
    follow("translators.md", root, course_in)
    return root


def test_a_language_is_an_entry_and_its_catalogues(german):
    made = [path.relative_to(german).as_posix() for path in sorted(german.rglob("de.po"))]
    assert made == ["course/locale/de.po", "course/units/ner/de.po", "helpers/locale/de.po"]
    for step in ("source", "release"):
        notebook = nbformat.read(german / step / "ner-de" / "ner.ipynb", as_version=4)
        assert notebook.metadata.course.language == "de"
        (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        assert 'language = "de"' in parameters.source


def test_the_notebooks_of_all_languages_link_to_each_other(german):
    names = {code: of.name for code, of in BY_CODE.items()} | {"de": "Deutsch"}
    for code in names:
        notebook = nbformat.read(german / "release" / f"ner-{code}" / "ner.ipynb", as_version=4)
        line = notebook.cells[0].source.split("\n")[2]
        links = dict(re.findall(r" · \[([^]]+)\]\(([^)]+)\)", line))
        assert set(names.values()) - links.keys() == {names[code]}
        assert [link for link in links.values() if not (german / link.removeprefix(COLAB)).is_file()] == []


def test_what_is_not_translated_is_named_in_a_sentence(german, course_in):
    catalogue = polib.pofile(str(german / "course" / "locale" / "de.po"))
    catalogue[0].msgstr = ""
    catalogue.save()
    table = german / "course" / "pages" / "feedback.toml"
    table.write_text('\ntitel = "'.join(table.read_text(encoding="utf-8").rsplit('\ntitle = "', 1)), encoding="utf-8")
    checked, unready, stale = course_in(german, "messages --check", "build ner --lang de", "build --check ner")
    assert checked[0] == 1 and checked[2].splitlines() == [
        f"course/locale/de.po: untranslated: {catalogue[0].msgid}",
        "course/pages/feedback.toml, [de]: missing: title",
        "course/pages/feedback.toml, [de]: obsolete: titel",
    ]
    sentence = "course/locale/de.po is not ready (1 entries; the first: untranslated: "
    assert unready[0] == 2 and unready[2].startswith(f"course: {sentence}")
    assert stale[0] == 1 and stale[2].startswith(sentence)


def test_a_language_without_a_catalogue_is_not_built_and_what_was_built_is_named(german, course_in):
    (german / "course" / "units" / "ner" / "de.po").unlink()
    refused, checked = course_in(german, "build ner --lang de", "build --check ner")
    advice = "There is no German of ner: `course messages --update --lang de ner` makes a catalogue to translate."
    assert refused == (2, "", f"course: {advice}\n")
    assert "source/ner-de is in a language that the unit has no catalogue of" in checked[2]


@pytest.mark.parametrize("page", ["authors.md", "translators.md"])
def test_links_and_files_that_a_page_names_exist(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    own = re.compile(r"/words\b|<|\*|\.de\.|/de[.-]|words-en|ner-es|^feedback/|de-DE")
    named = re.findall(r"`((?:course|helpers|tests|docs)/[\w/.<>*-]+)`", text)
    assert [path for path in named if not own.search(path) and not (ROOT / path).exists()] == []
