"""An exercise that was left out or is wrong costs its own points, not those of what builds on it."""

import nbformat
import pytest

PREPARE = "def prepare(text):\n    ### BEGIN SOLUTION\n    return text.lower().split()\n    ### END SOLUTION"
COUNT = "def count(words):\n    ### BEGIN SOLUTION\n    return {w: words.count(w) for w in words}\n    ### END SOLUTION"
TRAINING = "### BEGIN SOLUTION\nmodel = count(prepared)\n### END SOLUTION"
TEST_TRAINING = """\
rules = Rules({"words": 1, "all of them": 1})
with rules("words"):
    assert model["a"] == 2, "Count the words."
### BEGIN HIDDEN TESTS
with rules("all of them"):
    assert len(model) == 2, "Count all words."
### END HIDDEN TESTS
rules.score()"""
CELLS = (
    ("imports", "code", "from helpers.rules import Rules", None),
    ("prepare", "code", PREPARE, "answer"),
    ("test_prepare", "code", 'assert prepare("A b") == ["a", "b"], "In small letters."', 2),
    ("given", "code", 'prepared = prepare("A b a")', None),
    ("count", "code", COUNT, "answer"),
    ("test_count", "code", 'assert count(["a"]) == {"a": 1}, "Count."', 2),
    ("training", "code", TRAINING, "answer"),
    ("test_training", "code", TEST_TRAINING, 2),
)
STUB = "raise NotImplementedError()"
RIGHT = {
    "prepare": 'def prepare(text):\n    return text.casefold().split(" ")',
    "count": "from collections import Counter\n\n\ndef count(words):\n    return dict(Counter(words))",
    "training": "model = count(prepared)",
}


@pytest.fixture
def scores(sums, small_notebook):
    """A function: answers, others are stubs → grade id → score, and the verdict."""

    def grade(**answers):
        source = small_notebook(cells=CELLS)
        sums.write(source)
        submitted = nbformat.from_dict(source)
        for cell in submitted.cells:
            settings = cell.metadata.get("nbgrader", {})
            if settings.get("solution"):
                stub = STUB if settings["grade_id"] == "training" else f"{cell.source.splitlines()[0]}\n    {STUB}"
                cell.source = answers.get(settings["grade_id"], stub)
        sums.submit("ana", submitted)
        verdict = sums.grade()["ana"]
        return {cell.grade_id.removeprefix("test_"): cell.score for cell in verdict.cells}, verdict

    return grade


def test_an_answer_left_out_costs_its_own_points_only(scores):
    found, verdict = scores(count=RIGHT["count"], training=RIGHT["training"])
    assert found == {"prepare": 0, "count": 2, "training": 2}
    assert any("`prepare`" in note and "test_training" in note for note in verdict.notes)


def test_a_wrong_answer_costs_its_own_points_only(scores):
    found, _ = scores(**RIGHT | {"prepare": "def prepare(text):\n    return text.split()"})
    assert found == {"prepare": 0, "count": 2, "training": 2}


def test_errors_are_carried_over_several_answers(scores):
    found, _ = scores(training=RIGHT["training"])
    assert found == {"prepare": 0, "count": 0, "training": 2}


def test_nothing_is_lent_to_an_answer_that_is_missing(scores):
    found, verdict = scores(prepare=RIGHT["prepare"])
    assert found == {"prepare": 2, "count": 0, "training": 0}
    assert verdict.notes == ()


def test_an_answer_that_is_wrong_itself_stays_wrong(scores):
    found, verdict = scores(count=RIGHT["count"], training='model = {"a": len(prepared) - 1}')
    assert found == {"prepare": 0, "count": 2, "training": 1}
    training = next(cell for cell in verdict.cells if cell.grade_id == "test_training")
    assert [(group.name, group.score, group.message) for group in training.groups] == [
        ("words", 1, ""),
        ("all of them", 0, "Count all words."),
    ]


def test_what_is_lent_is_not_shown(scores, sums):
    """The second run's outputs are thrown away: an own cell cannot print the teacher's solution."""
    spy = "import inspect\ntry:\n    print(prepare('SECRET words'))\nexcept NotImplementedError:\n    pass\n"
    scores(count=RIGHT["count"], training=spy + RIGHT["training"])
    graded = (sums.root / "autograded" / "ana" / "sums" / "sums.ipynb").read_text()
    assert "secret" not in graded
