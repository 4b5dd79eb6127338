"""The roster is read in every form that platforms export, and kept as one."""

import dataclasses
from datetime import UTC, datetime

import pytest

from course.exchange import arrivals, encodings, naming, roster, tables
from course.exchange.arrivals import Arrival
from course.exchange.roster import Roster, RosterError, Student
from course.folder import Folder

FORMS = {
    "own": ("id,name,email,username,number,group\nanna,Anna Ivanova,anna@x.org,anna,7,A\n", "anna"),
    "Moodle's participants": (
        "First name,Last name,Email address,Groups\nAnna,Ivanova,anna@x.org,A\n",
        "anna@x.org",
    ),
    "Moodle's participants, Russian": (
        "Имя;Фамилия;Адрес электронной почты;Группы\nAnna;Ivanova;anna@x.org;A\n",
        "anna@x.org",
    ),
    "Moodle's participants, Spanish": (
        "Nombre\tApellido(s)\tDirección de correo\tGrupos\nAnna\tIvanova\tanna@x.org\tA\n",
        "anna@x.org",
    ),
    "Moodle's worksheet": (
        'Identifier,"Full name","Email address",Status,Grade\n"Participant 123","Anna Ivanova",anna@x.org,-,\n',
        "anna@x.org",
    ),
    "Moodle's worksheet, Russian": (
        "Идентификатор;Полное имя;Логин;Состояние;Оценка\nУчастник123;Anna Ivanova;anna;-;\n",
        "anna",
    ),
    "Canvas's gradebook": (
        "Student,ID,SIS User ID,SIS Login ID,Section,ner (55)\n    Points Possible,,,,,25\n"
        '"Ivanova, Anna",4711,s-1,anna,A,\n"Student, Test",99,,,A,\n',
        "anna",
    ),
}


@pytest.fixture
def folder(tmp_path):
    return Folder.at(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form(tmp_path, form, encoding):
    """Separator, language and encoding are found out; nobody is made of a row that is no person."""
    text, identity = FORMS[form]
    if encoding == "cp1251" and "ó" in text:
        encoding = "cp1252"
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    students, numbers = roster.read_table(path)
    assert [(one.id, one.name) for one in students] == [(identity, "Anna Ivanova")]
    assert list(numbers) == (["123"] if "worksheet" in form else [])


def test_a_name_in_cyrillic_from_excel(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("Фамилия;Имя\nИванова;Анна\n".encode("cp1251"))
    assert roster.read_table(path)[0][0].name == "Анна Иванова"


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"PK\x03\x04", "save it as CSV"), (b"", "empty"), (b"a,b\n1,2\n", "no roster"), (b"id,name\n,\n", "no student")],
)
def test_what_is_no_roster(tmp_path, content, why):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises((RosterError, tables.TableError), match=why):
        roster.read_table(path)


def test_kept_as_it_was(folder):
    """Names with commas and accents, own due dates with their zone."""
    due = {"ner-en": datetime(2026, 3, 1, 23, 59, tzinfo=UTC)}
    made = Roster({"a": Student("a", "Núñez, José", "a@x.org", "a", "7", "A, B", due), "б": Student("б", "Б")})
    roster.save(folder, made)
    assert roster.load(folder) == made
    assert (folder.root / "roster.csv").read_text().splitlines()[0].endswith("group,due:ner-en")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name\nAnna\n", "no column `id`"),
        ("id\na\na\n", "line 3: the id a was there"),
        ("id,name\n../x,A\n", "cannot be an id"),
        ("id,name\n,A\n", "id is missing"),
        ("id,due:ner-en\na,tomorrow\n", "tomorrow is no date"),
    ],
)
def test_a_roster_that_cannot_be_used(folder, text, why):
    (folder.root / "roster.csv").write_text(text)
    with pytest.raises(RosterError, match=why):
        roster.load(folder)


def test_ids_stay_when_another_table_comes():
    """Whatever identifies the person: a name alone, if nothing contradicts."""
    first = Roster().merged([Student("anna@x.org", "Anna Ivanova", email="anna@x.org")])
    again = first.merged(
        [Student("s-1", "Ivanova, Anna", number="s-1"), Student("x", "", email="ANNA@x.org", group="B")]
    )
    assert [(one.id, one.number, one.group) for one in again.students.values()] == [("anna@x.org", "s-1", "B")]
    two = first.merged([Student("Anna Ivanova", "Anna Ivanova", email="other@x.org")])
    assert len(two.students) == 2
    assert len(two.find(name="anna ivanova")) == 2
    assert two.find(name="anna ivanova", email="other@x.org") == ["Anna Ivanova"]


@pytest.mark.parametrize("spelling", ["ivanovaanna", "ANNA IVANOVA", "Ivanova, Anna", "Anná  Ivanová"])
def test_spellings_of_a_name(spelling):
    assert Roster({"a": Student("a", "Anna Ivanova")}).find(name=spelling) == ["a"]


NAMES = [
    "Anna\0\x1b[31m",
    "con.txt",
    "a" * 300,
    "Ж" * 300,
    "..",
    "~x",
    "a/b\\c:d*e?",
    "x.",
    " x ",
    "Jose\u0301",
    "\udcff",
]


@pytest.mark.parametrize("name", NAMES)
def test_an_id_is_the_name_of_a_folder_anywhere(tmp_path, name):
    identity = naming.safe(name)
    assert naming.problem(identity) is None and len(identity.encode()) <= naming.MAX_ID
    (tmp_path / identity).mkdir()
    assert identity == naming.safe(identity)


def test_long_names_that_begin_alike_stay_two():
    assert naming.safe("a" * 300) != naming.safe("a" * 299 + "b")
    assert naming.unused("Anna", {"anna"}, "12") == "Anna-12"
    assert naming.unused("Anna", {"anna", "anna-12"}, "12") == "Anna-2"


@pytest.mark.parametrize("encoding", ["utf-8", "cp866", "cp1251"])
@pytest.mark.parametrize("name", ["Анна Иванова", "Юрий Щукин", "ольга", "Ян Цой"])
def test_cyrillic_names_without_a_label(name, encoding):
    assert encodings.tell([name.encode(encoding)], encodings.IN_ZIPS) == encoding


@pytest.mark.parametrize("encoding", ["cp437", "cp850", "cp1252"])
@pytest.mark.parametrize("name", ["José Núñez", "María Peña", "Zoë Müller", "François Gérard"])
def test_western_names_without_a_label(name, encoding):
    data = name.encode(encoding)
    assert encodings.read(data, encodings.tell([data], encodings.IN_ZIPS)) == name


class TestArrivals:
    def test_one_a_student(self, folder):
        """The last counts; writing the same again touches nothing."""
        anna = Arrival("anna", "ner-en", name="Анна", number="1")
        assert arrivals.load(folder, "ner-en") == []
        arrivals.save(folder, "ner-en", [anna, Arrival("b", "ner-en"), dataclasses.replace(anna, number="2")])
        path = folder.root / "submitted" / ".arrivals" / "ner-en.jsonl"
        before = path.stat().st_mtime_ns
        arrivals.save(folder, "ner-en", arrivals.load(folder, "ner-en"))
        assert [one.number for one in arrivals.load(folder, "ner-en")] == ["2", ""]
        assert path.stat().st_mtime_ns == before
        assert folder.students("ner-en") == []

    def test_damaged(self, folder):
        path = folder.root / "submitted" / ".arrivals" / "ner-en.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text('{"student": ')
        with pytest.raises(arrivals.ArrivalsError, match="damaged"):
            arrivals.load(folder, "ner-en")
