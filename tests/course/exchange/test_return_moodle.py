"""A grading worksheet that Moodle takes back, and feedback files that reach the right people."""

import dataclasses
import html
import zipfile

import pytest

from course.exchange import worksheet
from course.exchange.returning import Back, ReturnError
from course.exchange.roster import Student
from tests.course.exchange.backs import Mark, back, came, said
from tests.course.exchange.platform_rules import MOODLE, moodle_files, moodle_grades

HEADS = {
    "en": 'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"',
    "ru": 'Идентификатор,"Полное имя","Адрес электронной почты",Состояние,Оценка,"Максимальная оценка",'
    '"Оценка может быть изменена","Последнее изменение (ответ)","Последнее изменение (оценка)",'
    '"Отзыв в виде комментария"',
    "es": 'Identificador,"Nombre completo","Dirección de correo",Estado,Calificación,"Calificación máxima",'
    '"La calificación puede ser cambiada","Última modificación (entrega)","Última modificación (calificación)",'
    '"Comentarios de retroalimentación"',
}
NO = {"en": "No", "ru": "Нет", "es": "No"}
ANNA = "Anna Ivanova,anna@x.org"


def line(number, person: str, grade="", most="25.00", changeable="Yes", comment="", language="en") -> str:
    """A line of a worksheet, with commas between the cells."""
    return (
        f'"{MOODLE[language][0]}{number}",{person},"Submitted for grading - ",{grade},{most},{changeable},'
        f'"Monday, 2 March 2026, 12:00 PM",-,{comment}'
    )


@pytest.fixture
def sheet(tmp_path):
    """A function: lines → the worksheet as a file."""

    def make(*lines: str, name="Grades-nlp-ner-77.csv", head=HEADS["en"]):
        path = tmp_path / name
        path.write_bytes("".join(f"{text}\n" for text in (head, *lines)).encode())
        return path

    return make


def grades(filled, *numbers: str, most: float = 25.0, **options) -> dict[str, float | None]:
    """What Moodle enters."""
    found = moodle_grades(filled.filled.data, set(numbers), most, **options)
    return {number: grade for number, (grade, _) in found.items()}


class TestForms:
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("language", HEADS)
    def test_every_form(self, tmp_path, language, encoding, separator, end):
        """Two cells are other ones, every other byte is as it was; Moodle reads the marks."""
        sign, most = MOODLE[language][-1], '"25·00"'  # the sign comes in last, so that it is no separator
        lines = [
            HEADS[language],
            line(101, '"Anna ""A"" Ivanova",anna@x.org', "{0}", most, comment="{1}", language=language),
            line(102, "José Núñez,jose@x.org", "{2}", most, comment="{3}", language=language),
            line(103, "Борис Петров,boris@x.org", '"7·5"', most, NO[language], '"a, b"', language=language),
        ]
        text = "".join(f"{one}{end}" for one in lines).replace(",", separator).replace("·", sign)
        path = tmp_path / "Grades-nlp-ner-77.csv"
        path.write_bytes(text.format('""', "", "", "").encode(encoding))
        made = worksheet.fill(
            path,
            [back("a", 18.5, came("Anna Ivanova", "101")), back("j", 25, email="JOSE@x.org"), back("Борис Петров", 3)],
        )
        full = f'"25{sign}00"' if separator == sign else f"25{sign}00"
        assert made.filled.data == text.format(f'"18{sign}50"', "", full, "").encode(encoding)
        assert [row.status for row in made.filled.rows] == ["entered", "entered", "locked"]
        assert bool(made.filled.notes) == ((separator, encoding) not in {(",", "utf-8"), (",", "utf-8-sig")})
        found = grades(made, "101", "102", "103", language=language, separator=separator, encoding=encoding)
        assert found == {"101": 18.5, "102": 25.0, "103": 7.5}

    def test_what_a_teacher_adds_to_the_worksheet_stays(self, sheet):
        """Columns of their own, blank lines, a file that does not end with a line end."""
        path = sheet(f"{line(101, ANNA)},my note", "", head=f"{HEADS['en']},Mine")
        path.write_bytes(path.read_bytes().rstrip(b"\n"))
        made = worksheet.fill(path, [back("anna", 5, email="anna@x.org")])
        assert made.filled.data == path.read_bytes().replace(b",,25.00,Yes", b",5.00,25.00,Yes")

    @pytest.mark.parametrize(
        ("head", "why"),
        [
            ("Name,Grade,Maximum Grade", "no column «Identifier»"),
            ("Identifier,Full name,Maximum Grade", "no column «Grade»"),
            ("Identifier,Full name,Grade,Scale", "graded by a scale"),
        ],
    )
    def test_what_is_no_worksheet(self, sheet, head, why):
        with pytest.raises(ReturnError, match=why):
            worksheet.fill(sheet("Participant 1,Anna,5,10", head=head), [back("Anna", 5)])


class TestWhose:
    @pytest.mark.parametrize(
        ("person", "student"),
        [
            (ANNA, back("x", 5, came("Anna Ivanova", "101"))),
            (ANNA, back("x", 5, came("Participant", "101"))),
            (ANNA, back("x", 5, came("anna7 Anna Ivanova", "101"))),
            ("Participant 101,", back("x", 5, came("Participant", "101"))),
            (",", back("x", 5, came("Participant", "101"))),
            ("Анна Иванова,anna@x.org", back("x", 5, came("Anna Ivanova", "999"), email="Anna@X.org")),
            ("Анна Иванова,anna@x.org", back("anna@x.org", 5, email="anna@x.org")),
            (ANNA, back("Anna Ivanova", 5)),
            ("Анна Иванова,", back("x", 5, came("Анна Иванова", "101"), name="Anna Ivanova")),
            (ANNA, back("x", 5, name="Ivanova Anna")),
            (ANNA, back("x", 5, came("Anna Ivanova", "999", source="nlp-ner-88.zip"), name="Anna Ivanova")),
        ],
    )
    def test_found(self, sheet, person, student):
        """By the number, the address, a name that only one has."""
        made = worksheet.fill(sheet(line(101, person), line(102, "Boris Petrov,b@x.org")), [student])
        assert grades(made, "101", "102") == {"101": 5.0, "102": None}

    @pytest.mark.parametrize(
        ("lines", "students", "statuses"),
        [
            # Numbers of another assignment: 101 is somebody else there.
            ([(101, "Anna Petrova,p@x.org")], [back("a", 5, came("Anna Ivanova", "101"))], ["ambiguous"]),
            (
                [(101, "Boris Petrov,p@x.org")],
                [back("a", 5, came("Participant", "101"), name="Anna Ivanova")],
                ["ambiguous"],
            ),
            ([(101, ",")], [back("a", 5, came("Participant", "101", source="nlp-sums-66.zip"))], ["absent"]),
            # Ids that are numbers of lines, of people, of anything.
            ([(101, ANNA)], [back("0", 5), back("101", 5)], ["absent"] * 2),
            # Two of one name, one of them with a number.
            ([(101, ANNA), (102, "Anna Ivanova,a2@x.org")], [back("Anna Ivanova", 5)], ["ambiguous"]),
            # The same name, but another person.
            ([(101, ANNA)], [back("a", 5, name="Anna Ivanova", email="other@x.org")], ["absent"]),
            # Two who would be the same line.
            ([(101, ANNA)], [back("a", 5, name="Anna Ivanova"), back("b", 7, name="Ivanova Anna")], ["ambiguous"] * 2),
            # A team's number is nobody's.
            (
                [(7, "Boris Petrov,b@x.org")],
                [back("a", 5, came("Team 1", "7"), group="Team 1"), back("c", 5, came("Team 1", "7"), group="Team 1")],
                ["absent"] * 2,
            ),
            ([(7, ",")], [back("a", 5, came("Team 1", "7"), group="Team 1", name="Anna Ivanova")], ["absent"]),
        ],
    )
    def test_nobody_gets_anothers_mark(self, sheet, lines, students, statuses):
        """Named instead, and nothing is entered."""
        path = sheet(*(line(*one) for one in lines), line(999, "Maria Lopez,m@x.org"))
        made = worksheet.fill(path, [*students, back("Maria Lopez", 9)])
        assert [row.status for row in made.filled.rows if row.student not in ("", "Maria Lopez")] == statuses
        assert set(grades(made, *(str(number) for number, _ in lines)).values()) == {None}
        assert [parcel.number for parcel in made.parcels] == ["999"]

    def test_a_team_that_is_on_no_roster_gets_its_mark_together(self, sheet):
        head = HEADS["en"].replace("Status", "Status,Group")
        teams = {1: "Team 1", 2: "Team 1", 3: "Team 2"}
        lines = [f'"Participant {n}",A B,x@x,Submitted,{team},,25,Yes,-,-,' for n, team in teams.items()]
        made = worksheet.fill(sheet(*lines, head=head), [back("Team 1", 5, came("Team 1", "3"))])
        assert grades(made, "1", "2", "3") == {"1": 5.0, "2": 5.0, "3": None}
        assert [parcel.number for parcel in made.parcels] == ["1", "2"]

    def test_who_has_no_mark_is_named_and_who_handed_in_nothing(self, sheet):
        nothing = Back(Student("Anna Ivanova", "Anna Ivanova"))
        waits = Back(Student("b", "Boris P"), "ner-en", notes=("Not graded.",))
        path = sheet(line(1, ANNA), line(2, "Boris P,b@x"))
        made = worksheet.fill(path, [nothing, waits, Back(Student("left", "Left"))])
        assert said(made.filled) == {"Anna Ivanova": ("missing", ""), "b": ("unmarked", "Not graded.")}
        assert made.filled.data == path.read_bytes()

    def test_nobody_at_all(self, sheet):
        with pytest.raises(ReturnError, match="Nobody of these students"):
            worksheet.fill(sheet(line(101, ANNA)), [back("boris", 5)])

    def test_who_is_there_and_has_handed_in_nothing(self, sheet):
        made = worksheet.fill(sheet(line(1, ANNA), line(2, "Boris P,b@x"), line(3, ",")), [back("Anna Ivanova", 5)])
        assert said(made.filled) == {
            "Anna Ivanova": ("entered", ""), "Boris P": ("unknown", ""), "Participant 3": ("unknown", ""),
        }  # fmt: skip


class TestGrades:
    @pytest.mark.parametrize(
        ("mark", "most", "grade", "with_open"),
        [
            (Mark(18), "100.00", 72.0, False),
            (Mark(0), "25.00", 0.0, False),
            (Mark(1), "3.00", 0.12, False),
            (Mark(27), "25.00", 25.0, False),
            (Mark(None), "25.00", None, False),
            (Mark(9, open=("essay",)), "25.00", None, False),
            (Mark(9, open=("essay",)), "25.00", 9.0, True),
            (Mark(5), "", None, False),
            (Mark(0, 0), "25.00", 0.0, False),
        ],
    )
    def test_what_is_entered(self, sheet, mark, most, grade, with_open):
        made = worksheet.fill(sheet(line(1, ANNA, most=most)), [back("Anna Ivanova", 0, mark=mark)], with_open)
        assert grades(made, "1", most=float(most or 25)) == {"1": grade}

    def test_what_is_said(self, sheet):
        students = [
            back("A B", 18), back("C D", 30), back("E F", None),
            back("G H", 1, mark=Mark(1, open=("why",), open_points=2.0)),
            back("I J", 5), back("K L", 5), back("M N", 5), back("O P", 5),
        ]  # fmt: skip
        path = sheet(
            line(1, "A B,", "17.00"), line(2, "C D,"), line(3, "E F,"), line(4, "G H,"), line(5, "I J,", most="50.00"),
            line(6, "K L,", "5.00"), line(7, "M N,", changeable="No"),
        )  # fmt: skip
        made = worksheet.fill(path, students)
        assert said(made.filled) == {
            "A B": ("entered", "The grade was 17.00."),
            "C D": ("entered", "30 of 25 points: Moodle takes no more than the maximum."),
            "E F": ("unmarked", "Nothing could be graded."),
            "G H": ("open", "why; 1 of 25 points, 2 of them still open."),
            "I J": ("entered", ""),
            "K L": ("same", ""),
            "M N": ("locked", "The worksheet says that the grade cannot be changed."),
            "O P": ("absent", ""),
        }
        assert made.filled.notes == (
            "The worksheet's maximum is 50, the assignment has 25 points: the marks are converted.",
        )
        assert [parcel.number for parcel in made.parcels] == ["1", "2", "3", "5", "6"]


class TestComments:
    OURS = '<div class="course-feedback"><p>5 «из» 25.</p></div>'

    def filled(self, path):
        return worksheet.fill(path, [dataclasses.replace(back("Anna Ivanova", 5), comment=self.OURS)]).filled.data

    @pytest.mark.parametrize("before", ["", '"Well, ""done""!\n\nYours"'])
    def test_what_a_person_has_written_stays(self, sheet, before):
        """Ours stands behind it; a second time it is replaced, and the file stays as it is."""
        path = sheet(line(1, ANNA, comment=before))
        once = self.filled(path)
        text = before.strip('"').replace('""', '"')
        assert moodle_grades(once, {"1"}, 25)["1"] == (5.0, f"{text}\n{self.OURS}" if text else self.OURS)
        path.write_bytes(once)
        assert self.filled(path) == once
        path.write_bytes(once.replace("5 «из» 25".encode(), b"old"))
        assert self.filled(path) == once

    @pytest.mark.parametrize("encoding", ["cp1251", "cp1252"])
    def test_in_a_file_without_the_letters(self, sheet, encoding):
        """Moodle shows HTML: there a letter can be written as a reference."""
        path = sheet(line(1, ANNA), line(2, "José,j@x" if encoding == "cp1252" else "Борис,b@x"))
        path.write_bytes(path.read_bytes().decode().encode(encoding))
        _, comment = moodle_grades(self.filled(path), {"1"}, 25, encoding=encoding)["1"]
        assert html.unescape(comment) == self.OURS


class TestFiles:
    GOOD = (
        "Anna Ivanova_101_assignsubmission_file",
        "Anna Ivanova_101_assignsubmission_file_",
        "Анна Иванова_101_assignsubmission_file_",
    )

    @pytest.fixture
    def pages(self, tmp_path):
        """A function: student → their page."""

        def make(student: str):
            path = tmp_path / "feedback" / student / "ner.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"<p>{student}".encode())
            return (path,)

        return make

    def parcel(self, pages, number: str, *folders: str, name="Anna Ivanova", student="anna"):
        one = back(student, 5, *(came(name, number, folder=folder) for folder in folders))
        return worksheet.Parcel(number, name, dataclasses.replace(one, pages=pages(student)))

    @pytest.mark.parametrize(
        ("folder", "name"),
        [
            ("Anna Ivanova_101_assignsubmission_file", "Anna Ivanova"),
            ("Anna Ivanova_101_assignsubmission_file_", "Anna Ivanova"),
            ("Анна Иванова_101_assignsubmission_file_", "Анна Иванова"),
            ("", "Анна Иванова"),
            ("", "Anna_Maria/Iva:nova"),
            ("", "~.x"),
            ("", "_"),
            ("", "Я" * 300),
            ("anna_Anna Ivanova_101_assignsubmission_file", "Anna Ivanova"),
            ("Anna Ivanova_55_assignsubmission_file", "Anna Ivanova"),
            ("Team 1_7_assignsubmission_file", "Anna Ivanova"),
            ("../x_101_assignsubmission_file", "Anna Ivanova"),
            ("x\\..\\y_101_assignsubmission_file", "Anna Ivanova"),
            ("x\n_101_assignsubmission_file", "Anna Ivanova"),
        ],
    )
    def test_moodle_finds_whose_it_is(self, pages, tmp_path, folder, name):
        """A folder as it came in, of that version of Moodle; else a name that all versions take."""
        (path,) = worksheet.write_zips([self.parcel(pages, "101", folder, name=name)], tmp_path / "out")
        (inside,) = zipfile.ZipFile(path).namelist()
        came_in = folder in self.GOOD
        assert (inside == f"{folder}/ner.html") == came_in and ".." not in inside
        for before_4_1 in (False, True):
            if not (came_in and before_4_1 and folder.endswith("file")):
                found = moodle_files(path, {"101", "7", "55"}, before_4_1=before_4_1)
                assert found == {"101": {"ner.html": b"<p>anna"}}

    def test_the_folder_is_that_of_this_assignment(self, pages, tmp_path):
        """Who handed in two languages in two places has two numbers: the worksheet says which is meant."""
        folders = ("Anna Ivanova_55_assignsubmission_file", "Anna Ivanova_101_assignsubmission_file")
        (path,) = worksheet.write_zips([self.parcel(pages, "101", *folders)], tmp_path)
        assert zipfile.ZipFile(path).namelist() == ["Anna Ivanova_101_assignsubmission_file/ner.html"]

    def test_as_many_zips_as_sites_take(self, pages, tmp_path, monkeypatch):
        monkeypatch.setattr(worksheet, "MAX_ZIP", 1)
        parcels = [self.parcel(pages, str(n), student=f"s{n}") for n in range(3)]
        paths = worksheet.write_zips(parcels, tmp_path / "out")
        assert [path.name for path in paths] == ["feedback.zip", "feedback-2.zip", "feedback-3.zip"]
        found = [moodle_files(path, {"0", "1", "2"}) for path in paths]
        assert [list(one) for one in found] == [["0"], ["1"], ["2"]]
        worksheet.write_zips(parcels[:1], tmp_path / "out")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["feedback.zip"]

    def test_the_same_pages_make_the_same_zip(self, pages, tmp_path):
        made = [worksheet.write_zips([self.parcel(pages, "1")], tmp_path / name)[0].read_bytes() for name in "ab"]
        assert made[0] == made[1]

    def test_without_pages_there_is_no_zip(self, tmp_path):
        assert worksheet.write_zips([worksheet.Parcel("1", "Anna", back("a", 1))], tmp_path / "out") == []
