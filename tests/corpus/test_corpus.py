"""The cases are well-formed, the judge is fair, and `course grade` makes of a sample of them what is right.

All of them take minutes: `python tests/corpus/run.py course`.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest

from course.grade.sandbox.choice import choose
from course.grade.sandbox.limits import SandboxUnavailable
from tests.corpus.suite import handing_in, operations
from tests.corpus.suite.cases import ESSAY, EXERCISES, POINTS, Case, Malformed, Right, load
from tests.corpus.suite.judging import Outcome, judge
from tests.corpus.suite.runners import course

HERE = Path(__file__).parent
CASES = load()
FEROCIOUS = ("fork-bomb", "everything-killed", "everything-killed-by-an-answer")
SAMPLE = [case for number, case in enumerate(CASES) if number % 8 == 0 or case.name in FEROCIOUS]
ALL = dict.fromkeys(EXERCISES, POINTS)
COURSE = "/a/course"


@pytest.fixture(scope="module")
def run():
    """The module run.py, which is a program."""
    spec = importlib.util.spec_from_file_location("corpus_run", HERE / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(HERE))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(HERE))
    return module


@pytest.fixture(scope="module")
def findings():
    """Case → finding of one class that `course grade` has graded."""
    try:
        choose(None)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    return {finding.case: finding for finding in course.run(SAMPLE, sys.executable)}


@pytest.mark.parametrize("name", [case.name for case in SAMPLE])
def test_course_grade_is_right(findings, name):
    assert (findings[name].word, findings[name].why) == ("right", "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_something_is_handed_in_that_a_folder_may_hold(case):
    """A name of lower-case letters is a student's name everywhere; all paths stay in the folder of the submission."""
    assert case.name.replace("-", "").isalnum() and case.name == case.name.lower()
    handed_in = handing_in.hand_in(case, COURSE, *handing_in.released())
    assert handed_in.notebook in handed_in.files
    assert not any(Path(path).is_absolute() or ".." in Path(path).parts for path in handed_in.files)
    assert not any(b"{{course}}" in data for data in handed_in.files.values())


@pytest.mark.parametrize("case", [case for case in CASES if case.do], ids=lambda case: case.name)
def test_what_is_handed_in_is_not_what_everybody_hands_in(case):
    honest = handing_in.honest(*handing_in.released())
    assert handing_in.hand_in(case, COURSE, *handing_in.released()) != honest


def test_the_release_is_the_source_without_answers_and_hidden_tests():
    source, release = (json.loads(path.read_text()) for path in (handing_in.SOURCE, handing_in.RELEASE))
    assert [cell["id"] for cell in source["cells"]] == [cell["id"] for cell in release["cells"]]
    assert "40961" in str(source) and "40961" not in str(release)
    assert "BEGIN SOLUTION" not in str(release)


def test_the_tables_of_readme_are_those_of_the_results(run):
    """`python tests/corpus/run.py table` writes them."""
    assert run.readme(HERE / "results.json") == (HERE / "README.md").read_text(encoding="utf-8")


WRITE = 'op = "write"\ncell = "mean"\nsource = "x"'
CASE = 'name = "a"\nabout = "b"\n'
MALFORMED = {
    "an unknown operation": f'[[case]]\n{CASE}[[case.do]]\nop = "explode"',
    "an argument too few": f'[[case]]\n{CASE}[[case.do]]\nop = "write"\ncell = "mean"',
    "an argument too many": f"[[case]]\n{CASE}[[case.do]]\n{WRITE}\ncolour = 1",
    "an unknown key": f'[[case]]\n{CASE}colour = "red"',
    "no name": '[[case]]\nabout = "b"',
    "an unknown exercise": f"[[case]]\n{CASE}right.points = {{ median = 1 }}",
    "points that are none": f'[[case]]\n{CASE}right.points = {{ mean = "many" }}',
    "aims of what is no attack": f'[[case]]\n{CASE}aims = ["points"]',
    "a name twice": f"[[case]]\n{CASE}[[case]]\n{CASE}",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_case_that_is_malformed_is_refused(tmp_path, name):
    (tmp_path / "idiom").mkdir()
    (tmp_path / "idiom" / "a.toml").write_text(MALFORMED[name])
    with pytest.raises(Malformed):
        load(tmp_path)


def test_an_attack_says_by_what_one_sees_that_it_succeeded(tmp_path):
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "a.toml").write_text(f"[[case]]\n{CASE}[[case.do]]\n{WRITE}")
    with pytest.raises(Malformed, match="aims"):
        load(tmp_path)


def case(**right) -> Case:
    """An attack on `mean`, with what is right of it."""
    return Case("attack", "a", "", (), Right(**{"points": {"mean": 0.0}} | right), aims=("points",))


DESERVED = ALL | {"mean": 0.0}
BUT_MEAN = {name: POINTS for name in ALL if name != "mean"}
JUDGED = {
    "what it deserves": (case(), Outcome(DESERVED), "right"),
    "a point that it won": (case(), Outcome(ALL), "wrong"),
    "a point that another exercise lost": (case(), Outcome(DESERVED | {"evens": 0.0}), "wrong"),
    "a person is asked": (case(), Outcome(BUT_MEAN, asked=frozenset({"mean"})), "asks"),
    "refused with a reason": (case(), Outcome(refused="It is odd."), "asks"),
    "no mark, and nobody is told": (case(), Outcome(BUT_MEAN), "wrong"),
    "a neighbour lost": (case(), Outcome(DESERVED, neighbours={"ana": True, "zoe": False}), "wrong"),
    "neighbours are whole": (case(), Outcome(DESERVED, neighbours={"ana": True, "zoe": True}), "right"),
    "a file was changed": (case(), Outcome(DESERVED, files=False), "wrong"),
    "no end": (case(), Outcome(DESERVED, broken="time: no end"), "wrong"),
    "a hidden test is shown": (case(not_printed=("40961",)), Outcome(DESERVED, printed="[40961]"), "wrong"),
    "no hidden test is shown": (case(not_printed=("40961",)), Outcome(DESERVED, printed="[1]"), "right"),
    "markup on the page": (case(not_on_page=("<script>",)), Outcome(DESERVED, page="<script>"), "wrong"),
    "text on the page": (case(not_on_page=("<script>",)), Outcome(DESERVED, page="&lt;script>"), "right"),
    "nothing to grade": (case(refused=True), Outcome(refused="It is empty."), "right"),
    "nothing to grade, all for a person": (case(refused=True), Outcome(asked=frozenset(EXERCISES)), "right"),
    "points for nothing": (case(refused=True), Outcome(dict.fromkeys(EXERCISES, 0.0)), "wrong"),
    "nothing, and nothing is said": (case(refused=True), Outcome(), "wrong"),
    "a question for a person": (case(points={ESSAY: "person"}), Outcome(ALL, asked=frozenset({ESSAY})), "right"),
    "a question that marked itself": (case(points={ESSAY: "person"}), Outcome(ALL | {ESSAY: 3.0}), "wrong"),
}


@pytest.mark.parametrize("name", JUDGED)
def test_the_judge(name):
    judged, outcome, word = JUDGED[name]
    finding = judge(judged, outcome)
    assert (finding.word, bool(finding.why)) == (word, word == "wrong" or (bool(outcome.refused) and word == "asks"))


def test_a_grader_that_does_not_work_is_not_taken_for_one_that_asks(run, monkeypatch, capsys):
    """A missing kernel, say: it would refuse everything, and look safe."""
    runner = types.ModuleType("suite.runners.broken")
    runner.version = lambda python: "broken 1.0"
    runner.run = lambda cases, python: (judge(case, Outcome(refused="A trace\nNo such kernel")) for case in cases)
    monkeypatch.setitem(sys.modules, runner.__name__, runner)
    monkeypatch.setitem(run.RUNNERS, "broken", "broken:run")
    assert run.main(["broken", "--case", "fork-bomb"]) == 2
    assert capsys.readouterr() == ("", "broken 1.0 gives plain right answers no points: No such kernel\n")


@pytest.fixture
def submission():
    """A released notebook, to be changed."""
    return operations.Submission(*handing_in.released(), "measures.ipynb")


def ids(submission) -> list[str]:
    return [cell.get("id") for cell in submission.notebook["cells"]]


def test_cells_are_found_whatever_has_become_of_their_ids(submission):
    for operation in ({"op": "colab"}, {"op": "write", "cell": "mean", "source": "x = 1"}):
        operations.apply(submission, operation)
    assert "x = 1" in [cell["source"] for cell in submission.notebook["cells"]]
    assert not any("nbgrader" in cell["metadata"] for cell in submission.notebook["cells"])


def test_places(submission):
    operations.apply(submission, {"op": "move", "cell": "mean", "at": "after test_mean"})
    operations.apply(submission, {"op": "add", "at": "before scale", "source": "x"})
    operations.apply(submission, {"op": "copy", "cell": "evens", "at": "start"})
    operations.apply(submission, {"op": "delete", "cell": "imports"})
    assert ids(submission)[:2] == ["copy-of-evens", "title"]
    assert ids(submission)[3:7] == ["test_mean", "mean", "text_scale", "added-1"]
    assert "imports" not in ids(submission)


def test_a_cell_that_is_split_and_merged_again_has_all_its_lines(submission):
    operations.apply(submission, {"op": "write", "cell": "mean", "source": "a\nb\nc"})
    operations.apply(submission, {"op": "split", "cell": "mean", "line": 2})
    cells = submission.notebook["cells"]
    place = ids(submission).index("mean")
    assert [cell["source"] for cell in cells[place : place + 2]] == ["a", "b\nc"]
    operations.apply(submission, {"op": "merge", "cell": "mean", "into": "scale"})
    assert submission.cells["scale"]["source"].endswith("\na")


def test_metadata_are_set_key_by_key(submission):
    operations.apply(submission, {"op": "metadata", "cell": "tests", "values": {"nbgrader": {"points": 9}}})
    settings = submission.cells["test_mean"]["metadata"]["nbgrader"]
    assert (settings["points"], settings["grade_id"]) == (9, "test_mean")
