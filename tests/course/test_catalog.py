"""The .po files: what `course messages` keeps, drafts and refuses to publish."""

import csv

import polib
import pytest

from course.build import helpers_messages
from course.build.catalog import (
    GLOSSARY,
    entry_problems,
    glossary,
    languages_wanted,
    load,
    messages_of,
    names,
    path_of,
    problems,
    table_of,
    update,
)
from course.build.read import LANGUAGES, UnitError

CATALOGUES = [(name, language) for name in names() for language in languages_wanted(name, LANGUAGES[1:])]
each_catalogue = pytest.mark.parametrize(("name", "language"), CATALOGUES)
OLD = "The sentence is already divided into words."
EDITED = "The sentence is already divided into short words."


def catalogue(**entries: str) -> polib.POFile:
    """A catalogue of finished entries: One="Раз" → One: Раз."""
    return of([polib.POEntry(msgid=msgid, msgstr=msgstr) for msgid, msgstr in entries.items()])


def of(entries: list[polib.POEntry]) -> polib.POFile:
    made = polib.POFile()
    made.extend(entries)
    return made


class TestUpdate:
    def test_a_finished_entry_is_kept(self):
        new = update(["One"], catalogue(One="Раз"), "ru")
        assert [(entry.msgid, entry.msgstr, entry.fuzzy) for entry in new] == [("One", "Раз", False)]

    def test_a_translators_remark_is_kept(self):
        old = of([polib.POEntry(msgid="One", msgstr="Раз", tcomment="the number")])
        assert update(["One"], old, "ru")[0].tcomment == "the number"

    def test_a_draft_that_nobody_has_read_stays_a_draft(self):
        old = of([polib.POEntry(msgid="One", msgstr="Раз", flags=["fuzzy"])])
        assert update(["One"], old, "ru")[0].fuzzy

    def test_a_message_that_was_edited_takes_its_translation_along_as_a_draft(self):
        (entry,) = update([EDITED], of([polib.POEntry(msgid=OLD, msgstr="Предложение.")]), "ru")
        assert (entry.msgid, entry.msgstr, entry.fuzzy) == (EDITED, "Предложение.", True)

    def test_the_draft_shows_the_old_text(self):
        (entry,) = update([EDITED], of([polib.POEntry(msgid=OLD, msgstr="Предложение.")]), "ru")
        assert entry.previous_msgid == OLD

    def test_a_message_like_no_other_begins_empty(self):
        (entry,) = update(["Nothing like it at all"], of([polib.POEntry(msgid=OLD, msgstr="Предложение.")]), "ru")
        assert (entry.msgstr, entry.fuzzy) == ("", False)

    def test_a_message_that_is_still_there_lends_its_translation_to_no_other(self):
        new = update([OLD, EDITED], of([polib.POEntry(msgid=OLD, msgstr="Предложение.")]), "ru")
        assert new.find(EDITED).msgstr == ""

    def test_what_the_text_no_longer_says_is_dropped(self):
        assert [entry.msgid for entry in update(["One"], catalogue(One="Раз", Two="Два"), "ru")] == ["One"]

    def test_an_obsolete_entry_does_not_come_back(self):
        old = of([polib.POEntry(msgid="One", msgstr="Раз", obsolete=True)])
        assert update(["One"], old, "ru")[0].msgstr == ""

    def test_the_entries_follow_the_text(self):
        old = catalogue(One="Раз", Two="Два")
        assert [entry.msgid for entry in update(["Two", "Three", "One"], old, "ru")] == ["Two", "Three", "One"]

    def test_the_language_is_said(self):
        assert update([], polib.POFile(), "es").metadata["Language"] == "es"

    def test_a_second_update_changes_no_byte(self, tmp_path):
        path = tmp_path / "ru.po"
        ids = [EDITED, "One", 'A "quoted" word, é and\ta tab', "word " * 60]
        update(ids, of([polib.POEntry(msgid=OLD, msgstr="Предложение.")]), "ru").save(str(path))
        first = path.read_bytes()
        update(ids, load(path), "ru").save(str(path))
        assert path.read_bytes() == first

    @each_catalogue
    def test_the_committed_catalogues_are_what_update_writes(self, name, language, tmp_path):
        path = path_of(name, language)
        update(messages_of(name), load(path), language).save(str(tmp_path / path.name))
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


class TestReadTable:
    def test_finished_entries_only(self, tmp_path):
        path = tmp_path / "ru.po"
        of(
            [
                polib.POEntry(msgid="One", msgstr="Раз"),
                polib.POEntry(msgid="Two", msgstr="Два", flags=["fuzzy"]),
                polib.POEntry(msgid="Three", msgstr=""),
                polib.POEntry(msgid="Four", msgstr="Четыре", obsolete=True),
            ]
        ).save(str(path))
        assert table_of(load(path)) == {"One": "Раз"}

    def test_a_file_that_is_not_there_yet_is_an_empty_catalogue(self, tmp_path):
        assert len(load(tmp_path / "ru.po")) == 0


class TestProblems:
    def test_a_finished_catalogue_has_none(self):
        assert problems(["One"], catalogue(One="Раз"), "ru") == []

    def test_a_message_without_an_entry(self):
        assert problems(["One", "Two"], catalogue(One="Раз"), "ru") == ["missing: Two"]

    def test_an_entry_without_a_message(self):
        assert problems(["One"], catalogue(One="Раз", Two="Два"), "ru") == ["obsolete: Two"]

    def test_an_entry_marked_obsolete(self):
        old = of([polib.POEntry(msgid="Two", msgstr="Два", obsolete=True)])
        assert problems([], old, "ru") == ["obsolete: Two"]

    def test_a_draft(self):
        draft = of([polib.POEntry(msgid="One", msgstr="Раз", flags=["fuzzy"])])
        assert problems(["One"], draft, "ru") == ["fuzzy: One"]

    def test_an_empty_translation(self):
        assert problems(["One"], catalogue(One=""), "ru") == ["untranslated: One"]

    @pytest.mark.parametrize(
        ("what", "message", "right", "wrong"),
        [
            ("inline code", "Call `map`.", "Вызови `map`.", "Вызови `filter`."),
            ("inline code", "Call `map`.", "Вызови `map`.", "Вызови map."),
            ("formula", "It is $-100$.", "Это $-100$.", "Это $100$."),
            ("link or image", "See [it](a.md).", "См. [это](a.md).", "См. [это](b.md)."),
            ("link or image", "![A cat](a.png)", "![Кот](a.png)", "Кот"),
            ("HTML tag", "<summary>Go</summary>", "<summary>Иди</summary>", "Иди</summary>"),
            ("HTML tag", "See <code>x</code>.", "См. <code>x</code>.", "См. x."),
            ("table bar", "| one | two |", "| раз | два |", "| раз | два"),
            ("table bar", "| one | two |", "| раз | два |", "| раз два |"),
            ("table bar", "one", "раз", "раз | два"),
            ("bold mark", "A **bold** one", "**Смелый** один", "**Смелый один"),
            ("bold mark", "A **bold** one", "**Смелый** один", "Смелый один"),
            ("line break", "One line.", "Одна строка.", "Одна\n\n# строка."),
        ],
    )
    def test_a_translation_that_lost_something(self, what, message, right, wrong):
        assert problems([message], catalogue(**{message: right}), "ru") == []
        (problem,) = problems([message], catalogue(**{message: wrong}), "ru")
        assert problem.startswith(f"{what} differs")
        assert problem.endswith(message)

    def test_a_word_of_the_glossary_that_was_not_used(self):
        (problem,) = problems(["A tokenizer reads."], catalogue(**{"A tokenizer reads.": "Лексер читает."}), "ru")
        assert problem.startswith("the glossary's word for 'tokenizer' is missing (токенизатор")

    @pytest.mark.parametrize("translation", ["Токенизатор читает.", "Нет токенизатора."])
    def test_a_word_of_the_glossary_in_any_form(self, translation):
        assert entry_problems("A tokenizer reads.", translation, "ru") == []

    def test_a_word_that_only_contains_a_term_is_not_that_term(self):
        assert entry_problems("Look at the lossless format.", "Смотри на формат.", "ru") == []

    def test_a_long_message_is_cut(self):
        (problem,) = problems(["word " * 100], polib.POFile(), "ru")
        assert len(problem) < 90

    @each_catalogue
    def test_the_committed_catalogues_have_none(self, name, language):
        assert problems(messages_of(name), load(path_of(name, language)), language) == []

    @each_catalogue
    def test_no_message_stands_twice_in_a_catalogue(self, name, language):
        ids = [entry.msgid for entry in load(path_of(name, language))]
        assert len(ids) == len(set(ids))


@pytest.fixture
def rows():
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


class TestGlossary:
    def test_its_columns(self, rows):
        languages = [code for code in LANGUAGES[1:] if code in rows[0]]
        assert list(rows[0]) == ["en", *languages, "note", *(f"{code}_stems" for code in languages)]
        assert languages[:2] == ["ru", "es"]

    def test_every_row_has_every_column(self, rows):
        assert [row for row in rows if None in row or None in row.values()] == []

    def test_no_term_comes_twice(self, rows):
        terms = [row["en"].casefold() for row in rows]
        assert len(terms) == len(set(terms))

    def test_no_term_is_without_a_translation(self, rows):
        assert [row["en"] for row in rows if not all(row[code] for code in LANGUAGES if code in row)] == []

    @pytest.mark.parametrize("language", LANGUAGES[1:])
    def test_no_stem_is_empty(self, language):
        """An empty stem would occur in every text."""
        assert [term for term, stems in glossary(language).items() if not all(stems)] == []

    @pytest.mark.parametrize("language", LANGUAGES[1:])
    def test_the_translation_in_the_glossary_passes_its_own_check(self, rows, language):
        stems = glossary(language)
        wrong = [row["en"] for row in rows if row["en"] in stems and entry_problems(row["en"], row[language], language)]
        assert wrong == []

    def test_nothing_is_lost_around_the_terms(self, rows):
        values = [value for row in rows for value in row.values()]
        assert [value for value in values if value != value.strip()] == []


class TestHelpersMessages:
    """What helpers say is extracted from their code: `_("There is no unit {name!r}.", name=name)`."""

    def test_every_message_is_found_once_in_the_order_of_the_lines(self, tmp_path):
        (tmp_path / "models.py").write_text('x = _("One {n}", n=_("Two"))\ny = _("Three") + _("One {n}")\n')
        assert helpers_messages.messages(tmp_path) == ["One {n}", "Two", "Three"]

    def test_a_message_put_together_first_is_refused(self, tmp_path):
        (tmp_path / "models.py").write_text('x = 1\ny = _(f"There is no {x}")\n')
        with pytest.raises(UnitError, match=r"^models\.py, line 2: a message is one string"):
            helpers_messages.messages(tmp_path)

    @pytest.mark.parametrize("translation", ["Модуля нет.", "{unit!r} нет.", "{name} нет."])
    def test_a_lost_or_changed_placeholder_is_named(self, translation):
        (problem,) = problems(["No {name!r}."], catalogue(**{"No {name!r}.": translation}), "ru")
        assert problem.startswith("placeholder differs ({name!r}")
