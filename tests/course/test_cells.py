"""What the builder refuses behind `# %%`: what nobody could answer or grade, and what would show a solution."""

import dataclasses

import pytest

from course.build import cells
from course.build.read import UnitError, parse_unit

ANSWER = '# %% answer="add"\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION'
TEST = '# %% test="add" points=2\nassert x == 2, "Two."'
LOADS = '# %%\nprofile = profiles.load("ner", profile)'
PARAMETERS = '# %% tags=["parameters"]\nlanguage = "en"\nprofile = "auto"'


@pytest.fixture
def refusal(small_unit):
    """A function: cells → the sentence with which they are refused."""

    def made(*text: str) -> str:
        with pytest.raises(UnitError) as caught:
            cells.check(small_unit(*text))
        message = str(caught.value)
        assert message.endswith(".") and "\n" not in message
        return message

    return made


def test_what_follows_the_rules_is_let_through(small_unit):
    essay = '# %% [markdown] essay="why" points=0.5\n# Because.'
    lesson = '# %% tags=["lesson"]\nprint(x)'
    reference = '# %% reference="train_epoch"\nfrom helpers.training import train_epoch'
    cells.check(small_unit(PARAMETERS, LOADS, ANSWER, lesson, TEST, essay, reference, "# %% [markdown]\n# Text."))
    cells.check(small_unit(ANSWER, TEST.replace("points=2", "points=0")))
    cells.check(small_unit(f"{ANSWER}\n\n\n", "# %%\n", f"{TEST}\n\n"))  # however it is laid out


@pytest.mark.parametrize("name", ["My words", "3words", "wörter", "my-words", ""])
def test_a_name_that_is_none_of_a_module_is_refused(small_unit, name):
    with pytest.raises(UnitError, match="needs a name of small letters"):
        cells.check(dataclasses.replace(small_unit(), name=name))


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ('# %% anwser="add"\nx = 1', "has the key 'anwser'; a code cell can have answer, test, reference"),
        ('# %% essay="why" points=2\nx = 1', "has the key 'essay'; a code cell"),
        ('# %% [markdown] test="add" points=2\n# Text.', "has the key 'test'; a [markdown] cell can have essay"),
        ("# %% [raw]\n# Text.", "is neither code nor [markdown]"),
        ('# %% test="add"\nassert x == 2', "'add' has no points"),
        ('# %% [markdown] essay="why"\n# Because.', "'why' has no points"),
        ('# %% test="add" points=-1\nassert x == 2', "points=-1"),
        ('# %% test="add" points="2"\nassert x == 2', "points=2: points are a number"),
        ('# %% test="add" points=true\nassert x == 2', "points=True: points are a number"),
        ("# %% points=2\nx = 1", "points are a number, 0 or more, of a test or an essay"),
        ('# %% answer="add"\nx = 2', "would show its solution"),
        ('# %% answer="add"\n', "would show its solution"),
        (TEST, "above the test 'add' there is no cell # %% answer=\"add\""),
        (ANSWER, "the answer 'add' has no test"),
        (f"{TEST}\n\n{ANSWER}", "above the test 'add'"),
        (LOADS, "needs a cell of parameters"),
        (f'# %% tags=["parameters"]\nlanguage = "en"\n\n{LOADS}', "needs a cell of parameters"),
        (f"{PARAMETERS}\n\n{PARAMETERS}", "two cells have the tag parameters"),
        (f"{PARAMETERS}\n\n{LOADS.replace('ner', 'words')}", "helpers/profiles.toml needs [units.words.offline]"),
    ],
)
def test_what_does_not_is_named(refusal, cell, why):
    assert why in refusal(*cell.split("\n\n"))


def test_a_profile_that_lacks_a_setting_is_named(refusal, monkeypatch):
    monkeypatch.setattr("helpers.profiles._table", lambda: TABLE)
    assert "[units.ner.offline] with the settings of a training" in refusal(PARAMETERS, LOADS)
    assert "floor" in refusal(PARAMETERS, LOADS)


TABLE = {"profiles": {"offline": {"data": "samples", "seed": 1}}, "units": {"ner": {"offline": {"checkpoint": "x"}}}}


@pytest.mark.parametrize("cell", ["from helpers.ner import do_ner  # mine", "# mine\nfrom helpers.ner import do_ner"])
def test_a_reference_stands_alone_in_its_cell(unit_text, cell):
    """The grader takes references out of what students' code can see by that line."""
    with pytest.raises(UnitError, match="must hold that import alone"):
        parse_unit("small", unit_text(f'# %% answer="do_ner"\n{cell}'))


@pytest.mark.parametrize(
    "text", ["def broken(:\n", "import no_such_module\n", "raise RuntimeError('a\\nb')\n", "1 / 0\n"]
)
def test_a_reference_that_cannot_be_imported_is_told_in_a_sentence(unit_text, tmp_path, monkeypatch, text):
    (tmp_path / "own_reference.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnitError) as caught:
        parse_unit("small", unit_text('# %% answer="f"\nfrom own_reference import f'))
    message = str(caught.value)
    assert "\n" not in message and message.endswith(
        "write it in own_reference.py, from where its source comes into the notebook."
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"goals": "count words"}, "goals in the front matter must be a list"),
        ({"goals": []}, "goals in the front matter must be a list"),
        ({"goals": ["one", 2]}, "goals in the front matter must be a list"),
        ({"minutes": "90"}, "minutes in the front matter must be a whole number"),
        ({"minutes": True}, "minutes in the front matter must be a whole number"),
        ({"title": 1984}, "title in the front matter must be a text"),
        ({"data": ""}, "data in the front matter must be a text"),
        ({"training": False}, "training in the front matter must be a text"),
    ],
)
def test_a_field_of_another_type_is_named(unit_text, fields, why):
    with pytest.raises(UnitError, match=why):
        parse_unit("small", unit_text(**fields))
