"""What the marks say of exercises and rules, and the tables for spreadsheets and programs."""

import dataclasses
import json

import nbformat
import pytest

from course.kept import save
from course.pages import report, standing, statistics, tables
from course.pages.texts import Item
from course.verdict import CellScore, Group
from tests.course.report.build import AT, ENGLISH, cell, mark, notebook, of, read_csv, verdict


class TestExercises:
    def test_rules_and_messages_in_the_words_of_the_page(self, page):
        """The notebooks of all languages have the same tests: their students are counted together."""
        wrong = cell(1.0, 0.0, ("", "Join the texts."))
        russian = dataclasses.replace(
            wrong, groups=(Group("числа", 1.0, 1.0), Group("тексты", 0.0, 2.0, "Соедини тексты."))
        )
        made = page(verdict("anna", wrong), verdict("boris", russian, language="ru"))
        assert "2 × Join the texts. anna, boris" in made.text
        assert "2 × Соедини тексты. anna, boris" in page(language="ru").text

    def test_one_error_in_many_lines_is_one_message(self, page):
        said = "NameError: name 'np' is not defined (line {} of your code: `{}`)"
        students = [verdict(name, cell(1.0, 0.0, ("", said.format(n, name)))) for n, name in enumerate("ab")]
        assert "2 × NameError: name 'np' is not defined a, b" in page(*students).text

    def test_what_fails_alike_is_said_once(self, page):
        error = "NameError in line 2 of your code: `x`"
        made = page(verdict("anna", cell(0.0, 0.0, (error, error))))
        assert made.text.count("1 × NameError") == 1

    def test_shares_and_states(self):
        stub = "NotImplementedError in line 2 of your code: raise NotImplementedError()"
        cells = [cell(), cell(1.0, 0.0, ("", "x")), cell(0.0, 0.0, ("y", "z")), cell(0.0, 0.0, (stub, stub))]
        rows = [row_of(f"s{number}", one) for number, one in enumerate(cells)]
        (found,) = statistics.results(rows, [Item("test_add", "", "1", 3.0, ("numbers", "texts"))], str)
        assert found.counts == {"passed": 1, "partial": 1, "failed": 1, "left_out": 1, "waiting": 0}
        assert (found.passed, round(found.share, 2)) == (0.25, 0.33)
        assert [(rule.name, rule.passed) for rule in found.rules] == [("numbers", 0.5), ("texts", 0.25)]

    def test_rules_count_the_students_that_their_exercise_counts(self):
        """Who left it out, whose test waits, whose test did not get to its rules: else rules are at 100 % beside it."""
        stub = "NotImplementedError in line 2 of your code: raise NotImplementedError()"
        waits = dataclasses.replace(cell(), score=None, status="manual", groups=())
        lost = CellScore("test_add", 0.0, 3.0, "failed", "The notebook's process has ended.")
        cells = [cell(), cell(), cell(0.0, 0.0, (stub, stub)), waits, lost]
        rows = [row_of(f"s{number}", one) for number, one in enumerate(cells)]
        (found,) = statistics.results(rows, [Item("test_add", "", "1", 3.0, ("numbers", "texts"))], str)
        assert found.counts == {"passed": 2, "partial": 0, "failed": 1, "left_out": 1, "waiting": 1}
        for rule in found.rules:
            assert (rule.counts, rule.passed, rule.share) == (found.counts, found.passed, found.share)

    def test_a_dropped_question_is_called_so_and_counts_for_nobody(self, folder, page):
        for language in ("en", "ru"):
            path = folder.root / "source" / f"sums-{language}" / "sums.ipynb"
            source = nbformat.read(path, as_version=4)
            source.cells[4].source += " (2 points)" if language == "en" else " (2 балла)"
            source.cells[5].metadata.nbgrader.points = 0
            nbformat.write(source, path)
        gone = CellScore("why", 0.0, 0.0, "passed", "", "person")
        made = page(verdict("anna", cell(), gone))
        assert "Why? dropped – – –" in made.text
        assert "2 points" not in made.text
        assert made.row("anna")[2:4] == ["3", ""]

    def test_a_persons_mark_decides_what_became_of_it(self):
        row = dataclasses.replace(row_of("anna", cell(0.0, 0.0, ("x", "y"))), points={"test_add": 3.0})
        (found,) = statistics.results([row], [Item("test_add", "", "1", 3.0)], str)
        assert found.counts["passed"] == 1

    @pytest.mark.parametrize(
        ("pairs", "expected"),
        [
            ([(1, 5), (0, 1)] * 5, 1.0),
            ([(0, 5), (1, 1)] * 5, -1.0),
            ([(1, 5), (1, 1)] * 5, None),
            ([(1, 5), (0, 1)] * 4, None),
        ],
        ids=["strong ones", "weak ones", "all alike", "too few"],
    )
    def test_discrimination(self, pairs, expected):
        found = statistics.discrimination(pairs)
        assert found == expected if expected is None else found == pytest.approx(expected)

    def test_the_item_itself_is_no_part_of_the_rest(self):
        """Corrected item-total correlation: else an item would explain itself."""
        other = [CellScore("test_b", float(n % 2), 1.0, "passed" if n % 2 else "failed") for n in range(12)]
        rows = [row_of(f"s{n}", cell(1.0, 2.0 if n < 6 else 0.0, ("", "x")), other[n]) for n in range(12)]
        (found,) = statistics.results(rows, [Item("test_add", "", "1", 3.0)], str)
        assert found.discrimination == pytest.approx(0.0)

    def test_a_cell_that_only_verdicts_know_has_its_line(self, page):
        assert "test_gone" in page(verdict("anna", CellScore("test_gone", 0.0, 1.0, "failed"))).text


def row_of(student: str, *cells: CellScore) -> standing.Row:
    made = verdict(student, *cells)
    return standing.Row(student, "", verdict=made, points={one.grade_id: one.score for one in cells})


class TestTables:
    def test_one_line_a_student_over_units(self, folder):
        other = folder.root / "source" / "more"
        other.mkdir()
        nbformat.write(notebook("en", ENGLISH, "more"), other / "more.ipynb")
        save(verdict("anna", assignment="more"), folder, "anna")
        save(verdict("anna"), folder, "anna")
        units = standing.units(folder, ["sums-en", "more"], standing.Handed(roster={"boris": "Борис"}))
        tables.write_csv(units, folder.root / "new" / "marks.csv")
        data = (folder.root / "new" / "marks.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")
        anna, boris = read_csv(folder.root / "new" / "marks.csv")
        assert [anna[name] for name in ("student", "score", "max_score", "open")] == ["anna", "6.0", "10.0", "2"]
        assert [anna[name] for name in ("sums: score", "sums: test_add", "more: why")] == ["3.0", "3.0", ""]
        assert [boris[name] for name in ("name", "score", "sums: verdict")] == ["Борис", "", "missing"]

    def test_json_has_the_verdict_and_the_final_mark(self, folder):
        verdicts = [verdict("anna"), verdict("boris")]
        tables.write_json(verdicts, folder.root / "x.jsonl", {"sums-en": {"anna": mark(3.5, open=("why",))}})
        anna, boris = map(json.loads, (folder.root / "x.jsonl").read_text(encoding="utf-8").splitlines())
        final = anna.pop("mark")
        assert (final["score"], final["open"], final["submitted_at"]) == (3.5, ["why"], AT.isoformat())
        assert [anna, boris] == [json.loads(one.as_json()) for one in verdicts]

    @pytest.mark.parametrize("write", ["page", "csv", "json"])
    def test_a_full_disk_leaves_what_was_there(self, folder, monkeypatch, write):
        """All at once or not at all: no page of 0 bytes."""
        units = of(folder, verdict("anna"))
        target = folder.root / "out"
        target.write_text("before")
        monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space"):
            {
                "page": lambda: report.write(folder, units, {}, "en", target),
                "csv": lambda: tables.write_csv(units, target),
                "json": lambda: tables.write_json([], target),
            }[write]()
        assert target.read_text() == "before"
        assert not list(folder.root.glob(".*unfinished"))
