"""The page with the marks: everything from students is text, the picture has words, odd scores are no obstacle."""

import base64
import dataclasses
import re
import warnings
from html.parser import HTMLParser

import pytest

from course.report import write_report
from course.verdict import MESSAGE_LIMIT, CellScore, Verdict, bounded

CELLS = (
    CellScore("test_build_model", 3.0, 3.0, "passed"),
    CellScore("test_do_ner", 0.0, 5.0, "failed", "Offsets do not fit."),
    CellScore("test_training", 2.5, 5.0, "partial"),
    CellScore("essay_token_to_tag", None, 2.0, "manual"),
)
ANNA = Verdict("anna", "ner-ru", "graded", "", (), 5.5, 15.0, 12.34, CELLS)
LOST = Verdict("boris", "ner-ru", "timed_out", "A cell did not end.", (), None, 15.0, 120.0, ())
HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """The tags of a page, its attributes, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def image(self) -> dict[str, str]:
        (image,) = (attributes for tag, attributes in self.attributes if tag == "img")
        return image


@pytest.fixture
def page(tmp_path):
    """A function: verdicts → the page that was written, without a warning on the way."""

    def written(*verdicts: Verdict) -> Page:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_report(list(verdicts), tmp_path / "new" / "report.html")
        return Page((tmp_path / "new" / "report.html").read_text(encoding="utf-8"))

    return written


class TestTable:
    def test_every_submission_has_its_score(self, page):
        text = page(ANNA, LOST).text
        assert "5.5 of 15" in text
        assert "timed_out" in text

    def test_a_cell_shows_a_sign_and_its_points(self, page):
        text = page(ANNA).text
        for shown in ("✓ 3/3", "✗ 0/5", "◐ 2.5/5", "…"):
            assert shown in text

    def test_the_cause_is_said(self, page):
        assert "A cell did not end." in page(LOST).text

    def test_a_message_is_shown_on_the_cell(self, page):
        titles = [attributes.get("title") for tag, attributes in page(ANNA).attributes if tag == "td"]
        assert "Offsets do not fit." in titles

    def test_a_message_is_no_longer_than_the_limit(self, page):
        cell = dataclasses.replace(CELLS[1], message=bounded("word " * 10_000))
        titles = [a["title"] for _, a in page(dataclasses.replace(ANNA, cells=(cell,))).attributes if "title" in a]
        assert [len(title) for title in titles] == [MESSAGE_LIMIT]

    def test_every_assignment_has_a_table(self, page):
        assert page(ANNA, dataclasses.replace(ANNA, assignment="ner-es")).tags.count("table") == 2

    def test_the_summary_counts(self, page):
        assert "2 submissions, 1 with marks; 1 written answers wait for a person." in page(ANNA, LOST).text

    def test_a_submission_without_a_cell_leaves_it_empty(self, page):
        short = dataclasses.replace(ANNA, student="boris", cells=CELLS[:1])
        assert page(ANNA, short).text.count("✗") == 1


class TestHostileText:
    """Names of folders, messages and causes come from students."""

    @pytest.mark.parametrize(
        "verdict",
        [
            dataclasses.replace(ANNA, student=HOSTILE),
            dataclasses.replace(ANNA, assignment=HOSTILE),
            dataclasses.replace(ANNA, cause=HOSTILE),
            dataclasses.replace(ANNA, cells=(dataclasses.replace(CELLS[0], grade_id=HOSTILE),)),
            dataclasses.replace(ANNA, cells=(dataclasses.replace(CELLS[0], message=f'">{HOSTILE}'),)),
        ],
        ids=["student", "assignment", "cause", "grade_id", "message"],
    )
    def test_a_script_is_text(self, page, verdict):
        assert "script" not in page(verdict).tags

    def test_a_quotation_mark_does_not_end_an_attribute(self, page):
        image = page(dataclasses.replace(ANNA, student='" onerror="alert(1)')).image()
        assert image.keys() == {"alt", "src"}

    @pytest.mark.parametrize("student", ["{0}", "{alt}", "$x$", "$\\frac$", "a_b^c", "%s"])
    def test_marks_of_other_languages_are_text(self, page, student):
        """Format strings, and formulas for Matplotlib."""
        assert student in page(dataclasses.replace(ANNA, student=student)).text


class TestPicture:
    def test_its_alternative_text_says_what_it_shows(self, page):
        assert page(ANNA, LOST).image()["alt"] == "anna (ner-ru): 5.5 of 15; boris (ner-ru): timed_out"

    def test_it_is_in_the_page(self, page):
        head, data = page(ANNA).image()["src"].split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")

    def test_the_page_loads_nothing_from_elsewhere(self, page):
        made = page(ANNA)
        assert not {"script", "link", "iframe"} & set(made.tags)
        values = [value for _, attributes in made.attributes for value in attributes.values() if value]
        assert not any(re.match(r"(https?:)?//", value) for value in values)


class TestOddScores:
    def test_nobody_has_a_score(self, page):
        assert "1 submissions, 0 with marks" in page(LOST).text

    def test_nothing_can_be_won(self, page):
        """What could not be read has no cells, and so no points."""
        assert page(dataclasses.replace(LOST, max_score=0.0)).tags.count("table") == 1

    def test_zero_is_a_score(self, page):
        assert "0 of 15" in page(dataclasses.replace(ANNA, score=0.0)).text

    def test_a_class_of_forty(self, page):
        students = [dataclasses.replace(ANNA, student=f"student-{number}") for number in range(40)]
        assert page(*students).tags.count("tr") == 41
