"""The table of languages, and tables of words; test_docs_authors.py adds a language to a copy of the course."""

import tomllib

import pytest

from course import ROOT
from course.build import tables
from helpers import language as languages

GERMAN = '\n[de]\nname = "Deutsch"\nenglish = "German"\nlocale = "de-DE"\ndecimal = ","\n'


def test_what_a_language_lacks_is_english_on_a_page(tmp_path):
    path = tmp_path / "page.toml"
    path.write_text(
        '[en]\na = "A"\nb = "B"\nc = ["C", "D"]\n[en.more]\nd = "E"\n[ru]\na = "А"\nb = ""\nc = ["В", ""]\n'
    )
    words = languages.words(path)
    assert words["ru"] == {"a": "А", "b": "B", "c": ["C", "D"], "more": {"d": "E"}}
    assert words["es"] == words["en"]


def test_every_entry_that_is_wrong_in_a_table_is_named(tmp_path):
    path = tmp_path / "page.toml"
    path.write_text(
        '[en]\na = "{n} of 2"\nb = "B"\nc = ["C", "D"]\n[en.more]\nd = "E"\n'
        '[ru]\na = "{m} из 2"\nb = ""\nc = ["В"]\nx = "?"\n[xx]\na = "?"\n'
    )
    assert tables.problems(path, "ru") == [
        "missing: c.2",
        "missing: more.d",
        "obsolete: x",
        "placeholder differs ({m}, {n}): a",
        "there is no language 'xx'",
        "untranslated: b",
    ]


def test_an_update_of_a_table_keeps_what_is_there_and_changes_nothing_twice(tmp_path):
    path = tmp_path / "page.toml"
    text = '# A page.\n\n[en]\na = "A"  # one\nb = "B"\n\n[en.more]\nd = ["E", "F"]\n\n[ru]\nb = "Б"\n'
    path.write_text(text)
    assert (tables.update(path, "ru"), tables.update(path, "es")) == (3, 4)
    once = path.read_text()
    assert (tables.update(path, "ru"), tables.update(path, "es")) == (3, 4)
    assert path.read_text() == once
    assert once.startswith(text.rpartition("\n[ru]")[0])
    assert tomllib.loads(once)["ru"] == {"a": "", "b": "Б", "more": {"d": ["", ""]}}
    assert tomllib.loads(once)["es"] == {"a": "", "b": "", "more": {"d": ["", ""]}}


@pytest.mark.parametrize("path", tables.paths(), ids=lambda path: path.relative_to(ROOT).as_posix())
@pytest.mark.parametrize("language", languages.LANGUAGES[1:])
def test_the_courses_tables_are_complete(path, language):
    assert tables.problems(path, language) == []


@pytest.mark.parametrize("entry", ['[de]\nname = "Deutsch"\n', GERMAN + 'colour = "blue"\n'])
def test_an_entry_of_the_table_of_languages_that_is_wrong_is_named(tmp_path, entry):
    path = tmp_path / "languages.toml"
    path.write_text(entry)
    with pytest.raises(languages.LanguageTableError, match=r"\[de\] must hold name, english, locale, decimal"):
        languages.read(path)
