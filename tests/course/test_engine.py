"""A class, from submitted/ to marks: every submission ends in a verdict, and the marks are those of nbgrader."""

import dataclasses
import os
import re
import shutil

import nbformat
import pytest

from course import folder
from course.grade import cache, engine
from course.grade.cache import load
from course.grade.ledger import GradingError
from course.kept import load_all

HALF_EVENS = "def evens(n):\n    return [0] if n else []"  # right for 0, 1 and 2 only


@pytest.fixture(scope="module")
def both(course_at, tmp_path_factory, right):
    """The same class, graded by this grader and by the stock `nbgrader autograde`: two courses."""
    ours = course_at(tmp_path_factory.mktemp("both") / "ours")
    ours.submit("right", **right)
    ours.submit("half", add=right["add"], essay="I do not know.")
    ours.submit("empty")
    ours.submit("error", **right | {"add": "def add(a, b):\n    return a + c"})
    ours.submit("syntax", **right | {"evens": "def evens(n):\n    return ["})
    ours.submit("partial", **right | {"evens": HALF_EVENS})
    stock = dataclasses.replace(ours, root=ours.root.parent / "stock")
    shutil.copytree(ours.root, stock.root)
    ours.grade()
    api = stock.api()
    assert api.generate_assignment("sums")["success"]
    for student in os.listdir(stock.root / "submitted"):
        result = api.autograde("sums", student)
        assert result["success"], result.get("log", "")[-2000:]
    return ours, stock


class TestEqualToNbgrader:
    @pytest.mark.parametrize("student", ["right", "half", "empty", "error", "syntax", "partial"])
    def test_cell_by_cell(self, both, student):
        ours, stock = both
        assert ours.marks(student) == stock.marks(student)

    def test_the_marks_are_what_they_should_be(self, both):
        """So that the two are not equally wrong."""
        marks = {student: both[0].marks(student) for student in ("right", "partial", "empty")}
        assert marks["right"] == {
            "test_add": (3, None, False),
            "test_evens": (4, None, False),
            "essay": (None, None, True),
        }
        assert marks["partial"]["test_evens"] == (3, None, False)
        assert {auto for auto, _, _ in marks["empty"].values()} == {0}

    def test_nbgrader_sees_them_as_graded(self, both):
        """What formgrader lists."""
        ours, stock = both
        assert ours.api().get_autograded_students("sums") == stock.api().get_autograded_students("sums")
        for student in ("right", "partial"):
            mine, theirs = (next(s for s in c.api().get_submissions("sums") if s["student"] == student) for c in both)
            for field in ("score", "max_score", "code_score", "needs_manual_grade", "autograded", "failed_tests"):
                if field in theirs:
                    assert mine[field] == theirs[field], field


class TestCache:
    def test_what_has_not_changed_is_not_run_again(self, sums, right):
        sums.submit("anna", **right)
        first = sums.grade()
        assert sums.grade() == first  # with the seconds of the first time

    def test_force_runs_it_again(self, sums, right, monkeypatch):
        sums.submit("anna", **right)
        sums.grade()
        looked_at = []
        monkeypatch.setattr(cache, "load", lambda folder, job: looked_at.append(job.student) or load(folder, job))
        assert sums.grade(force=True)["anna"].score == 7
        assert set(looked_at) == {""}  # what is known about the tests is still known

    def test_a_changed_answer_is_run(self, sums, right):
        sums.submit("anna", **right)
        sums.grade()
        sums.submit("anna", **right | {"add": "def add(a, b):\n    return 3"})
        assert sums.grade()["anna"].score == 4

    def test_a_changed_test_is_run(self, sums, right):
        sums.submit("anna", **right)
        sums.grade()
        source = nbformat.read(sums.root / "source" / "sums" / "sums.ipynb", as_version=4)
        source.cells[3].source += "\nassert add('a', 'b') == 'ab', 'Texts, too.'"
        sums.write(source)
        assert sums.grade()["anna"].score == 4

    def test_the_same_notebook_of_somebody_else_is_known(self, sums, right):
        sums.submit("anna", **right)
        anna = sums.grade()["anna"]
        sums.submit("boris", **right)
        boris = sums.grade()["boris"]
        assert dataclasses.replace(boris, student="anna") == anna

    def test_what_ran_into_a_limit_is_tried_again(self, sums, right):
        sums.submit("anna", **right | {"add": "import os\nos._exit(1)"})
        first, second = sums.grade()["anna"], sums.grade()["anna"]
        assert (first.verdict, second.verdict) == ("kernel_died", "kernel_died")
        kept = list((sums.root / "autograded" / ".cache").iterdir())
        assert len(kept) == 2  # the teacher's own solution and the untouched notebook

    def test_a_damaged_entry_is_made_anew(self, sums, right):
        sums.submit("anna", **right)
        sums.grade()
        for entry in (sums.root / "autograded" / ".cache").iterdir():
            entry.write_bytes(entry.read_bytes()[:40])
        assert sums.grade()["anna"].score == 7


class TestSeed:
    """Hidden tests draw inputs from `$CLASS_SEED`."""

    DRAWN = """import os
import random

draw = random.Random(os.environ["CLASS_SEED"])
drawn = draw.randrange(10**9)
assert add(drawn, 1) == drawn + 1, "A sum is wrong."
print("drawn", drawn)"""

    def grade(self, course, **answers) -> str:
        """What was drawn: it stands in the graded notebook, which the teacher has."""
        source = nbformat.read(course.root / "source" / "sums" / "sums.ipynb", as_version=4)
        source.cells[3].source = self.DRAWN
        course.write(source)
        course.submit("anna", **answers)
        assert course.grade(force=True)["anna"].score == 7
        graded = (course.root / "autograded" / "anna" / "sums" / "sums.ipynb").read_text()
        return re.search(r"drawn \d+", graded)[0]

    def test_a_class_keeps_its_own(self, sums, course_at, tmp_path, right):
        first = self.grade(sums, **right)
        assert self.grade(sums, **right) == first
        assert self.grade(course_at(tmp_path / "other"), **right) != first

    def test_a_second_attempt_meets_other_inputs(self, sums, right):
        """Whoever has seen those of the first one has seen nothing."""
        first = self.grade(sums, **right)
        assert self.grade(sums, **right | {"add": right["add"] + "  # better"}) != first

    def test_a_student_does_not_see_it(self, sums, right):
        spy = "import os\ndef add(a, b):\n    return a + b if 'CLASS_SEED' not in os.environ else None"
        assert self.grade(sums, **right | {"add": spy})


class TestFolders:
    def test_odd_names_work(self, sums):
        names = ["Анна Петрова", "José", "=cmd|'calc'!A0", "-rf", "two\nlines", "[red]x[", "*", "%s{0}", "a'b\"c", "~"]
        for name in names:
            sums.submit(name, b"junk")
        verdicts = sums.grade()
        assert {name: verdicts[name].verdict for name in names} == dict.fromkeys(names, "unreadable")
        assert [sums.marks(name)["test_add"] for name in names] == [(0, None, False)] * len(names)

    def test_hidden_folders_are_nobodys(self, sums):
        sums.submit("anna", b"junk")
        sums.submit(".ipynb_checkpoints", b"junk")
        assert list(sums.grade()) == ["anna"]

    @pytest.mark.parametrize(
        "name", [b"\xff\xfe", ("я" * 120).encode(), b"a" * 130], ids=["no text", "bytes", "letters"]
    )
    def test_a_name_that_no_gradebook_takes_is_its_own_verdict(self, sums, right, name):
        """And the class goes on."""
        os.makedirs(os.fsencode(sums.root / "submitted") + b"/" + name + b"/sums")
        sums.submit("anna", **right)
        verdicts = list(sums.grade().values())
        assert {verdict.verdict for verdict in verdicts} == {"graded", "unreadable"}
        (odd,) = [verdict for verdict in verdicts if verdict.verdict == "unreadable"]
        assert odd.cause.endswith("rename it.")
        assert odd.student.isprintable()
        assert len(load_all(sums.root, "sums")) == 2

    def test_the_other_notebook_in_the_folder_counts_if_the_right_name_is_missing(self, sums, right):
        """Downloads are called `sums (1).ipynb`."""
        sums.submit("anna", name="sums (1)", **right)
        assert sums.grade()["anna"].score == 7

    def test_the_right_name_goes_first(self, sums, right):
        sums.submit("anna", **right)
        sums.submit("anna", b"junk", name="Untitled")
        assert sums.grade()["anna"].score == 7

    def test_an_empty_folder(self, sums):
        (sums.root / "submitted" / "anna" / "sums").mkdir(parents=True)
        verdict = sums.grade()["anna"]
        assert (verdict.verdict, verdict.max_score) == ("wrong_notebook", 9)
        assert verdict.cause == "The submission holds no notebook sums.ipynb."

    def test_an_enormous_file_is_not_read_to_its_end(self, sums):
        path = sums.submit("anna", b"{")
        os.truncate(path, 1 << 33)
        verdict = sums.grade()["anna"]
        assert (verdict.verdict, "larger than 64 MiB" in verdict.cause) == ("unreadable", True)


class TestLinks:
    """They could lead to the teacher's own solution, or to any other file."""

    @pytest.fixture
    def secret(self, sums, tmp_path, right):
        path = tmp_path / "secret" / "sums" / "sums.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(sums.notebook(**right), path)
        return path

    @pytest.mark.parametrize("what", ["student", "assignment", "notebook", "nowhere"])
    def test_a_link_is_not_followed(self, sums, secret, what):
        folder = sums.root / "submitted" / "anna" / "sums"
        link, target = {
            "student": (folder.parent, secret.parents[1]),
            "assignment": (folder, secret.parent),
            "notebook": (folder / "sums.ipynb", secret),
            "nowhere": (folder, secret.parent / "nowhere"),
        }[what]
        link.parent.mkdir(parents=True)
        link.symlink_to(target)
        verdict = sums.grade()["anna"]
        assert (verdict.verdict, verdict.score) == ("wrong_notebook", None)
        assert verdict.cause.endswith("is a symbolic link: it is not followed.")

    def test_a_real_notebook_beside_a_link_counts(self, sums, secret, right):
        sums.submit("anna", name="other", **right)
        (sums.root / "submitted" / "anna" / "sums" / "sums.ipynb").symlink_to(secret)
        assert sums.grade()["anna"].verdict == "graded"

    def test_a_link_among_the_results_is_replaced(self, sums, secret, right):
        sums.submit("anna", **right)
        (sums.root / "autograded").mkdir()
        (sums.root / "autograded" / "anna").symlink_to(secret.parents[1])
        before = secret.read_bytes()
        sums.grade()
        assert secret.read_bytes() == before
        assert (sums.root / "autograded" / "anna" / "sums" / "sums.ipynb").is_file()


class TestSeveralNotebooks:
    @pytest.fixture
    def two(self, sums):
        sums.write(name="more")
        return sums

    def test_the_verdict_sums_them_up(self, two, right):
        two.submit("anna", **right)
        two.submit("anna", name="more", add=right["add"])
        verdict = two.grade()["anna"]
        assert (verdict.verdict, verdict.score, verdict.max_score) == ("graded", 10, 18)
        assert [cell.grade_id for cell in verdict.cells][:2] == ["more/test_add", "more/test_evens"]
        assert two.marks("anna")["test_evens"] == (4, None, False)
        assert two.marks("anna", "more")["test_evens"] == (0, None, False)

    def test_one_that_is_missing_costs_its_own_points_only(self, two, right):
        two.submit("anna", **right)
        verdict = two.grade()["anna"]
        assert (verdict.verdict, verdict.score, verdict.max_score) == ("wrong_notebook", 7, 18)
        assert verdict.cause == "more: The submission holds no notebook more.ipynb."
        assert {auto for auto, _, _ in two.marks("anna", "more").values()} == {0}


class TestDataFiles:
    def test_the_teachers_files_lie_beside_the_notebook(self, sums, right):
        (sums.root / "source" / "sums" / "data").mkdir()
        (sums.root / "source" / "sums" / "data" / "numbers.txt").write_text("40 2")
        (sums.root / "source" / "sums" / ".ipynb_checkpoints").mkdir()
        (sums.root / "source" / "sums" / ".ipynb_checkpoints" / "big.bin").write_bytes(bytes(folder.FILES_LIMIT + 1))
        sums.submit("anna", **right | {"add": "numbers = open('data/numbers.txt').read()\n" + right["add"]})
        assert sums.grade()["anna"].score == 7


class TestMistakes:
    @pytest.mark.parametrize(
        ("assignment", "students", "sentence"),
        [
            ("nothing", (), "There is no assignment"),
            ("..", (), "There is no assignment"),
            ("", (), "There is no assignment"),
            ("sums", ("zoe",), "There is no submission .*zoe"),
            ("sums", (), "Nobody has handed in sums"),
        ],
    )
    def test_one_sentence(self, sums, assignment, students, sentence):
        with pytest.raises(GradingError, match=sentence):
            engine.submissions(assignment, sums.root, students)

    def test_a_source_without_a_notebook(self, sums):
        (sums.root / "source" / "sums" / "sums.ipynb").unlink()
        sums.submit("anna", b"junk")
        with pytest.raises(GradingError, match=r"no notebook|does not accept"):
            sums.grade()

    def test_only_the_students_that_were_named(self, sums):
        for student in ("anna", "boris", "maria"):
            sums.submit(student, b"junk")
        assert list(sums.grade(students=("maria", "anna", "maria"))) == ["anna", "maria"]
