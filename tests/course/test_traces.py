"""Forgetting a student leaves nothing of them, and nobody else loses anything; exporting holds all that there is."""

import dataclasses
import datetime
import json
import shutil
import zipfile

import pytest

from course import traces
from course.cli import main
from course.exchange import arrivals, roster
from course.folder import Folder

NAME = "Anna Annova"


@pytest.fixture(scope="module")
def graded(course_at, right, tmp_path_factory):
    """A course folder in which anna and boris have left all traces that there are."""
    sums = course_at(tmp_path_factory.mktemp("graded") / "course")
    folder = Folder.at(sums.root)
    for student in ("anna", "boris"):
        sums.submit(student, **right | {"essay": f"By {student}."})
    sums.grade()
    people = {
        "anna": roster.Student("anna", NAME, "anna@example.org", due={"sums": datetime.datetime.now(datetime.UTC)}),
        "boris": roster.Student("boris", "Boris Borisov", "boris@example.org"),
    }
    roster.save(folder, roster.Roster(people))
    arrivals.save(folder, "sums", [arrivals.Arrival(name, "sums", people[name].name) for name in people])
    for student in people:
        for home in (f"submitted/.attempts/sums/{student}/1", f"feedback/{student}/sums"):
            (sums.root / home).mkdir(parents=True)
            (sums.root / home / "sums.html").write_text(f"<p>{student}")
    return sums


@pytest.fixture
def full(graded, tmp_path):
    """A copy of it, which a test may change."""
    copy = dataclasses.replace(graded, root=tmp_path / "course")
    shutil.copytree(graded.root, copy.root)
    (copy.root / "autograded" / "anna" / "sums").chmod(0o555)  # as nbgrader leaves it
    return copy


def mentions(root, *needles: str) -> set[str]:
    """The files in whose path or text one of the needles is, gradebook included."""
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file()
        and any(needle.encode() in path.read_bytes() or needle in str(path.relative_to(root)) for needle in needles)
    }


def listing(root, *leaving_out: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not any(name in str(path.relative_to(root)) for name in leaving_out)
    }


def test_nothing_of_a_forgotten_student_is_left(full):
    before = listing(full.root, "anna", "gradebook", "roster", ".arrivals", ".cache")
    assert main(["forget", "anna", "--course-dir", str(full.root), "--yes"]) == 0
    with full.gradebook() as gradebook:
        assert [student.id for student in gradebook.students] == ["boris"]
        gradebook.db.connection().exec_driver_sql("VACUUM")
    assert mentions(full.root, "anna", NAME) == set()
    assert not list(full.root.rglob("*anna*"))
    assert listing(full.root, "gradebook", "roster", ".arrivals", ".cache") == before


def test_the_others_keep_their_marks(full):
    before = full.marks("boris")
    main(["forget", "anna", "--course-dir", str(full.root), "--yes"])
    assert full.marks("boris") == before
    assert [one.student for one in arrivals.load(Folder.at(full.root), "sums")] == ["boris"]
    assert list(roster.load(Folder.at(full.root)).students) == ["boris"]
    assert list(full.grade()) == ["boris"]


def test_what_was_made_for_many_is_named(full, capsys):
    (full.root / "reports").mkdir()
    (full.root / "reports" / "marks.csv").write_text(f"{NAME};9")
    with zipfile.ZipFile(full.root / "reports" / "pages.zip", "w") as archive:
        archive.writestr("anna/page.html", "")
    (full.root / "reports" / "other.csv").write_text("Boris")
    main(["forget", "anna", "--course-dir", str(full.root), "--yes"])
    said = capsys.readouterr().out
    assert "reports/marks.csv" in said and "reports/pages.zip" in said and "other.csv" not in said


def test_it_asks_first(full, capsys):
    before = listing(full.root)
    assert main(["forget", "anna", "--course-dir", str(full.root)]) == 2
    assert "--yes" in capsys.readouterr().err
    assert listing(full.root) == before


@pytest.mark.parametrize("command", ["forget", "export-data"])
@pytest.mark.parametrize("student", ["ana", "..", ".", "", "../submitted/anna", "*"])
def test_an_unknown_student_is_a_sentence(full, capsys, command, student):
    before = listing(full.root)
    extra = ["--yes"] if command == "forget" else []
    assert main([command, student, "--course-dir", str(full.root), *extra]) == 2
    error = capsys.readouterr().err
    assert "There is nothing of" in error and ("Did you mean anna?" in error) == (student == "ana")
    assert listing(full.root) == before


def test_an_export_holds_all_of_it_and_nothing_of_others(full, tmp_path):
    target = tmp_path / "anna.zip"
    assert main(["export-data", "anna", "--course-dir", str(full.root), "--out", str(target)]) == 0
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        data = json.loads(archive.read("data.json"))
        assert not any(b"boris" in archive.read(name).lower() for name in names)
    assert {"submitted/anna/sums/sums.ipynb", "autograded/anna/sums/sums.ipynb"} <= names
    assert {"feedback/anna/sums/sums.html", "submitted/.attempts/sums/anna/1/sums.html"} <= names
    assert "autograded/.verdicts/sums/anna.json" in names
    assert data["roster"]["email"] == "anna@example.org"
    (row,) = [row for row in data["gradebook"] if "grades" in row]
    assert sum(grade["auto_score"] or 0 for grade in row["grades"]) == 7


def test_an_export_stays_to_be_handed_over_and_is_named(full, capsys):
    for _ in range(2):
        assert main(["export-data", "anna", "--course-dir", str(full.root)]) == 0
    with zipfile.ZipFile(full.root / "reports" / "anna.zip") as archive:
        assert not any(name.endswith(".zip") for name in archive.namelist())
    (full.root / "downloads").mkdir()
    (full.root / "downloads" / "participants.csv").write_text(NAME)
    main(["forget", "anna", "--course-dir", str(full.root), "--yes"])
    said = capsys.readouterr().out
    assert "reports/anna.zip" in said and "downloads/participants.csv" in said
    assert [path.name for path in full.root.rglob("*anna*")] == ["anna.zip"]


def test_an_interrupted_forgetting_can_be_repeated(full, monkeypatch):
    monkeypatch.setattr(traces.arrivals, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
    assert main(["forget", "anna", "--course-dir", str(full.root), "--yes"]) == 2
    monkeypatch.undo()
    assert main(["forget", "anna", "--course-dir", str(full.root), "--yes"]) == 0
    assert not mentions(full.root, NAME)
