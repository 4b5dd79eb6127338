"""A gradebook that Canvas takes back."""

import csv
import io

import pytest

from course.exchange import gradebook, returning
from course.exchange.gradebook import Wanted
from course.exchange.returning import ReturnError
from course.exchange.roster import Roster
from tests.course.exchange.backs import Mark, back, came, said
from tests.course.exchange.platform_rules import canvas_grades

HEAD = "Student,ID,SIS User ID,SIS Login ID,Section,Note,Intent (54),NER (55),Essays Current Score,Final Score"
ASSIGNMENTS = {54: "Intent", 55: "NER"}
POINTS = '"    Points Possible",,,,,,10,25,(read only),(read only)'
LINES = (
    '"Ivanova, Anna",4711,s-1,anna@x.org,A,"a ""note""",9.50,{0},,31.00',
    '"Núñez, José",4712,s-2,jose,"A, B",,,{1},,',
    'Борис,4713,,boris,A,,"1.00",{2},,',
    '"Student, Test",99,,x,A,,,,,',
)
NER = Wanted(("ner", "ner-en"))


@pytest.fixture
def table(tmp_path):
    """A function: lines of students → the gradebook as a file."""

    def make(*lines: str, head=HEAD, points=POINTS, end="\n"):
        path = tmp_path / "2026-03-01_Grades-NLP.csv"
        path.write_bytes("".join(f"{text}{end}" for text in (head, points, *lines)).encode())
        return path

    return make


def canvas(name: str, number: str):
    """A submission that came from Canvas."""
    return came(name, number, folder="", source="nlp_ner_submissions.zip", platform="canvas")


def whole(grades=("", "", "")) -> list[str]:
    return [line.format(*grades) for line in LINES]


STUDENTS = (
    back("a", 18.5, canvas("ivanovaanna", "4711")),
    back("j", 25, username="JOSE"),
    back("Борис", 1 / 3),
)


class TestForms:
    @pytest.mark.parametrize("bom", ["", "\ufeff"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("separator", [",", ";"])
    def test_one_column_is_filled(self, table, separator, end, bom):
        """Every other byte is as it was."""
        path = table(*whole(("", '""', "2.00")), end=end)
        text = bom + path.read_bytes().decode().replace(",", separator)
        path.write_bytes(text.encode())
        filled = gradebook.fill(path, STUDENTS, NER)
        after = table(*whole(("18.5", '"25"', "0.33")), end=end).read_bytes().decode().replace(",", separator)
        assert filled.data == (bom + after).encode()
        grades, new = canvas_grades(filled.data, ASSIGNMENTS)
        assert grades["NER"] == {"4711": "18.5", "4712": "25", "4713": "0.33", "99": ""}
        assert grades["Intent"] == {"4711": "9.50", "4712": "", "4713": "1.00", "99": ""}
        assert "Note" in new and filled.notes == ("The column is «NER».",)

    def test_with_the_decimal_sign_of_the_table(self, table):
        lines = [line.replace("9.50", '"9,50"').replace("31.00", '"31,00"') for line in whole()]
        grades, _ = canvas_grades(gradebook.fill(table(*lines), STUDENTS, NER).data, ASSIGNMENTS)
        assert grades["NER"]["4711"] == "18.5"
        assert b'"18,5"' in gradebook.fill(table(*lines), STUDENTS, NER).data

    def test_with_a_row_about_posting_and_names_in_two_columns(self, table):
        head = HEAD.replace("Student", "LastName,FirstName")
        lines = [",,,,,,,Manual Posting,Manual Posting,,", "Ivanova,Anna,4711,s-1,anna@x.org,A,,,,,"]
        path = table(*lines, head=head, points=POINTS.replace(",,,,,,10", ",,,,,,,10"))
        filled = gradebook.fill(path, [back("Anna Ivanova", 5)], NER)
        assert filled.data == path.read_bytes().replace(b"anna@x.org,A,,,", b"anna@x.org,A,,,5")

    @pytest.mark.parametrize(
        ("head", "points", "why"),
        [("id,name,grade", "a,b,1", "no gradebook of Canvas's"), (HEAD, "x,,,,,,10,25,,", "«Points Possible»")],
    )
    def test_what_is_no_gradebook(self, table, head, points, why):
        with pytest.raises(ReturnError, match=why):
            gradebook.fill(table(*whole(), head=head, points=points), STUDENTS, NER)


class TestWhose:
    @pytest.mark.parametrize(
        "student",
        [
            back("x", 5, canvas("ivanovaanna", "4711")),
            back("x", 5, name="Anna Ivanova", number="4711"),
            back("x", 5, username="anna@x.org"),
            back("x", 5, email="Anna@x.org"),
            back("x", 5, name="Anna", number="S-1"),
            back("Ivanova Anna", 5),
            back("ivanovaanna", 5, canvas("ivanovaanna", "")),
        ],
    )
    def test_found(self, table, student):
        grades, _ = canvas_grades(gradebook.fill(table(*whole()), [student], NER).data, ASSIGNMENTS)
        assert grades["NER"] == {"4711": "5", "4712": "", "4713": "", "99": ""}

    def test_somebody_who_is_on_no_roster(self, table):
        """The id is the login, the address or the name; a guess contradicts nothing."""
        backs = returning.of({"ner-en": {"Борис": Mark(5), "anna@x.org": Mark(6), "jose": Mark(7)}}, Roster(), {})
        grades, _ = canvas_grades(gradebook.fill(table(*whole()), backs, NER).data, ASSIGNMENTS)
        assert grades["NER"] == {"4711": "6", "4712": "7", "4713": "5", "99": ""}

    @pytest.mark.parametrize(
        "student",
        [
            back("1", 5),
            back("A", 5),
            back("x", 5, canvas("", "4711")),  # marked anonymously: the number is another one
            back("x", 5, name="Maria Lopez", number="4711"),  # the university's number
            back("x", 5, name="Maria Lopez", number="s-1"),  # another university's
            back("x", 5, canvas("lopezmaria", "4711")),
            back("x", 5, came("x", "4711")),  # Moodle's number
            back("Test Student", 5),
        ],
    )
    def test_nobody_gets_anothers_mark(self, table, student):
        filled = gradebook.fill(table(*whole()), [student, *STUDENTS[1:]], NER)
        grades, _ = canvas_grades(filled.data, ASSIGNMENTS)
        assert grades["NER"] == {"4711": "", "4712": "25", "4713": "0.33", "99": ""}
        assert said(filled)[student.student.id][0] in ("absent", "ambiguous")
        assert said(filled)["Anna Ivanova"] == ("unknown", "")


class TestGrades:
    @pytest.mark.parametrize(
        ("before", "mark", "grade", "status"),
        [
            ("", Mark(18), "18", "entered"),
            ("17.00", Mark(18), "18.00", "entered"),
            ("18.00", Mark(18), "18.00", "same"),
            ("18.33", Mark(18 + 1 / 3), "18.33", "same"),
            ("EX", Mark(18), "EX", "locked"),
            ("N/A", Mark(18), "N/A", "locked"),
            ("", Mark(30), "30", "entered"),
            ("", Mark(9, open=("essay",)), "", "open"),
            ("3", Mark(None), "3", "unmarked"),
            ("", Mark(0), "0", "entered"),
            ("", Mark(25, 50), "12.5", "entered"),
        ],
    )
    def test_what_is_entered(self, table, before, mark, grade, status):
        path = table(*whole((before, "", "")))
        filled = gradebook.fill(path, [back("Anna Ivanova", 0, mark=mark)], NER)
        assert said(filled)["Anna Ivanova"][0] == status
        assert canvas_grades(filled.data, ASSIGNMENTS)[0]["NER"]["4711"] == grade
        assert (filled.data == path.read_bytes()) == (status != "entered")


class TestColumn:
    HEAD = HEAD.replace("Intent (54)", "Named entities: a walk (54)")

    @pytest.mark.parametrize(
        ("wanted", "changed"),
        [
            (Wanted(("ner",)), 55),
            (Wanted(("x",), "ner"), 55),
            (Wanted(("x",), "55"), 55),
            (Wanted(("ner",), "54"), 54),
            (Wanted(("ner",), "named entities"), 54),
            (Wanted(("ner",), "Named entities: a walk (54)"), 54),
            (Wanted(("tags", "Named entities")), 54),
        ],
    )
    def test_found(self, table, wanted, changed):
        filled = gradebook.fill(table(*whole(), head=self.HEAD), STUDENTS, wanted)
        grades, _ = canvas_grades(filled.data, {54: "54", 55: "55"})
        assert [title for title in ("54", "55") if grades[title]["4712"] in ("10", "25")] == [str(changed)]

    @pytest.mark.parametrize(
        ("wanted", "why"),
        [
            (Wanted(("walk",)), r"No column of .* may be walk: say which with --column"),
            (Wanted(("x",), "neer"), "no column «neer».*NER .55.*Did you mean «NER»"),
            (Wanted(("x",), "Final Score"), "no column «Final Score»"),
            (Wanted(("x",), "Section"), "no column «Section»"),
            (Wanted(("x",), new="Ner"), "a column «Ner» already"),
        ],
    )
    def test_named_where_it_is_not_told(self, table, wanted, why):
        with pytest.raises(ReturnError, match=why):
            gradebook.fill(table(*whole(), head=self.HEAD), STUDENTS, wanted)

    ONE = HEAD.replace("Named entities: a walk (54),NER (55)", "Note 2,Homework of week 3 (55)")

    def test_the_only_one_is_taken_and_said(self, table):
        """Whatever it is called, but for another assignment of the course."""
        filled = gradebook.fill(table(*whole(), head=self.ONE), STUDENTS, NER)
        assert canvas_grades(filled.data, {55: "55"})[0]["55"]["4712"] == "25"
        assert filled.notes == (
            "The column is «Homework of week 3»: the only assignment there, though its title does not say ner.",
        )
        wanted = Wanted(("ner",), others=("homework", "homework-en"))
        with pytest.raises(ReturnError, match=r"No column .* may be ner"):
            gradebook.fill(table(*whole(), head=self.ONE), STUDENTS, wanted)
        with pytest.raises(ReturnError, match=r"No column .* may be walk"):
            gradebook.fill(table(*whole(), head=self.HEAD), STUDENTS, Wanted(("walk",)))

    def test_several(self, table):
        head = HEAD.replace("Intent", "ner")
        with pytest.raises(ReturnError, match=r"Several columns .* may be ner"):
            gradebook.fill(table(*whole(), head=head), STUDENTS, NER)

    def test_a_new_one(self, table):
        """Only when told: Canvas makes an assignment of it, worth the marks' points."""
        path = table(*whole(), "", "Short,5,,,A")
        filled = gradebook.fill(path, STUDENTS, Wanted(("ner",), new="=Ner, again"))
        grades, new = canvas_grades(filled.data, ASSIGNMENTS)
        assert grades["'=Ner, again"] == {"4711": "18.5", "4712": "25", "4713": "0.33", "99": "", "5": ""}
        assert new["'=Ner, again"] == "25"
        before = list(csv.reader(io.StringIO(path.read_text())))
        after = list(csv.reader(io.StringIO(filled.data.decode())))
        assert [row[: len(old)] for row, old in zip(after, before, strict=True)] == before
