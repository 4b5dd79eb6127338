"""Marks go back to whom they belong, into a file that is otherwise as the platform wrote it."""

import csv
import io
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.exchange import returning, sheet
from course.exchange.arrivals import Arrival
from course.exchange.roster import Roster, Student
from course.exchange.tables import TableError
from tests.course.exchange.backs import Mark


class TestSheet:
    """The file is only changed where it is filled."""

    @settings(max_examples=50, deadline=None)
    @given(
        cells=st.lists(
            st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2), min_size=1
        ),
        quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
        separator=st.sampled_from(",;\t"),
        end=st.sampled_from(["\n", "\r\n", "\r"]),
        bom=st.booleans(),
    )
    def test_it_comes_out_as_it_went_in(self, tmp_path_factory, cells, quoting, separator, end, bom):
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
        writer.writerows([["head", f"an{separator}other"], *cells])
        data = text.getvalue().encode("utf-8-sig" if bom else "utf-8")
        path = tmp_path_factory.mktemp("sheet") / "table.csv"
        path.write_bytes(data)
        assert sheet.read(path).filled({}) == data

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
    def test_one_cell_is_filled(self, tmp_path, encoding):
        text = 'sep=;\r\nИмя;"Оценка";Ещё\r\n\r\nАнна;"";"a ""b""; c"\r\nБорис;;\r\n'
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        read = sheet.read(path)
        assert read.table.rows == (("Анна", "", 'a "b"; c'), ("Борис", "", ""))
        filled = read.filled({(0, 1): "7,5", (1, 1): "ñ;"})
        lacks = "ñ" if encoding.startswith("utf") else "&#241;"
        after = text.replace('Анна;""', 'Анна;"7,5"').replace("Борис;;", f'Борис;"{lacks};";')
        assert filled == after.encode(encoding)

    def test_bytes_that_are_no_text_stay(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_bytes(b"Name;Grade\nAnna \x98\x81;\n")
        assert sheet.read(path).filled({(0, 1): "1"}) == b"Name;Grade\nAnna \x98\x81;1\n"

    def test_a_quotation_mark_that_is_never_closed(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_text('Name,Grade\nAnna,"1\nBoris,2\n')
        with pytest.raises(TableError, match="line 2 is never closed"):
            sheet.read(path)


class TestWhatGoesBack:
    MARKS: ClassVar = {
        "ner-en": {"anna": Mark(20, submitted_at=datetime(2026, 1, 1, tzinfo=UTC)), "boris": Mark(None)},
        "ner-ru": {"anna": Mark(22.5), "boris": Mark(3), "carla": Mark(0)},
        "ner-es": {"anna": Mark(20, submitted_at=datetime(2026, 2, 1, tzinfo=UTC))},
    }

    def test_the_better_of_several_languages_counts_and_the_others_are_named(self):
        anna, boris, carla = returning.of(self.MARKS, Roster(), {})
        assert (anna.assignment, anna.mark.score) == ("ner-ru", 22.5)
        assert anna.notes == ("Also handed in: ner-es, 20 of 25 points.", "Also handed in: ner-en, 20 of 25 points.")
        assert (boris.assignment, boris.notes) == ("ner-ru", ("Also handed in: ner-en, no mark.",))
        assert (carla.mark.score, carla.notes) == (0, ())

    def test_of_equal_ones_the_later(self):
        (anna,) = returning.of(
            {name: {"anna": self.MARKS[name]["anna"]} for name in ("ner-en", "ner-es")}, Roster(), {}
        )
        assert anna.assignment == "ner-es"

    def test_what_waits_for_grading_is_named(self):
        waiting = {"ner-en": {"emil"}, "ner-ru": {"anna"}, "ner-es": set()}
        roster = Roster({"dora": Student("dora")})
        anna, *_, dora, emil = returning.of(self.MARKS, roster, {}, waiting)
        assert (anna.mark.score, anna.notes[-1]) == (22.5, "What they handed in last has not been graded: ner-ru.")
        assert (emil.mark, emil.held(False)[0]) == (None, "unmarked")
        assert (dora.notes, dora.held(False)[0]) == ((), "missing")

    def test_where_they_came_from(self):
        came = {name: [Arrival("anna", name, "Anna Ivanova", number=name[-2:])] for name in ("ner-en", "ner-ru")}
        anna, *_ = returning.of(self.MARKS, Roster(), came)
        assert [arrival.number for arrival in anna.arrivals] == ["ru", "en"]
        assert anna.name == "Anna Ivanova"

    def test_a_plain_table(self):
        roster = Roster({"anna": Student("anna", "=Anna;@x", "anna@x.org"), "dora": Student("dora", "Дора")})
        backs = returning.of({**self.MARKS, "ner-de": {"emil": Mark(1, open=("essay", "why"))}}, roster, {})
        filled = returning.plain(backs, with_open=False)
        assert filled.data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(filled.data.decode("utf-8-sig"))))
        assert rows[0] == {
            "id": "anna", "name": "'=Anna;'@x", "email": "anna@x.org", "assignment": "ner-ru", "score": "22.5",
            "max_score": "25", "open": "0", "penalty": "0", "submitted_at": "",
        }  # fmt: skip
        assert [(row["id"], row["score"], row["open"]) for row in rows[1:]] == [
            ("boris", "3", "0"), ("carla", "0", "0"), ("dora", "", ""), ("emil", "", "2"),
        ]  # fmt: skip
        assert [row.status for row in filled.rows] == ["entered", "entered", "entered", "missing", "open"]
        (emil,) = [row for row in returning.plain(backs, with_open=True).rows if row.student == "emil"]
        assert (emil.status, emil.grade) == ("entered", "1")

    @pytest.mark.parametrize(
        ("text", "value"),
        [("7,5", 7.5), ("7.50", 7.5), ("-", None), ("", None), ("A+", None), ("1 000,5", 1000.5), ("1,2,3", None)],
    )
    def test_numbers(self, text, value):
        assert returning.parsed(text) == value

    def test_a_mark_is_never_rounded_twice(self):
        assert returning.number(2.675) == "2.67" and returning.number(1 / 3, ",", 2) == "0,33"
