"""The report on a class: numbers that are right, everybody named, nothing of a student's that is more than text."""

import dataclasses
import datetime
import re

import nbformat
import pytest

from course.commands import UsageError, assignments
from course.kept import save
from course.pages import report, standing, statistics, tables
from course.verdict import Before, Group, bounded
from tests.course.report.build import ENGLISH, Page, cell, handed, lost, mark, notebook, of, read_csv, verdict

HOSTILE = '<script>alert("x")</script>'


class TestMarks:
    def test_the_final_mark_counts_everywhere(self, folder):
        """Essays by hand, a day late: the mark is the gradebook's, and its parts stand beside it."""
        final = mark(3.5, manual=1.0, penalty=0.5, late_seconds=90_000.0)
        (unit,) = of(folder, verdict("anna"), given=handed(anna=final))
        made = Page(report.page(folder, [unit], {}, "en", datetime.datetime(2024, 1, 1)))
        assert made.row("anna")[:6] == ["anna", "3.5", "3", "1", "0.5", "1 d 1 h"]
        tables.write_csv([unit], folder.root / "marks.csv")
        (line,) = read_csv(folder.root / "marks.csv")
        assert (line["score"], line["automatic"], line["manual"], line["penalty"]) == ("3.5", "3.0", "1.0", "0.5")

    def test_what_waits_for_a_person_is_named(self, page):
        made = page(verdict("anna"), given=handed(anna=mark(3.0, open=("why",), cells={"test_add": 3.0, "why": None})))
        assert "Waits for a person: 1 anna: Why?" in made.text
        assert made.row("anna")[:3] == ["anna", "3", "2"]

    def test_a_class_in_numbers(self, page):
        scores = {"a": 0.0, "b": 2.0, "c": 5.0}
        made = page(*map(verdict, scores), given=handed(**{name: mark(score) for name, score in scores.items()}))
        assert "Handed in: 3 / 3" in made.text
        assert "Final marks 3 2.33 2 2.52 0 – 5 5" in made.text
        assert "open ones" not in made.text
        (drawn,) = [value for tag, name, value in made.attributes if name == "aria-label" and "How many" in value]
        assert "0 to 0.5: 1; 2 to 2.5: 1; 4.5 to 5: 1. Mean 2.33, median 2." in drawn

    def test_marks_that_are_open_are_counted_apart(self, page):
        """A mean of marks that are still to rise is none of the class's."""
        waits = mark(1.0, open=("why",), cells={"test_add": 1.0, "why": None})
        made = page(*map(verdict, "abc"), given=handed(a=mark(3.0), b=mark(5.0), c=waits))
        assert "Final marks 2 4 4 1.41 3 – 5 5" in made.text
        assert "All marks, the open ones as they are so far 3 3 3 2 1 – 5 5" in made.text
        (drawn,) = [value for tag, name, value in made.attributes if name == "aria-label" and "How many" in value]
        assert drawn.endswith("Mean 4, median 4. Still open: 1.")
        assert made.source.count('"column waiting"') == 2, "a box, and its key"
        assert made.row("c")[:3] == ["c", "1", "2"], "of 5, of which 2 are open: as the student's page says it"

    def test_before_anybody_has_marked_all_are_open(self, page):
        made = page(verdict("anna"), verdict("boris"))
        assert "Final marks" not in made.text
        assert "All marks, the open ones as they are so far 2 3 3 0 3 – 3 5" in made.text

    @pytest.mark.parametrize("score", [-1.0, 0.0, 5.0, 7.5])
    def test_a_mark_outside_of_the_scale_is_in_the_picture(self, score):
        """Extra credit leads above all points."""
        row = standing.Row("anna", "", score=score, max_score=5.0)
        assert sum(statistics.spread([row]).bins) == 1

    def test_nothing_can_be_won(self, page):
        made = page(lost("anna", max_score=0.0))
        assert "There are no marks yet." in made.text


class TestWhoStandsWhere:
    def test_one_line_a_student_over_languages(self, folder):
        """Of two the better mark counts, and the other one is named."""
        worse = verdict("anna", cell(0.0, 0.0), language="ru")
        (unit,) = of(folder, verdict("anna"), worse, verdict("boris", language="ru"))
        assert [(row.student, row.assignment, row.also) for row in unit.rows] == [
            ("anna", "sums-en", ("sums-ru",)),
            ("boris", "sums-ru", ()),
        ]

    def test_everybody_of_the_roster_is_there(self, page):
        given = standing.Handed(roster={"anna": "Anna Ω", "maria": "María"})
        made = page(verdict("anna"), verdict("boris"), given=given, waiting=("vera",))
        for said in (
            "Nothing handed in: 1 María maria",
            "Not graded yet: 1 vera",
            "Not on the roster: 2 boris vera",
            "Anna Ω anna",
        ):
            assert said in made.text

    def test_names_stand_wherever_a_student_does(self, page):
        """In lists, messages and groups: a name, with the id where two have the same."""
        wrong = cell(1.0, 0.0, ("", "Join the texts."))
        given = standing.Handed(roster={"a@x.org": "Anna Ω", "b@x.org": "Boris", "c@x.org": "Boris"})
        made = page(*(verdict(student, wrong) for student in given.roster), given=given)
        assert "3 × Join the texts. Anna Ω, Boris (b@x.org), Boris (c@x.org)" in made.text
        assert "Anna Ω <small>a<wbr>@x<wbr>.org</small>" in made.source

    def test_a_name_of_the_gradebooks_does_where_there_is_no_roster(self, page):
        made = page(verdict("anna"), given=standing.Handed(names={"anna": "Anna Ω"}))
        assert "Anna Ω anna" in made.text and "Not on the roster" not in made.text

    def test_more_time_than_the_class_is_said(self, page):
        """Also of somebody who has not handed in yet."""
        until = datetime.datetime(2026, 3, 8, 18).astimezone()
        given = standing.Handed(
            roster={"anna": "", "maria": ""}, due={"sums-en": {"maria": until}, "sums-ru": {"anna": until}}
        )
        made = page(verdict("anna"), given=given)
        assert "Has more time than the class: 2 anna: 2026-03-08 18:00 maria: 2026-03-08 18:00" in made.text
        assert "Nothing handed in: 1 maria: has more time, until 2026-03-08 18:00" in made.text
        assert "2026-03-08 18:00" in made.row("anna")

    def test_who_handed_in_elsewhere_is_missing_here(self, folder):
        other = folder.root / "source" / "more"
        other.mkdir()
        nbformat.write(notebook("en", ENGLISH, "more"), other / "more.ipynb")
        save(verdict("boris", assignment="more"), folder, "boris")
        save(verdict("anna"), folder, "anna")
        units = standing.units(folder, ["sums-en", "more"], standing.Handed())
        states = {unit.name: {row.student: row.state for row in unit.rows} for unit in units}
        assert states == {
            "sums": {"anna": "graded", "boris": "missing"},
            "more": {"anna": "missing", "boris": "graded"},
        }
        made = Page(report.page(folder, units, {}, "en", datetime.datetime(2024, 1, 1)))
        assert re.search(r"boris 3 10 2 nothing handed in 3", made.text)

    def test_who_left_is_no_ghost(self, folder):
        units = of(folder, verdict("anna"), verdict("boris"))
        folder.path("submitted", "sums-en", "boris").rmdir()
        folder.path("submitted", "sums-en", "boris").parent.rmdir()
        (unit,) = standing.units(folder, ["sums-en"], standing.Handed())
        assert [row.student for row in unit.rows] == ["anna"]
        assert len(units[0].rows) == 2

    def test_old_verdicts_are_named_and_not_mixed(self, page):
        given = standing.Handed(stale={"sums-en": {"boris": ("submission",)}})
        made = page(verdict("anna"), verdict("boris", cell(0.0, 0.0)), given=given)
        assert "run again: 1 boris: handed in again" in made.text
        assert "so far 1 3 3 0 3 – 3" in made.text, "the mean is of the others"

    def test_only_old_verdicts_are_of_one_kind(self, page):
        made = page(verdict("anna"), given=standing.Handed(stale={"sums-en": {"anna": ("tests",)}}))
        assert "All of these marks are from before the last change" in made.text

    @pytest.mark.parametrize(
        ("before", "said"),
        [
            (
                Before("", "graded", 5.0, 5.0, None, {}, ("tests",), ("test_add",)),
                "5 → 3 (tests changed: Exercise 1: add )",
            ),
            (Before("", "graded", 1.0, 5.0, 4.5, {}, ("submission",)), "4.5 → 3 (handed in again)"),
            (Before("", "timed_out", None, 5.0, None, {}, ()), "– → 3 (nothing changed)"),
        ],
    )
    def test_what_changed_since_the_last_grading(self, page, before, said):
        assert said in page(verdict("anna", before=before)).text

    def test_the_same_mark_is_no_change(self, page):
        before = Before("", "graded", 3.0, 5.0, None, {}, ("source",))
        assert "→" not in page(verdict("anna", before=before)).text

    def test_verdicts_and_flags_are_said_with_their_cause(self, page):
        made = page(lost("anna"), verdict("boris", flags=("copied",), cause="`add` is the reference's text."))
        assert "Ran out of time: 1 anna: It did not end." in made.text
        assert "Copied: 1 boris: add is the reference's text." in made.text

    @pytest.mark.parametrize(
        ("language", "flag", "unread"),
        [
            ("en", "Copied: 1 anna: Flagged copied : add: taken from helpers.", "The archive is damaged."),
            ("ru", "Скопировано (copied): 1 anna: Помечено как copied : add: взято из helpers .", "Архив повреждён."),
            ("es", "Copiado (copied): 1 anna: Señalado como copied : add: tomado de helpers .", "está dañado."),
        ],
    )
    def test_causes_are_in_the_language_of_the_page(self, page, language, flag, unread):
        """With the word for a flag that the documents and the verdicts have."""
        notes = ("Added to cells of the teacher's and kept: `x`.",)
        said = "Flagged `copied`: add: taken from helpers. Planted failures pass test_add."
        copied = verdict("anna", flags=("copied",), cause=f"{said} {notes[0]}", notes=notes)
        damaged = lost("boris", "unreadable", notes=("The archive is damaged.",))
        made = page(copied, dataclasses.replace(damaged, cause="The archive is damaged."), language=language)
        assert flag in made.text and unread in made.text
        english = re.findall(r"Flagged|taken from|Planted|archive is|Added to", made.text)
        assert bool(english) == (language == "en")
        assert not re.search(r"What you|тобой|añadiste", made.text), "these speak to the student"

    def test_a_cause_that_was_cut_says_nothing_twice(self, page):
        """It begins with what is for the teacher; the notes follow, and do not fit."""
        notes = ("Put back: `a`.", f"Tests were missing and have been put back: {', '.join(['`test`'] * 60)}.")
        cause = bounded(" ".join(["add: the reference's text.", *notes]))
        made = page(verdict("anna", flags=("copied", "recovered"), cause=cause, notes=notes))
        assert "Copied: 1 anna: add: the reference's text. Recovered: 1 anna: Put back: a . Tests" in made.text
        assert "`" not in made.text

    def test_a_unit_stands_for_its_languages(self, folder):
        of(folder, verdict("anna"), verdict("boris", language="ru"))
        assert assignments(folder, ["sums"], graded=True) == ["sums-en", "sums-ru"]
        with pytest.raises(UsageError, match="Did you mean sums"):
            assignments(folder, ["sum"])


class TestHostileText:
    """Names, messages, causes and answers come from students."""

    @pytest.mark.parametrize(
        "place", ["student", "name", "cause", "note", "message", "flag", "grade_id", "sandbox", "rule"]
    )
    def test_markup_is_text(self, page, place):
        given = standing.Handed(roster={"anna": HOSTILE}) if place == "name" else standing.Handed()
        made = {
            "student": lambda: verdict(HOSTILE.replace("/", "")),
            "name": lambda: verdict("anna"),
            "cause": lambda: dataclasses.replace(lost("anna"), cause=HOSTILE),
            "note": lambda: verdict("anna", notes=(f"`{HOSTILE}`",)),
            "message": lambda: verdict("anna", cell(1.0, 0.0, ("", HOSTILE))),
            "flag": lambda: verdict("anna", flags=(HOSTILE,)),
            "grade_id": lambda: verdict("anna", dataclasses.replace(cell(), grade_id=HOSTILE)),
            "sandbox": lambda: verdict("anna", sandbox=HOSTILE),
            "rule": lambda: verdict("anna", dataclasses.replace(cell(), groups=(Group(HOSTILE, 0.0, 1.0, "x"),) * 9)),
        }[place]()
        found = page(made, given=given)
        assert found.tags.count("script") == 1, "the page's own"
        assert "alert(" in found.text

    @pytest.mark.parametrize("student", ["{0}", "{student}", "$x$", "%s", "{{ 7 * 7 }}", "\u202eevil", "a\x1b[31m"])
    def test_no_language_of_templates_and_terminals_takes_effect(self, page, student):
        text = page(verdict(student)).text
        assert student.replace("\u202e", "?").replace("\x1b", "?") in text

    def test_nothing_but_its_own_script_may_run(self, page):
        made = page(verdict("anna"))
        (policy,) = [value for tag, name, value in made.attributes if tag == "meta" and "default-src" in (value or "")]
        assert re.fullmatch(r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'", policy)
        assert not [value for _, name, value in made.attributes if name.startswith("on") or name in ("src", "style")]
        assert all(value.startswith("#") for _, name, value in made.attributes if name == "href")


def test_four_hundred_students(folder):
    """The page stays small, whatever is wrong with whom."""
    wrong = cell(0.0, 0.0, ("Add the numbers.", "Join the texts."))
    students = [f"student-{number:03}" for number in range(400)]
    verdicts = [verdict(name, wrong if n % 3 else cell(), notes=("Put back: `x`.",)) for n, name in enumerate(students)]
    units = of(folder, *verdicts, given=handed(**dict.fromkeys(students, mark(open=("why",)))))
    text = report.page(folder, units, {}, "en", datetime.datetime(2024, 1, 1))
    assert text.count("<tr data-is") == 400
    assert len(text.encode()) < 500_000


def test_an_assignment_of_several_notebooks(folder):
    """As other people's courses have them: no unit, grade ids behind the notebooks' names."""
    for step in ("source", "autograded/anna"):
        for name in ("first", "second"):
            path = folder.root / step / "pair" / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook("en", ENGLISH, name), path)
    cells = [dataclasses.replace(cell(), grade_id=f"{name}/test_add") for name in ("first", "second")]
    save(verdict("anna", *cells, assignment="pair"), folder, "anna")
    (unit,) = standing.units(folder, ["pair"], standing.Handed())
    made = Page(report.page(folder, [unit], {}, "en", datetime.datetime(2024, 1, 1)))
    assert unit.name == "pair"
    assert made.row("anna")[1:9] == ["6", "3", "", "3", "", "graded", "12.3", ""]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"cells": [1]}', b'{"cells": [{"source": 1}]}', b"\xff"])
def test_a_graded_notebook_that_somebody_broke_has_no_answers(folder, data):
    units = of(folder, verdict("anna"))
    path = folder.path("autograded", "sums-en", "anna") / "sums.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    assert "anna" in report.page(folder, units, {}, "en", datetime.datetime(2024, 1, 1))
