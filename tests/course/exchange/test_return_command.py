"""`course return` as a teacher types it, over marks of every kind."""

import csv
import io
import re
import shutil

import pytest

from course.cli import main
from course.exchange import arrivals
from course.exchange.arrivals import Arrival
from course.folder import Folder
from course.pages import feedback
from tests.course.exchange.platform_rules import canvas_grades, moodle_files, moodle_grades

HEAD = "Identifier,Full name,Status,Grade,Maximum Grade,Last modified (grade),Feedback comments"
SCORE = re.compile(r"([\d.]+) of (?:the )?[\d.]+ points")


@pytest.fixture(params=["outside", "inside", "notebooks", "points"])
def graded(request, grid, tmp_path):
    """A copy of each course of the grid, whose submissions came from Moodle."""
    course = grid[request.param]
    shutil.copytree(course.root, tmp_path / "course")
    folder = Folder.at(tmp_path / "course")
    came = [_arrival(student, number) for number, student in enumerate(course.expected, 1)]
    arrivals.save(folder, "sums", came)
    return folder.root, course, {one.student: one.number for one in came}


def _arrival(student: str, number: int) -> Arrival:
    folder = f"X {student}_{number}_assignsubmission_file"
    return Arrival(student, "sums", f"X {student}", "moodle", "nlp-sums-7.zip", folder=folder, number=str(number))


def worksheet(path, numbers: dict[str, str], most: float) -> None:
    lines = [f"Participant {number},X {student},Submitted,,{most:.2f},-," for student, number in numbers.items()]
    path.write_text("\n".join([HEAD, *lines, ""]))


@pytest.mark.parametrize("with_open", [False, True])
def test_the_platform_gets_the_mark_that_all_others_show(graded, tmp_path, with_open):
    """Entered is what is final; the pages that go back say the same."""
    root, course, numbers = graded
    path = tmp_path / "Grades-nlp-sums-7.csv"
    worksheet(path, numbers, course.max_score)
    before = path.read_bytes()
    command = ["return", "sums", "--moodle", str(path), "--course-dir", str(root)]
    assert main([*command, "--with-open"] if with_open else command) == 0
    out = root / "returned" / "sums"
    found = moodle_grades((out / path.name).read_bytes(), set(numbers.values()), course.max_score)
    wanted = {
        student: score if with_open or not open_cells else None
        for student, (score, _, open_cells) in course.expected.items()
    }
    entered = {student: found[number][0] for student, number in numbers.items()}
    assert entered == {
        student: score and pytest.approx(min(score, course.max_score), abs=0.005) for student, score in wanted.items()
    }
    zips = list(out.glob("*.zip"))
    files = moodle_files(*zips, set(numbers.values())) if zips else {}
    held = {student for student, (score, _, open_cells) in course.expected.items() if score is not None and open_cells}
    assert files.keys() == {number for student, number in numbers.items() if with_open or student not in held}
    for student, number in numbers.items():
        pages = [page.decode() for page in files.get(number, {}).values()]
        if wanted[student] is not None:
            assert sum(float(SCORE.search(page)[1]) for page in pages) == pytest.approx(wanted[student], abs=0.005)
            assert f"<p>{wanted[student]:.2f}".rstrip("0").rstrip(".") in found[number][1]
        else:
            assert found[number][1] == ""
    assert path.read_bytes() == before


def test_twice_makes_the_same_files(graded, tmp_path):
    root, course, numbers = graded
    path = tmp_path / "ws.csv"
    worksheet(path, numbers, course.max_score)
    written = []
    for _ in range(2):
        assert main(["return", "sums", "--moodle", str(path), "--with-open", "--course-dir", str(root)]) == 0
        written.append({one.name: one.read_bytes() for one in (root / "returned" / "sums").iterdir()})
    assert written[0] == written[1] and set(written[0]) == {"ws.csv", "feedback.zip"}


class TestOthers:
    @pytest.fixture
    def root(self, grid, tmp_path):
        shutil.copytree(grid["outside"].root, tmp_path / "course")
        return tmp_path / "course"

    def run(self, root, *options: str) -> int:
        return main(["return", "sums", *options, "--course-dir", str(root)])

    def test_a_plain_table(self, root, grid, monkeypatch):
        """Pages are not written for it."""
        monkeypatch.setattr(feedback, "write_pages", None)
        assert self.run(root, "--csv", "--with-open") == 0
        rows = csv.DictReader(io.StringIO((root / "returned/sums/sums.csv").read_text("utf-8-sig")))
        found = {row["id"]: (float(row["score"]) if row["score"] else None, float(row["penalty"])) for row in rows}
        assert found == {student: (score, penalty) for student, (score, penalty, _) in grid["outside"].expected.items()}

    def test_canvas(self, root, tmp_path, capsys):
        path = tmp_path / "gradebook.csv"
        path.write_text(
            "Student,ID,SIS Login ID,Section,Small sums (5),Other (6)\n    Points Possible,,,,9,1\n"
            "A B,1,late_marked,x,,\nC D,2,waits,x,,\nE F,3,nobody,x,,\n"
        )
        assert self.run(root, "--canvas", str(path)) == 0
        grades, _ = canvas_grades((root / "returned/sums/gradebook.csv").read_bytes(), {5: "Small sums", 6: "Other"})
        assert grades["Small sums"] == {"1": "8.1", "2": "", "3": ""}
        said = capsys.readouterr()
        assert "In the table, but not in this course (forgotten, or never handed in): E F" in said.out
        assert "waits for a person: 1\n  waits" in said.out
        assert "The column is «Small sums»." in said.err

    def test_who_was_forgotten_is_not_called_missing(self, root, tmp_path, capsys):
        """Nothing tells them from a stranger, as it should be; who is on the roster has handed in nothing."""
        rows = [f"Participant {n},{name}@x.org,,9.00,{name}," for n, name in enumerate(("marked", "waits", "maria"), 1)]
        (tmp_path / "ws.csv").write_text("\n".join(["Identifier,Email address,Grade,Maximum Grade,Full name,x", *rows]))
        (root / "roster.csv").write_text("id,name,email\nmarked,M,marked@x.org\nmaria,María,maria@x.org\n")
        assert main(["forget", "waits", "--yes", "--course-dir", str(root)]) == 0
        capsys.readouterr()
        assert self.run(root, "--moodle", str(tmp_path / "ws.csv")) == 0
        said = capsys.readouterr().out
        assert "No notebook of sums came from: María\n" in said
        assert "In the table, but not in this course (forgotten, or never handed in): waits\n" in said

    def test_a_hostile_name_is_only_text(self, root, tmp_path, capsys):
        name = "=HYPERLINK(1)\x1b[2J[red]"
        (root / "roster.csv").write_text(f"id,name\nmarked,{name}\n")
        assert self.run(root, "--csv") == 0
        assert "\x1b" not in capsys.readouterr().out
        assert "'=HYPERLINK" in (root / "returned/sums/sums.csv").read_text("utf-8-sig")

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (["--moodle", "nothing.csv"], "There is no file nothing.csv."),
            (["--csv", "--column", "x"], "are for Canvas's gradebook"),
        ],
    )
    def test_a_mistake_is_one_sentence(self, root, capsys, options, sentence):
        assert self.run(root, *options) == 2
        assert sentence in capsys.readouterr().err
        assert not (root / "returned").exists()

    def test_the_teachers_own_file_is_never_written(self, root, tmp_path, capsys):
        path = tmp_path / "ws.csv"
        path.write_text(f"{HEAD}\nParticipant 1,marked,x,,9.00,-,\n")
        before = path.read_bytes()
        assert self.run(root, "--moodle", str(path), "--out", str(tmp_path)) == 2
        assert "yours stays as it is" in capsys.readouterr().err
        assert path.read_bytes() == before

    def test_what_was_not_graded(self, root, capsys):
        assert main(["return", "smus", "--csv", "--course-dir", str(root)]) == 2
        assert "Did you mean sums?" in capsys.readouterr().err
