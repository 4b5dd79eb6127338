"""Whose a submission is, in every form in which platforms and people pack them."""

import unicodedata

import pytest

from course.exchange import arrivals
from course.folder import Folder
from tests.course.exchange.making import TIME, statuses, sums, zipped

FILE = "_assignsubmission_file"
FORMS = {
    "Moodle, folders": ("Anna Ivanova_101_assignsubmission_file/sums.ipynb", "Anna Ivanova", "moodle"),
    "Moodle before 4.1": ("Anna Ivanova_101_assignsubmission_file_/sums.ipynb", "Anna Ivanova", "moodle"),
    "Moodle, folders in folders": ("Anna Ivanova_101_assignsubmission_file/my/work/a.ipynb", "Anna Ivanova", "moodle"),
    "Moodle, flat": ("Anna Ivanova_101_assignsubmission_file_sums.ipynb", "Anna Ivanova", "moodle"),
    "Moodle, packed again": ("nlp-77/Anna Ivanova_101_assignsubmission_file/sums.ipynb", "Anna Ivanova", "moodle"),
    "Moodle, blind": ("Participant_101_assignsubmission_file/sums.ipynb", "Participant 101", "moodle"),
    "Moodle, blind, Russian": ("Участник_101_assignsubmission_file/sums.ipynb", "Участник 101", "moodle"),
    "Moodle, team": ("Team 1_7_assignsubmission_file/sums.ipynb", "Team 1", "moodle"),
    "Moodle, nobody's team": ("Default group_assignsubmission_file/sums.ipynb", "Default group", "moodle"),
    "Canvas": ("ivanovaanna_4711_990_sums.ipynb", "ivanovaanna", "canvas"),
    "Canvas, late": ("ivanovaanna_LATE_4711_990_sums.ipynb", "ivanovaanna", "canvas"),
    "Canvas, Cyrillic": ("ивановаанна_4711_990_sums-1.ipynb", "ивановаанна", "canvas"),
    "Canvas, anonymous": ("anon_4711_990_sums.ipynb", "anonymous 4711", "canvas"),
    "Canvas, anonymous, late": ("LATE_anon_4711_990_sums.ipynb", "anonymous 4711", "canvas"),
    "Blackboard": ("ps1_anna_attempt_2016-01-30-15-00-00_problem1.ipynb", "anna", "blackboard"),
    "Google Classroom": ("Anna Ivanova - sums.ipynb", "Anna Ivanova", "folder"),
    "a folder for each": ("anna/sums.ipynb", "anna", "folder"),
    "a folder around": ("nlp-sums-77/anna/sums.ipynb", "anna", "folder"),
    "submitted/ of nbgrader": ("anna/sums-en/sums.ipynb", "anna", "folder"),
    "by assignment": ("sums-en/anna/sums.ipynb", "anna", "folder"),
    "a repository": ("sums-anna/sums.ipynb", "anna", "classroom"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(course, form):
    """The id is the person's name; where it came from is kept."""
    path, student, platform = FORMS[form]
    rows = course.collected("sums", (path, sums("a")))
    assert statuses(rows) == [(student, "sums-en", "placed")]
    assert rows[0].target == f"submitted/{student}/sums-en/sums.ipynb"
    (arrival,) = arrivals.load(Folder.at(course.root), "sums-en")
    assert (arrival.student, arrival.platform, arrival.entry) == (student, platform, path)
    assert arrival.number == {"moodle": "101", "canvas": "4711"}.get(platform, "") or "eam" in form


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("sums.ipynb", "Nothing says whose it is"),
        ("Copy of sums (2).ipynb", "Nothing says"),
        ("Untitled.ipynb", "whose"),
    ],
)
def test_nobodys(course, path, reason):
    """Named, not guessed."""
    (row,) = course.collected("sums", (path, sums("a")))
    assert row.status == "refused" and "Nothing says whose it is" in row.reason and row.entry == path
    assert not course.placed()


def test_the_roster_knows_whose_a_flat_file_is(course):
    (course.root / "roster.csv").write_text("id,name\nanna,Anna Ivanova\n")
    rows = course.collected("sums", ("sums_ivanova_anna.ipynb", sums("a")))
    assert statuses(rows) == [("anna", "sums-en", "placed")]


@pytest.mark.parametrize(
    "name",
    [
        "Copy of sums.ipynb",
        "Copia de sums",
        'Копия блокнота "sums.ipynb"',
        'Ещё одна копия блокнота "sums.ipynb".ipynb',
        "sums.ipynb.txt",
        "Untitled12.ipynb",
        "sums (3).ipynb",
    ],
)
def test_names_of_copies(course, name):
    """What a notebook is, its content says."""
    course.collected("sums", (f"Anna_1{FILE}/{name}", sums("a", bare=True)))
    assert course.placed() == {"submitted/Anna/sums-en/sums.ipynb"}


def test_the_exchange_of_nbgrader(course):
    """Its time and the attempts count, whatever the folders are called."""
    paths = ["anna+sums-en+2026-03-01 10:00:00 UTC+x", "anna+sums-en+2026-03-02 10:00:00 UTC+y"]
    members = [(f"inbound/{path}/sums.ipynb", sums(path[-1])) for path in paths]
    stamps = [(f"inbound/{path}/timestamp.txt", path.split("+")[2].encode()) for path in paths]
    rows = course.collected("sums", *members, *stamps)
    assert statuses(rows) == [("anna", "sums-en", "older"), ("anna", "sums-en", "placed")]
    assert course.tree()["submitted/anna/sums-en/timestamp.txt"] == b"2026-03-02 10:00:00.000000 UTC\n"


def test_blackboards_users_with_underscores(course):
    """Its note says the full name; two users whose names end alike stay two."""
    times = "attempt_2016-01-30-15-00-00"
    about = b"Name: Anna Ivanova (anna_b)\nAssignment: ps 1\n"
    rows = course.collected(
        "sums",
        (f"ps_1_anna_b_{times}_sums.ipynb", sums("a")),
        (f"ps_1_boris_b_{times}_sums.ipynb", sums("b")),
        (f"ps_1_anna_b_{times}.txt", about),
    )
    assert statuses(rows) == [("Anna Ivanova", "sums-en", "placed"), ("boris_b", "sums-en", "placed")]


def test_canvas_in_one_moment(course):
    """The time at which Canvas packs says nothing of who came when; LATE does, and the number of the attachment."""
    rows = course.collected(
        "sums",
        ("annab_LATE_1_30_sums-1.ipynb", sums("new")),
        ("annab_1_20_sums.ipynb", sums("old")),
        ("borisc_2_25_text.html", b"<p>"),
    )
    assert statuses(rows) == [
        ("annab", "sums-en", "older"),
        ("annab", "sums-en", "placed"),
        ("borisc", "", "empty"),
    ]
    assert b"# new" in course.tree()["submitted/annab/sums-en/sums.ipynb"]
    assert [row.late for row in rows if row.status == "placed"] == [True]
    assert not any("timestamp" in name for name in course.tree())


class TestPeople:
    TWO = ((f"Anna_1{FILE}/sums.ipynb", sums("a")), (f"Anna_2{FILE}/sums.ipynb", sums("b")))

    def test_two_of_one_name(self, course):
        """They stay two, and stay who they are when one of them comes again."""
        assert {row.student for row in course.collected("sums", *self.TWO)} == {"Anna-1", "Anna-2"}
        again = course.collected("sums", (self.TWO[1][0], sums("c"), (2026, 3, 2, 1, 0, 0)))
        assert statuses(again) == [("Anna-2", "sums-en", "replaced")]

    def test_one_after_the_other(self, course):
        """Who was there first keeps the id; the archive's name says that the numbers are of one assignment."""
        course.collected("sums", self.TWO[0])
        rows = course.collected("sums", *self.TWO, archive="nlp-sums-77 (1).zip")
        assert statuses(rows) == [("Anna", "sums-en", "same"), ("Anna-2", "sums-en", "placed")]

    def test_numbers_of_another_assignment(self, course):
        """Moodle's numbers are good for one assignment."""
        course.collected("sums", self.TWO[0])
        words = sums("w", "words-en")
        rows = course.collected("words", (f"Anna_9{FILE}/words.ipynb", words), archive="nlp-words-78.zip")
        assert statuses(rows) == [("Anna", "words-en", "placed")]

    def test_two_on_the_roster(self, course):
        """Nothing tells which one it is, but for the worksheet with the numbers."""
        (course.root / "roster.csv").write_text("id,name,email\na1,Anna,a1@x.org\na2,Anna,a2@x.org\n")
        (row, *_) = course.collected("sums", self.TWO[0])
        assert row.status == "ambiguous" and "a1, a2" in row.reason and not course.placed()
        sheet = course.put("sheet.csv", b"Identifier,Full name,Email address\nParticipant 1,Anna,a2@x.org\n")
        rows = course.collected("sums", self.TWO[0], table=sheet)
        assert ("a2", "sums-en", "placed") in statuses(rows)

    def test_two_in_the_archive_one_on_the_roster(self, course):
        (course.root / "roster.csv").write_text("id,name\na1,Anna\n")
        rows = course.collected("sums", *self.TWO)
        assert [row.status for row in rows] == ["ambiguous", "ambiguous", "missing"]
        assert not course.placed()

    @pytest.mark.parametrize("who", ["anna_Anna Ivanova", "anna Anna Ivanova", "Ivanova Anna", "ANNA IVANOVA"])
    def test_spellings(self, course, who):
        (course.root / "roster.csv").write_text("id,name,username\ns1,Anna Ivanova,anna\ns2,Boris Kim,boris\n")
        rows = course.collected("sums", (f"{who}_1{FILE}/sums.ipynb", sums("a")))
        assert statuses(rows) == [("s1", "sums-en", "placed"), ("s2", "sums", "missing")]

    def test_a_team_has_one_submission(self, course):
        (course.root / "roster.csv").write_text("id,name,group\na,Anna,Team 1\nb,Boris,Team 1\nc,Clara,Team 2\n")
        rows = course.collected("sums", (f"Team 1_7{FILE}/sums.ipynb", sums("a")))
        assert statuses(rows) == [("a", "sums-en", "placed"), ("b", "sums-en", "placed"), ("c", "sums", "missing")]

    def test_not_on_the_roster(self, course):
        """They keep their name; who is on it and did not come is named, before and after."""
        (course.root / "roster.csv").write_text("id,name\nb,Boris\n")
        for _ in range(2):
            rows = course.collected("sums", (f"Anna_1{FILE}/sums.ipynb", sums("a")))
            assert statuses(rows) == [("Anna", "sums-en", "unknown"), ("b", "sums", "missing")]
        rows = course.collected("sums", (f"Boris_2{FILE}/sums.ipynb", sums("b")))
        assert statuses(rows) == [("b", "sums-en", "placed")]

    def test_a_roster_is_kept(self, course):
        table = course.put("canvas.csv", b'Student,ID,SIS Login ID,Section\n"Ivanova, Anna",4711,anna,A\n')
        rows = course.collected("sums", ("ivanovaanna_4711_9_sums.ipynb", sums("a")), table=table)
        assert statuses(rows) == [("anna", "sums-en", "placed")]
        assert (course.root / "roster.csv").read_text().splitlines()[1] == "anna,Anna Ivanova,,anna,4711,A"


class TestNames:
    @pytest.mark.parametrize("encoding", ["utf-8", "cp866", "cp1251"])
    def test_cyrillic_without_a_label(self, course, encoding):
        course.collected("sums", (f"Юрий Щукин_1{FILE}/sums.ipynb".encode(encoding), sums("a")))
        assert course.placed() == {"submitted/Юрий Щукин/sums-en/sums.ipynb"}

    @pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp850", "cp1252"])
    def test_accents_without_a_label(self, course, encoding):
        course.collected("sums", (f"José Núñez_1{FILE}/sums.ipynb".encode(encoding), sums("a")))
        assert course.placed() == {"submitted/José Núñez/sums-en/sums.ipynb"}

    def test_decomposed_accents(self, course):
        """macOS writes them so; it is the same person."""
        name = f"José Núñez_1{FILE}/sums.ipynb"
        course.collected("sums", (unicodedata.normalize("NFD", name), sums("a")))
        assert statuses(course.collected("sums", (name, sums("a")))) == [("José Núñez", "sums-en", "same")]

    def test_backslashes(self, course):
        course.collected("sums", (f"Anna_1{FILE}\\my\\sums.ipynb", sums("a")))
        assert course.placed() == {"submitted/Anna/sums-en/sums.ipynb"}

    def test_long_and_forbidden_names(self, course):
        """Short, unique, and good for any system; the name itself is kept."""
        names = ["Ж" * 150 + "а", "Ж" * 150 + "б", 'a<b>:"|?*', "CON", "con"]
        rows = course.collected("sums", *((f"{n}_{i}{FILE}/sums.ipynb", sums(n)) for i, n in enumerate(names)))
        assert [row.status for row in rows] == ["placed"] * 5
        students = {row.student for row in rows}
        assert len({student.casefold() for student in students}) == 5
        assert all(len(student.encode()) <= 110 and not set('<>:"|?*') & set(student) for student in students)
        assert sorted(row.name for row in rows) == sorted(names)


def test_sources_of_several_forms(course):
    """A folder with archives in it, and somebody's loose folder beside them."""
    course.put("all/nlp-sums-77.zip", zipped((f"Anna_1{FILE}/sums.ipynb", sums("a"))))
    course.put("all/boris/sums.ipynb", sums("b"))
    packed = zipped(("x.zip", zipped(("ivanovaeva_1_2_sums.ipynb", sums("e"), TIME))))
    rows = course.collect("sums", course.root.parent / "downloads" / "all", course.put("again.zip", packed))
    assert statuses(rows) == [(who, "sums-en", "placed") for who in ("Anna", "boris", "ivanovaeva")]
