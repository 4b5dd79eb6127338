"""Verdicts: written, read again, kept; messages that stay short."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.folder import Folder
from course.kept import load_all, save
from course.verdict import MESSAGE_LIMIT, CellScore, Group, Verdict, bounded

GROUPS = (Group("offsets", 1.0, 2.5, "Смотри на «I-»."),)
CELLS = (
    CellScore("test_do_ner", 2.5, 5.0, "partial", "Смотри на «I-».", "outside", GROUPS),
    CellScore("essay_token_to_tag", None, 2.0, "manual"),
)
VERDICT = Verdict(
    "anna", "ner-ru", "graded", "", ("recovered", "copied"), 2.5, 7.0, 12.3, CELLS, "bwrap", ("One note.",)
)


class TestJson:
    def test_what_was_written_comes_back(self):
        assert Verdict.from_json(VERDICT.as_json(notes=True)) == VERDICT
        assert Verdict.from_json(VERDICT.as_json()) == dataclasses.replace(VERDICT, notes=())

    def test_it_is_one_line(self):
        assert "\n" not in dataclasses.replace(VERDICT, cause="one\ntwo").as_json()

    def test_its_fields_are_those_that_are_promised(self):
        fields = json.loads(VERDICT.as_json())
        promised = {"student", "assignment", "verdict", "cause", "flags", "score", "max_score", "seconds", "cells"}
        assert promised <= fields.keys()
        assert fields["cells"][0] == {
            "grade_id": "test_do_ner",
            "score": 2.5,
            "max_score": 5.0,
            "status": "partial",
            "message": "Смотри на «I-».",
            "judged": "outside",
            "groups": [{"name": "offsets", "score": 1.0, "max_score": 2.5, "message": "Смотри на «I-»."}],
            "lent": [],
        }

    def test_people_can_read_the_letters(self):
        assert "Смотри" in VERDICT.as_json()

    @settings(deadline=None, max_examples=50, derandomize=True)
    @given(st.text(), st.text(), st.none() | st.floats(0, 25))
    def test_any_text_and_score_survive(self, student, message, score):
        cell = CellScore("test_do_ner", score, 5.0, "failed", message)
        verdict = dataclasses.replace(VERDICT, student=student, score=score, cells=(cell,))
        assert Verdict.from_json(verdict.as_json(notes=True)) == verdict


class TestKeeping:
    @pytest.mark.parametrize("student", ["a" * 250, "ю" * 120, "\udcff\udcfe"])
    def test_a_name_that_is_no_name_of_a_file_is_no_problem(self, tmp_path, student):
        save(VERDICT, Folder.at(tmp_path), student)
        assert load_all(tmp_path, "ner-ru") == [VERDICT]

    def test_verdicts_come_back_in_the_order_of_the_names(self, tmp_path):
        for student in ("zoe", "anna", "maria"):
            save(dataclasses.replace(VERDICT, student=student), Folder.at(tmp_path), student)
        assert [verdict.student for verdict in load_all(tmp_path, "ner-ru")] == ["anna", "maria", "zoe"]

    def test_a_new_verdict_replaces_the_old_one(self, tmp_path):
        save(VERDICT, Folder.at(tmp_path), "anna")
        save(dataclasses.replace(VERDICT, score=7.0), Folder.at(tmp_path), "anna")
        assert [verdict.score for verdict in load_all(tmp_path, "ner-ru")] == [7.0]

    def test_other_assignments_are_left_out(self, tmp_path):
        save(VERDICT, Folder.at(tmp_path), "anna")
        assert load_all(tmp_path, "ner-es") == []

    def test_half_an_emoji_in_a_message_can_be_kept(self, tmp_path):
        """A student's code can raise anything."""
        cell = dataclasses.replace(CELLS[0], message=bounded("what is \ud83d?"))
        save(dataclasses.replace(VERDICT, cells=(cell,)), Folder.at(tmp_path), "anna")
        assert load_all(tmp_path, "ner-ru")[0].cells[0].message == "what is ??"


class TestBounded:
    def test_a_short_message_stays_as_it_is(self):
        assert bounded("Verdadero o falso: ¿qué es? 😀") == "Verdadero o falso: ¿qué es? 😀"

    def test_lines_become_one(self):
        assert bounded("  one\n\ttwo \r\n three\n") == "one two three"

    @pytest.mark.parametrize("length", [MESSAGE_LIMIT - 1, MESSAGE_LIMIT])
    def test_up_to_the_limit_nothing_is_cut(self, length):
        assert bounded("x" * length) == "x" * length

    def test_beyond_the_limit_the_end_is_cut_and_it_is_seen(self):
        cut = bounded("x" * 1_000_000)
        assert len(cut) == MESSAGE_LIMIT
        assert cut.endswith("x…")
