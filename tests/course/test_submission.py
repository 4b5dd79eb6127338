import functools
import io
import json
import random
import re
import time
import zipfile
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course import ROOT
from course.grade.submission import saying
from course.grade.submission.building import build
from course.notebooks import files
from course.notebooks.reading import Unreadable, WrongNotebook, read_notebook
from course.notebooks.unpacking import Handed

# --- A small assignment -----------------------------------------------------------------------------------------

DOUBLE = "def double(number):\n    ### BEGIN SOLUTION\n    return 2 * number  # the teacher's way\n    ### END SOLUTION"
HALVE = "def halve(number):\n    ### BEGIN SOLUTION\n    return number / 2  # the teacher's way\n    ### END SOLUTION"
TRAINING = "### BEGIN SOLUTION\nmodel = make_model(size, seed)\nmodel.train(epochs)\n### END SOLUTION"
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
ESSAY_STUB = "YOUR ANSWER HERE"

MY_DOUBLE = "def double(number):\n    return number + number"
MY_HALVE = "def halve(number):\n    return 0.5 * number"
MY_TRAINING = "model = make_model(size)\nfor _ in range(3):\n    model.train()"
MY_ESSAY = "A model learns by making mistakes. I have made many."
ANSWERS = {"double": MY_DOUBLE, "training": MY_TRAINING, "essay": MY_ESSAY, "halve": MY_HALVE}


def teachers(text, cell_id, kind="code", **nbgrader):
    """A cell of the teacher's notebook."""
    cell = nbformat.v4.new_code_cell(text) if kind == "code" else nbformat.v4.new_markdown_cell(text)
    cell.id = cell_id
    if nbgrader:
        roles = {"grade": False, "solution": False, "locked": True, "task": False, "schema_version": 3}
        cell.metadata.nbgrader = nbformat.from_dict({**roles, "grade_id": cell_id, **nbgrader})
    return cell


def test_cell(name):
    hidden = f"### BEGIN HIDDEN TESTS\nassert {name} != 'secret'\n### END HIDDEN TESTS"
    text = f"assert {name} is not None, 'Write it.'\n{hidden}"
    return teachers(text, f"test_{name}", grade=True, points=5)


test_cell.__test__ = False


@functools.cache
def assignment():
    """The teacher's notebook and what the students get."""
    source = nbformat.v4.new_notebook(
        cells=[
            teachers("# Numbers\n\nToday we look at numbers, large and small.", "unit-00", "markdown"),
            teachers("import math\n\nsize, seed, epochs = 3, 42, 10", "unit-01"),
            teachers(DOUBLE, "double", solution=True),
            test_cell("double"),
            teachers("Now train a model with the numbers that you have made.", "unit-04", "markdown"),
            teachers("show_the_data(size, colour='blue')\nprint('ready to train')", "unit-05"),
            teachers(TRAINING, "training", solution=True),
            test_cell("training"),
            teachers("## Question\n\nHow does a model learn? Explain in your own words.", "unit-08", "markdown"),
            teachers("It follows the gradient of its loss downhill.", "essay", "markdown", grade=True, solution=True),
            teachers(HALVE, "halve", solution=True),
            test_cell("halve"),
            teachers("That is all for today. Well done, everybody!", "unit-12", "markdown"),
        ]
    )
    return source, release_of(source)


def release_of(source):
    release = nbformat.from_dict(json.loads(json.dumps(source)))
    for cell in release.cells:
        indented = "\n".join("    " + line for line in STUB.splitlines())
        cell.source = re.sub(r"    ### BEGIN SOLUTION.*?### END SOLUTION", indented, cell.source, flags=re.DOTALL)
        cell.source = re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", STUB, cell.source, flags=re.DOTALL)
        cell.source = re.sub(r"\n### BEGIN HIDDEN.*?### END HIDDEN TESTS", "", cell.source, flags=re.DOTALL)
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "markdown":
            cell.source = ESSAY_STUB
    return release


def solved(answers=ANSWERS):
    """The released cells with a student's answers in them, as the JSON of a submission has them."""
    _, release = assignment()
    cells = json.loads(json.dumps(release.cells))
    for cell in cells:
        cell["source"] = answers.get(cell["id"], cell["source"])
    return cells


def own(text, kind="code", **extra):
    """A cell that the student added."""
    return {"cell_type": kind, "source": text, "metadata": {}, "id": f"{abs(hash(text)):x}"[:8], **extra}


def at(cells, cell_id):
    return next(index for index, cell in enumerate(cells) if cell["id"] == cell_id)


def graded(cells):
    """Hand in the cells and build the notebook to run."""
    return build(*assignment(), read_notebook(handed_in(cells)))


def handed_in(cells, **top):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **top}).encode()


def texts(built):
    return {cell.id: cell.source for cell in built.notebook.cells}


def ids(built):
    return [cell.id for cell in built.notebook.cells]


TEACHERS_IDS = [cell.id for cell in assignment()[0].cells]


# --- An ordinary submission -------------------------------------------------------------------------------------


def test_my_answers_are_in_the_notebook_that_is_run():
    built = graded(solved())
    assert {name: texts(built)[name] for name in ANSWERS} == ANSWERS
    assert ids(built) == TEACHERS_IDS
    assert (built.repairs, built.recovered, built.answered) == ((), False, frozenset(ANSWERS))


def test_everything_else_is_the_teachers():
    source, _ = assignment()
    built = graded(solved())
    for mine, theirs in zip(built.notebook.cells, source.cells):
        assert mine.metadata == theirs.metadata
        assert mine.source == theirs.source or mine.id in ANSWERS
    nbformat.validate(built.notebook)


def test_what_i_did_not_answer_stays_the_stub():
    built = graded(solved({"double": MY_DOUBLE}))
    assert texts(built)["halve"].endswith("raise NotImplementedError()")
    assert texts(built)["essay"] == ESSAY_STUB
    assert built.answered == {"double"}
    assert built.repairs == ()


def test_my_comment_in_a_stub_is_no_answer():
    built = graded(solved({"double": "def double(number):\n    # too hard for me\n    raise NotImplementedError()"}))
    assert built.answered == frozenset()
    assert "too hard" in texts(built)["double"]


def test_the_teachers_notebook_is_not_changed():
    source, release = assignment()
    before = json.dumps([source, release])
    build(source, release, read_notebook(handed_in(solved()[::-1])))
    assert json.dumps([source, release]) == before


# --- Cells that I added -----------------------------------------------------------------------------------------


def test_my_own_cells_stay_where_i_put_them():
    cells = solved()
    cells.insert(0, own("first = 1"))
    cells.insert(at(cells, "double") + 1, own("second = 2"))
    cells.append(own("My notes.", "markdown"))
    built = graded(cells)
    assert ids(built)[0] == "added-1"
    assert ids(built)[ids(built).index("double") + 1] == "added-2"
    assert ids(built)[-1] == "added-3"
    assert texts(built)["added-3"] == "My notes."
    assert not built.recovered


def test_my_own_cells_bring_only_their_text():
    extra = {"metadata": {"tags": ["x"], "nbgrader": {"grade_id": "mine", "grade": True}}, "outputs": [1, 2]}
    built = graded([*solved(), own("first = 1", **extra)])
    cell = built.notebook.cells[-1]
    assert (cell.metadata, cell.outputs, cell.id) == ({}, [], "added-1")


def test_a_helper_that_my_answer_calls_is_kept():
    cells = solved({"double": "def double(number):\n    return twice(number)"})
    cells.insert(at(cells, "double"), own("def twice(number):\n    return 2 * number"))
    assert "def twice" in texts(graded(cells))["added-1"]


def test_a_cell_with_only_a_remark_is_kept_and_an_empty_one_is_not():
    built = graded([*solved(), own("# remember the milk"), own("  \n")])
    assert ids(built)[-1] == "added-1"
    assert texts(built)["added-1"] == "# remember the milk"


# --- Where an answer is found -----------------------------------------------------------------------------------


def without_marks(cells):
    """What Colab may make of a notebook: no nbgrader metadata, other ids, its own metadata."""
    rng = random.Random(1)
    for cell in cells:
        cell.pop("id", None)
        cell["metadata"] = {"id": f"{rng.randrange(16**12):012x}", "colab": {"base_uri": "x"}, "outputId": "y"}
    return cells


def test_colab_has_stripped_everything_and_my_answers_are_found():
    built = graded(without_marks(solved()))
    assert {name: texts(built)[name] for name in ANSWERS} == ANSWERS
    assert ids(built) == TEACHERS_IDS
    assert built.recovered
    assert built.answered == frozenset(ANSWERS)


def test_colab_has_stripped_everything_and_i_have_not_answered_all():
    built = graded(without_marks(solved({"halve": MY_HALVE})))
    assert ids(built) == TEACHERS_IDS
    assert built.answered == {"halve"}


def test_only_the_ids_are_left():
    cells = solved()
    for cell in cells:
        cell["metadata"] = {}
    assert graded(cells).answered == frozenset(ANSWERS)


def test_my_function_is_found_although_its_code_has_a_mistake():
    cells = without_marks(solved({**ANSWERS, "double": "def double(number):\n    return (2 *"}))
    assert texts(graded(cells))["double"] == "def double(number):\n    return (2 *"


def test_my_function_is_found_behind_a_magic():
    cells = without_marks(solved({**ANSWERS, "double": "%%time\n!pip list\n" + MY_DOUBLE}))
    assert texts(graded(cells))["double"].startswith("%%time")


def test_my_answer_may_be_an_assignment():
    cells = solved({**ANSWERS, "double": "double = lambda number: 2 * number"})
    assert texts(graded(cells))["double"].startswith("double = lambda")


def test_i_wrote_my_function_in_a_new_cell_and_left_the_stub():
    cells = solved({"training": MY_TRAINING})
    cells.insert(at(cells, "test_double") + 1, own(MY_DOUBLE))
    built = graded(cells)
    assert texts(built)["double"] == MY_DOUBLE
    assert ids(built) == TEACHERS_IDS
    assert any("`double` was found in another cell" in repair for repair in built.repairs)


def test_i_wrote_my_training_below_the_stub():
    cells = solved({"double": MY_DOUBLE})
    cells.insert(at(cells, "training") + 1, own(MY_TRAINING))
    built = graded(cells)
    assert texts(built)["training"] == MY_TRAINING
    assert "training" in built.answered


def test_i_wrote_my_essay_below_the_stub():
    cells = solved({"double": MY_DOUBLE})
    cells.insert(at(cells, "essay") + 1, own(MY_ESSAY, "markdown"))
    assert texts(graded(cells))["essay"] == MY_ESSAY


def test_i_wrote_my_function_into_the_cell_of_the_tests():
    cells = solved({"training": MY_TRAINING})
    cells[at(cells, "test_double")]["source"] = MY_DOUBLE + "\nassert double(2) == 4"
    built = graded(cells)
    assert texts(built)["double"].startswith(MY_DOUBLE)
    assert texts(built)["test_double"] == assignment()[0].cells[3].source


def test_i_wrote_a_function_into_the_cell_of_another():
    cells = solved({"double": MY_HALVE, "training": MY_TRAINING})
    built = graded(cells)
    assert texts(built)["halve"] == MY_HALVE
    assert built.answered == {"halve", "training"}


def test_i_deleted_an_answer():
    cells = [cell for cell in solved() if cell["id"] != "double"]
    built = graded(cells)
    assert texts(built)["double"].endswith("raise NotImplementedError()")
    assert "double" not in built.answered
    assert any("`double` is missing" in repair for repair in built.repairs)


def test_i_deleted_an_answer_and_my_trial_beside_it_is_not_taken_for_it():
    cells = solved()
    cells[at(cells, "double")] = own("print('hello')")
    built = graded(cells)
    assert "NotImplementedError" in texts(built)["double"]
    assert texts(built)["added-1"] == "print('hello')"


def test_i_moved_an_answer_to_the_end():
    cells = solved()
    cells.append(cells.pop(at(cells, "double")))
    cells.append(own("late = 1"))
    built = graded(cells)
    assert ids(built) == [*TEACHERS_IDS, "added-1"]
    assert any("`double` stood in another place" in repair for repair in built.repairs)


# --- Doubled, merged, retyped -----------------------------------------------------------------------------------


def test_i_copied_an_answer_cell_and_wrote_the_better_version_in_the_copy():
    cells = solved()
    cells.insert(
        at(cells, "test_double"), {**cells[2], "source": "def double(number):\n    return number * 2", "id": "c"}
    )
    built = graded(cells)
    assert texts(built)["double"] == "def double(number):\n    return number * 2"
    assert ids(built) == TEACHERS_IDS
    assert any("`double` was there 2 times" in repair for repair in built.repairs)


EXPERIMENTS = {
    "another body": "def double(number):\n    return 0",
    "another signature": "def double(number, times=2):\n    return number * times",
    "no Python": "def double(number):\n    return (",
    "a wrapper": "old = double\ndef double(number):\n    print(number)\n    return old(number)",
    "a class": "class double:\n    pass",
}


@pytest.mark.parametrize("strip", [list, lambda cells: without_marks(cells)])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_below_the_tests_is_an_experiment(name, strip):
    cells = solved()
    cells.insert(at(cells, "test_double") + 1, own(EXPERIMENTS[name]))
    built = graded(strip(cells))
    assert texts(built)["double"] == MY_DOUBLE
    assert texts(built)["added-1"] == EXPERIMENTS[name]
    assert ids(built).index("added-1") == ids(built).index("test_double") + 1
    assert not any("`double` was there" in repair for repair in built.repairs)


def test_what_stands_above_the_tests_last_counts():
    cells = solved()
    better = "def double(number):\n    return number << 1"
    cells.insert(at(cells, "test_double"), own(better))
    cells.append(own("def double(number):\n    return 0"))
    built = graded(cells)
    assert texts(built)["double"] == better
    assert texts(built)["added-1"].endswith("return 0")


def test_the_tests_are_gone_and_an_experiment_stands_far_below():
    cells = [cell for cell in solved() if cell["id"] != "test_double"]
    cells.append(own("def double(number):\n    return 0"))
    assert texts(graded(cells))["double"] == MY_DOUBLE


def test_a_second_training_below_the_tests_is_an_experiment():
    cells = solved()
    again = {**cells[at(cells, "training")], "source": "model = None", "id": "copy"}
    cells.insert(at(cells, "test_training") + 1, again)
    built = graded(cells)
    assert texts(built)["training"] == MY_TRAINING
    assert "model = None" in texts(built)["added-1"]


def test_i_wrote_my_function_below_its_tests_and_nowhere_else():
    cells = solved({"training": MY_TRAINING})
    cells.append(own(MY_DOUBLE))
    assert texts(graded(cells))["double"] == MY_DOUBLE


def test_a_broken_trial_at_the_end_does_not_replace_my_answer():
    built = graded([*solved(), own("def double(number):\n    return (")])
    assert texts(built)["double"] == MY_DOUBLE


def test_the_copy_is_still_the_stub():
    cells = solved()
    stub = assignment()[1].cells[2].source
    cells.insert(at(cells, "test_double"), {**cells[2], "source": stub, "id": "c"})
    built = graded(cells)
    assert texts(built)["double"] == MY_DOUBLE
    assert ids(built) == TEACHERS_IDS


def test_i_split_an_answer_cell_and_both_halves_are_run():
    cells = solved()
    index = at(cells, "double")
    halves = ["import operator as op", "def double(number):\n    return op.mul(2, number)"]
    cells[index : index + 1] = [{**cells[index], "source": half} for half in halves]
    built = graded(cells)
    assert texts(built)["double"] == halves[1]
    assert ids(built).index("added-1") == ids(built).index("double") - 1


def test_an_earlier_version_stays_if_it_defines_what_the_last_one_needs():
    cells = solved()
    cells[at(cells, "double")]["source"] = "factor = 2\ndef double(number):\n    return 0"
    cells.insert(at(cells, "test_double"), own("def double(number):\n    return factor * number"))
    built = graded(cells)
    assert texts(built)["double"] == "def double(number):\n    return factor * number"
    assert "factor = 2" in texts(built)["added-1"]
    assert ids(built).index("added-1") < ids(built).index("double")


def test_i_merged_two_answers():
    cells = solved({"training": MY_TRAINING, "essay": MY_ESSAY, "halve": MY_DOUBLE + "\n\n" + MY_HALVE})
    built = graded([cell for cell in cells if cell["id"] != "double"])
    assert texts(built)["double"] == MY_DOUBLE + "\n\n" + MY_HALVE
    assert texts(built)["halve"] == ""
    assert {"double", "halve"} <= built.answered
    assert any("`halve` stood in one cell with `double`" in repair for repair in built.repairs)


def test_no_stub_comes_after_a_merged_answer():
    cells = solved({"double": MY_DOUBLE + "\n\n" + MY_HALVE})
    built = graded(cells)
    assert texts(built)["halve"] == ""


def test_i_turned_my_code_into_text():
    cells = solved()
    cells[at(cells, "double")]["cell_type"] = "markdown"
    built = graded(cells)
    assert texts(built)["double"] == MY_DOUBLE
    assert built.notebook.cells[2].cell_type == "code"
    assert any("had become a text cell" in repair for repair in built.repairs)


@pytest.mark.parametrize("strip", [list, without_marks])
def test_i_turned_my_essay_into_code(strip):
    cells = solved()
    cells[at(cells, "essay")]["cell_type"] = "code"
    built = graded(strip(cells))
    assert texts(built)["essay"] == MY_ESSAY
    assert built.notebook.cells[9].cell_type == "markdown"


def test_i_used_a_raw_cell():
    cells = solved()
    cells[at(cells, "halve")]["cell_type"] = "raw"
    cells.append(own("raw thoughts", "raw"))
    built = graded(cells)
    assert texts(built)["halve"] == MY_HALVE
    assert built.notebook.cells[-1].cell_type == "markdown"


# --- The teacher's cells ----------------------------------------------------------------------------------------


def test_i_changed_a_test():
    cells = solved()
    cells[at(cells, "test_double")]["source"] = "assert True"
    built = graded(cells)
    assert texts(built)["test_double"] == assignment()[0].cells[3].source
    assert any("The tests `test_double` had been changed" in repair for repair in built.repairs)
    assert ids(built) == TEACHERS_IDS


def test_another_message_in_an_assert_is_no_change():
    cells = solved()
    test = cells[at(cells, "test_double")]
    test["source"] = test["source"].replace("'Write it.'", "'Напиши.'  # по-русски")
    assert graded(cells).repairs == ()


def test_i_deleted_the_tests_and_the_text():
    cells = [cell for cell in solved() if cell["id"] in ANSWERS]
    built = graded(cells)
    assert ids(built) == TEACHERS_IDS
    assert any("Tests were missing" in repair for repair in built.repairs)
    assert built.recovered


@pytest.mark.parametrize("strip", [list, without_marks])
def test_i_played_with_the_given_code(strip):
    cells = solved()
    cells[at(cells, "unit-05")]["source"] = "show_the_data(size, colour='red')\nprint('ready to go')"
    built = graded(strip(cells))
    assert texts(built)["unit-05"] == assignment()[0].cells[5].source
    assert ids(built) == TEACHERS_IDS
    assert any("had been changed" in repair for repair in built.repairs)


KEPT = {
    "an import": ("import math\nimport random\n\nsize, seed, epochs = 3, 42, 10", "import random", "random"),
    "a part of a module": (
        "import math\nfrom os import path as p\nsize, seed, epochs = 3, 42, 10",
        "from os import path as p",
        "p",
    ),
    "a function": (
        "import math\n\nsize, seed, epochs = 3, 42, 10\n\n\ndef help(x):\n    # mine\n    return x",
        "def help(x):\n    # mine\n    return x",
        "help",
    ),
    "a value": ("import math\nsize, seed, epochs = 3, 42, 10\nlimit = 5", "limit = 5", "limit"),
    "a call": ("import math\nsize, seed, epochs = 3, 42, 10\nmath.seed(1)", "math.seed(1)", "code without names"),
    "on one line": ("import math; import random\nsize, seed, epochs = 3, 42, 10", "import random", "random"),
    "more of an import": ("import math, random\n\nsize, seed, epochs = 3, 42, 10", "import math, random", "random"),
    "another size": ("import math\nimport json\nsize, seed, epochs = 9, 42, 10", "import json", "json"),
    "nothing of the teacher's": ("import json\nmine = 1", "import json\nmine = 1", "mine"),
    "a magic": ("import math\n%matplotlib inline\nimport json\nsize, seed, epochs = 3, 42, 10", "import json", "json"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_i_added_to_a_given_cell_is_kept(name):
    source, kept, named = KEPT[name]
    cells = solved()
    cells[at(cells, "unit-01")]["source"] = source
    built = graded(cells)
    assert texts(built)["unit-01"] == assignment()[0].cells[1].source
    assert texts(built)["added-1"] == kept
    assert ids(built).index("added-1") == ids(built).index("unit-01") + 1
    assert built.own == {"added-1"}
    (sentence,) = [repair for repair in built.repairs if "and kept" in repair]
    assert named in sentence
    assert not built.recovered


def test_what_i_changed_in_a_given_cell_is_put_back():
    cells = solved()
    cells[at(cells, "unit-01")]["source"] = "import math\n\nsize, seed, epochs = 3, 42, 1"
    built = graded(cells)
    assert ids(built) == TEACHERS_IDS
    assert "Changed in cells of the teacher's and put back: `epochs`, `seed`, `size`." in built.repairs


def test_what_i_added_to_a_test_is_kept_below_it():
    cells = solved()
    cells[at(cells, "test_double")]["source"] += "\nimport json\nmine = double(3)\nprint(mine)"
    built = graded(cells)
    assert texts(built)["test_double"] == assignment()[0].cells[3].source
    assert texts(built)["added-1"] == "import json\nmine = double(3)"
    assert ids(built).index("added-1") == ids(built).index("test_double") + 1


def test_where_nbgrader_leaves_a_cell_to_me_it_is_mine():
    cells = solved()
    cells[at(cells, "unit-01")]["source"] = "size = 5"
    built = build(*assignment(), read_notebook(handed_in(cells)), unlocked=True)
    assert texts(built)["unit-01"] == "size = 5"
    assert built.repairs == ()


def test_a_copy_of_the_given_code_does_not_run_twice():
    cells = solved()
    cells.append({**cells[at(cells, "unit-05")], "id": "copy"})
    assert ids(graded(cells)) == TEACHERS_IDS


def test_my_submission_is_of_an_older_release():
    """Every running number after a new cell of the teacher's is off by one; texts were revised."""
    cells = solved()
    del cells[at(cells, "unit-01")]
    for cell in cells:
        if match := re.fullmatch(r"unit-(\d+)", cell["id"]):
            cell["id"] = f"unit-{int(match[1]) - (int(match[1]) > 1):02}"
    cells[at(cells, "unit-04")]["source"] = "show_the_data(size, colour='green')\nprint('ready to train')"
    built = graded(cells)
    assert ids(built) == TEACHERS_IDS
    assert {name: texts(built)[name] for name in ANSWERS} == ANSWERS


# --- Tricks -----------------------------------------------------------------------------------------------------

TRICKS = {
    "tags": ["skip-execution"],
    "grade": False,
    "solution": True,
    "points": 1000,
    "locked": False,
    "task": True,
    "cell_type": "raw",
}


def test_metadata_of_mine_have_no_effect():
    cells = solved()
    for cell in cells:
        cell["metadata"]["tags"] = TRICKS["tags"]
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {key: value for key, value in TRICKS.items() if key != "tags"}
    kernel = {"kernelspec": {"name": "bash", "language": "bash"}, "widgets": {}, "signature": "x"}
    submitted = read_notebook(handed_in(cells, metadata=kernel, nbformat_minor=99, extra=1))
    assert build(*assignment(), submitted) == graded(solved())


def test_my_cell_that_claims_to_be_the_test_is_dropped():
    cells = solved()
    claim = {"nbgrader": {"grade_id": "test_double", "grade": True, "solution": False}}
    cells.append(own("print('all tests passed')", metadata=claim))
    built = graded(cells)
    assert ids(built) == TEACHERS_IDS
    assert not any("all tests passed" in text for text in texts(built).values())
    assert any("`test_double` had been changed" in repair for repair in built.repairs)


def test_my_cell_that_claims_to_be_the_essay_does_not_push_it_out():
    claim = {"nbgrader": {"grade_id": "essay", "solution": True}}
    built = graded([*solved(), own("import os", metadata=claim)])
    assert texts(built)["essay"] == MY_ESSAY
    assert texts(built)["added-1"] == "import os"


def test_ids_of_mine_do_not_collide():
    cells = [*solved(), own("first = 1", id="added-1"), own("second = 2", id="double")]
    built = graded(cells)
    assert len(set(ids(built))) == len(ids(built))


def test_repairs_are_bounded():
    claims = [{"nbgrader": {"grade_id": f"{'x' * 150}{number}"}} for number in range(500)]
    built = graded([*solved()[::-1], *(own("a" * 10_000, metadata=claim) for claim in claims)])
    assert len(built.repairs) <= saying.MAX_REPAIRS
    assert max(map(len, built.repairs)) <= 300


# --- Another notebook -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        [own("print('hello')")],
        [own("# My shopping list", "markdown"), own("")],
        [own(f"x = {number}", id=f"unit-{number:02}") for number in range(13)],
    ],
)
def test_it_is_another_notebook(cells):
    with pytest.raises(WrongNotebook, match="another notebook"):
        graded(cells)


def test_it_is_the_notebook_of_another_unit_with_a_few_grade_ids_in_common():
    cells = [
        own(f"value_{name} = '{name}'", metadata={"nbgrader": {"grade_id": name}})
        for name in ("training", "test_training", "encode", "test_encode", "rate", "test_rate", "essay_service")
    ]
    with pytest.raises(WrongNotebook, match="another assignment"):
        graded(cells)


def test_a_new_notebook_with_my_functions_in_it_counts():
    built = graded([own(MY_HALVE), own(MY_DOUBLE)])
    assert built.answered == {"double", "halve"}
    assert ids(built) == TEACHERS_IDS


# --- Courses of others ------------------------------------------------------------------------------------------


def foreign_assignment():
    """nbgrader's usual form: random ids or none, answers without a function, a task, code that is graded by hand."""
    cells = [
        teachers("# Homework", "f00d", "markdown"),
        teachers("### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION", "cell-a1", solution=True),
        teachers("assert answer == 42", "cell-b2", grade=True, points=1),
        teachers("### BEGIN SOLUTION\nplot(answer)\n### END SOLUTION", "cell-c3", grade=True, solution=True, points=2),
        teachers("Explore on your own.\n### BEGIN MARK SCHEME\nNice\n### END MARK SCHEME", "t4", "markdown", task=True),
        teachers("### BEGIN SOLUTION\nother = 43\n### END SOLUTION", "cell-d5", solution=True),
        teachers("assert other == 43", "cell-e6", grade=True, points=1),
    ]
    for cell in cells:
        del cell["id"]
    source = nbformat.v4.new_notebook(cells=cells)
    source.nbformat_minor = 4
    return source, release_of(source)


@pytest.mark.parametrize("strip", [list, without_marks])
def test_a_course_without_cell_ids_is_graded_too(strip):
    source, release = foreign_assignment()
    cells = json.loads(json.dumps(release.cells))
    cells[1]["source"], cells[3]["source"] = "answer = 6 * 7", "plot([answer])"
    cells.insert(5, own("explored = True"))
    built = build(source, release, read_notebook(handed_in(strip(cells))))
    assert [cell.source for cell in built.notebook.cells] == [
        "# Homework",
        "answer = 6 * 7",
        "assert answer == 42",
        "plot([answer])",
        source.cells[4].source,
        "explored = True",
        STUB,
        "assert other == 43",
    ]
    assert built.answered == {"cell-a1", "cell-c3"}
    nbformat.validate(built.notebook)


def test_solutions_stay_secret_if_the_release_has_other_ids():
    source, release = foreign_assignment()
    for cell in release.cells:
        cell.metadata.pop("nbgrader", None)
    built = build(
        source, release, read_notebook(handed_in([own("# Homework", "markdown"), own("assert answer == 42")]))
    )
    assert "42\n" not in "\n".join(cell.source for cell in built.notebook.cells if "assert" not in cell.source)


# --- The real notebooks -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["en", "ru", "es"])
def ner(request):
    return tuple(
        nbformat.read(ROOT / folder / f"ner-{request.param}" / "ner.ipynb", as_version=4)
        for folder in ("source", "release")
    )


def ner_answers(source):
    return {cell.id: cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("solution")}


def ner_submission(release, answers):
    cells = json.loads(json.dumps(release.cells))
    for cell in cells:
        cell["source"] = answers.get(cell["id"], cell["source"])
    return cells


def test_ner_untouched_has_no_answers(ner):
    source, release = ner
    built = build(source, release, read_notebook(nbformat.writes(release).encode()))
    assert (built.answered, built.repairs) == (frozenset(), ())


@pytest.mark.parametrize("left_out", [(), ("training",), ("do_ner", "essay_token_to_tag"), ("build_model",)])
def test_ner_comes_back_from_colab(ner, left_out):
    source, release = ner
    answers = {name: text for name, text in ner_answers(source).items() if name not in left_out}
    stripped = without_marks(ner_submission(release, answers))
    built = build(source, release, read_notebook(handed_in(stripped, nbformat_minor=0)))
    stubs = {cell.id: cell.source for cell in release.cells if cell.id in left_out}
    for cell, theirs in zip(built.notebook.cells, source.cells):
        assert cell.id == theirs.id
        assert cell.source == ({**answers, **stubs}).get(theirs.id, theirs.source)
    assert built.answered == set(answers)


def test_ner_in_the_wrong_language_is_graded(ner):
    source, _ = ner
    _, english = (
        nbformat.read(ROOT / folder / "ner-en" / "ner.ipynb", as_version=4) for folder in ("source", "release")
    )
    built = build(source, english, read_notebook(handed_in(ner_submission(english, ner_answers(source)))))
    assert built.answered == set(ner_answers(source))
    assert not any("tests" in repair.lower() for repair in built.repairs)
    assert [cell.id for cell in built.notebook.cells] == [cell.id for cell in source.cells]


# --- Whatever is done to the cells ------------------------------------------------------------------------------


@functools.cache
def teachers_secrets():
    """Lines of the solutions that no student has seen."""
    source, release = assignment()
    seen = {line.strip() for cell in release.cells for line in cell.source.splitlines()}
    lines = {line.strip() for cell in source.cells if cell.id in ANSWERS for line in cell.source.splitlines()}
    return lines - seen


@st.composite
def mangled(draw):
    """The cells of a submission in any order, doubled, deleted, stripped, retagged, retyped, edited."""
    rng = draw(st.randoms(use_true_random=False))
    cells = solved({name: text for name, text in ANSWERS.items() if rng.random() < 0.8})
    cells += [
        own(text, kind) for text, kind in [("a = 1", "code"), (MY_HALVE + "\n" + MY_DOUBLE, "code"), ("b", "raw")]
    ]
    cells = [json.loads(json.dumps(cell)) for cell in rng.choices(cells, k=rng.randrange(30))] + cells
    for cell in cells:
        other = rng.choice(cells)
        if rng.random() < 0.1:
            cell["metadata"] = other["metadata"]
        if rng.random() < 0.1:
            cell["id"] = other["id"]
        if rng.random() < 0.1:
            cell["cell_type"] = rng.choice(["code", "markdown", "raw"])
        if rng.random() < 0.1:
            cell["source"] = rng.choice([other["source"], "", cell["source"] + "\nedited()", cell["source"][:-9]])
    rng.shuffle(cells)
    return cells[rng.randrange(5) : rng.randrange(1, len(cells) + 1)] or cells[:1]


@given(mangled())
@settings(max_examples=150, deadline=None)
def test_whatever_i_do_the_tests_are_whole_and_the_solutions_secret(cells):
    source, _ = assignment()
    try:
        built = graded(cells)
    except (Unreadable, WrongNotebook):
        return
    assert [cell.id for cell in built.notebook.cells if not cell.id.startswith("added-")] == TEACHERS_IDS
    assert len(set(ids(built))) == len(ids(built))
    for theirs in source.cells:
        cell = built.notebook.cells[ids(built).index(theirs.id)]
        assert (cell.cell_type, cell.metadata) == (theirs.cell_type, theirs.metadata)
        assert cell.id in ANSWERS or cell.source == theirs.source
    for cell in built.notebook.cells:
        assert cell.metadata == {} or not cell.id.startswith("added-")
        assert cell.get("outputs", []) == []
    lines = {line.strip() for cell in built.notebook.cells for line in cell.source.splitlines()}
    assert not lines & teachers_secrets()
    assert built == graded(cells)
    nbformat.validate(built.notebook)


@given(mangled())
@settings(max_examples=100, deadline=None)
def test_whatever_i_do_a_function_that_i_wrote_is_run(cells):
    """Where `double` is written and can be read, its slot or the one that it was merged into defines it."""
    try:
        built = graded(cells)
    except (Unreadable, WrongNotebook):
        return
    written = [cell for cell in cells if cell["cell_type"] == "code" and MY_DOUBLE in cell["source"]]
    if written:
        before = [cell.source for cell in built.notebook.cells[: ids(built).index("test_double")]]
        assert any("def double" in source for source in before)
        assert "double" in built.answered


def junk(kind):
    texts = (f"word{i} " * 20 + str(i * i) for i in range(19_000))
    return [own(text if kind == "markdown" else f"x = '''{text}'''", kind) for text in texts]


@pytest.mark.parametrize("kind", ["markdown", "code"])
def test_twenty_thousand_cells_of_junk_take_seconds(kind):
    started = time.process_time()
    built = graded([*solved(), *junk(kind)])
    assert built.answered == frozenset(ANSWERS)
    assert time.process_time() - started < 15


@pytest.mark.parametrize(
    "code",
    [
        "a" + ".b" * 100_000,
        "(" * 100_000,
        "-" * 100_000 + "1",
        "f'" + "{a}" * 90_000 + "'",
        " " * 900_000,
        "9" * 99_999,
    ],
    ids=["attributes", "brackets", "signs", "f-string", "blanks", "digits"],
)
def test_code_that_is_hard_to_parse_takes_no_time(code):
    started = time.process_time()
    built = graded([*solved(), own(code), own("def double(number):\n    return " + code)])
    assert "training" in built.answered
    assert time.process_time() - started < 5


# --- Reading a file ---------------------------------------------------------------------------------------------


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_an_editor_has_saved_my_notebook_in_another_encoding(encoding):
    cells = [own("# Привет, ¿qué tal? 😀", "markdown")]
    data = json.dumps({"nbformat": 4, "cells": cells}, ensure_ascii=False, indent=1).replace("\n", "\r\n")
    assert read_notebook(data.encode(encoding)).cells[0].source == "# Привет, ¿qué tal? 😀"


def test_an_old_code_page_costs_letters_not_the_notebook():
    data = json.dumps({"cells": [own("привет = 1"), own("x = 1")]}, ensure_ascii=False).encode("cp1251")
    notebook = read_notebook(data)
    assert notebook.cells[1].source == "x = 1"
    assert notebook.metadata.repairs.encoding


def test_a_notebook_of_the_old_format_is_read():
    sheet = {
        "cells": [
            {"cell_type": "heading", "level": 2, "source": ["Title"], "metadata": {}},
            {
                "cell_type": "code",
                "input": ["a = 1\n", "b = 2"],
                "language": "python",
                "outputs": [],
                "prompt_number": 1,
            },
            {"cell_type": "markdown", "source": "text"},
        ]
    }
    notebook = read_notebook(json.dumps({"nbformat": 3, "worksheets": [sheet], "metadata": {"name": ""}}).encode())
    assert [cell.source for cell in notebook.cells] == ["## Title", "a = 1\nb = 2", "text"]


def read_file(data, name="ner.ipynb"):
    """Read a file that may be an archive, as the grader does."""
    made = files.choose((Handed(name, 0.0, data),), "ner", lambda read: SimpleNamespace(read=read, answered=()))
    return made.submission.read


def test_a_notebook_in_an_archive_is_read():
    content = handed_in(solved())
    members = {"__MACOSX/._ner.ipynb": b"x" * 99_999, "a/.ipynb_checkpoints/ner.ipynb": b"y" * 99_999}
    archive = zipped(**members, **{"a/ner.ipynb": content, "b/empty.ipynb": b"{}"})
    assert read_file(archive) == read_file(archive, "Homework.ZIP") == read_notebook(content)


def test_source_as_lines_is_joined_and_line_ends_are_plain():
    cells = [{"cell_type": "code", "source": ["a = 1\r\n", "b = 2\r\n"]}]
    assert read_notebook(handed_in(cells)).cells[0].source == "a = 1\nb = 2\n"


def test_characters_that_no_notebook_may_hold_are_taken_out():
    notebook = read_notebook(b'{"cells": [{"cell_type": "code", "source": "a\\u0000b\\ud83d"}]}')
    assert notebook.cells[0].source == "ab\ufffd"
    assert json.dumps(notebook, ensure_ascii=False).encode()


def test_a_cell_without_a_text_is_left_out_and_reported():
    broken = [{"cell_type": "code", "source": 5}, "no cell", {"cell_type": ["code"], "source": ""}, {"source": "x"}]
    built = graded([*solved(), *broken])
    assert any("held no text" in repair for repair in built.repairs)


def test_large_outputs_are_no_problem():
    cells = solved()
    cells[1]["outputs"] = [{"data": {"image/png": "A" * 20_000_000}, "output_type": "display_data"}]
    notebook = read_notebook(handed_in(cells))
    assert "outputs" not in notebook.cells[1]


def test_strange_numbers_are_no_problem():
    assert read_notebook(b'{"nbformat": NaN, "cells": [{"cell_type": "code", "source": "a", "x": [Infinity, 1e999]}]}')


def encrypted():
    data = bytearray(zipped(**{"a.ipynb": b"{}"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def damaged():
    data = bytearray(zipped(**{"a.ipynb": b"{}" * 1000}))
    data[45:50] = b"\xff" * 5
    return bytes(data)


REFUSED = {
    "empty": (b"", "empty"),
    "blank": (b" \n\0\0", "empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not a notebook"),
    "a program": (b"print('hello')", "not JSON"),
    "cut off": (handed_in(solved())[:-100], "cut off"),
    "a web page": (b"\n<!DOCTYPE html><html></html>", "web page"),
    "a list": (b"[1, 2]", "not a notebook"),
    "a number": (b"7", "not a notebook"),
    "no cells": (b'{"nbformat": 4, "cells": []}', "no cells"),
    "no cells at all": (b'{"nbformat": 4}', "no cells"),
    "cells of another kind": (b'{"cells": {"a": 1}, "worksheets": [3]}', "no cells"),
    "no readable cell": (b'{"cells": [1, null]}', "no cell that can be read"),
    "nested": (b'{"cells": ' + b"[" * 100_000, "nested too deep"),
    "nested objects": (b'{"a":' * 100_000, "nested too deep"),
    "too many cells": (handed_in([{"cell_type": "code", "source": ""}] * 20_001), "more than 20000 cells"),
    "too many values": (b'{"cells": [' + b"{}," * 5_000_000 + b"{}]}", "too many values"),
    "too large": (b" " * (64 * 2**20 + 1), "larger than 64 MiB"),
    "too large a number": (b'{"cells": [' + b"9" * 100_000 + b"]}", "not a notebook"),
    "an archive without notebook": (zipped(**{"a.txt": b"x"}), "holds no notebook"),
    "an archive with a password": (encrypted(), "password"),
    "a broken archive": (zipped(**{"a.ipynb": b"{}"})[:-30], "damaged"),
    "a damaged archive": (damaged(), "damaged"),
    "a bomb": (zipped(**{"a.ipynb": b" " * (64 * 2**20 + 1)}), "larger than 64 MiB"),
    "a full archive": (zipped(**{f"{number}": b"" for number in range(10_001)}), "more than 10000 files"),
}


@pytest.mark.parametrize("data, message", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_a_sentence(data, message):
    with pytest.raises(Unreadable, match=message) as refusal:
        read_file(data)
    assert len(str(refusal.value)) < 120


def test_a_bomb_that_lies_about_its_size_is_refused():
    data = bytearray(zipped(**{"a.ipynb": b" " * (64 * 2**20 + 1)}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(signature) + offset
        data[start : start + 4] = (100).to_bytes(4, "little")
    with pytest.raises(Unreadable):
        read_file(bytes(data))


def read_or_refuse(data):
    try:
        notebook = read_file(data)
        build(*assignment(), notebook)
    except (Unreadable, WrongNotebook) as error:
        assert 10 < len(str(error)) < 150


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"PK\x03\x04" + data))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_read_or_refused(data):
    read_or_refuse(data)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_file_is_read_or_refused(data):
    content = bytearray(data.draw(st.sampled_from([handed_in(solved()), zipped(**{"a.ipynb": handed_in(solved())})])))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=5))
    read_or_refuse(bytes(content))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_wrong_types_in_a_notebook_are_read_or_refused(data):
    cells = solved()
    for _ in range(data.draw(st.integers(1, 8))):
        cell = data.draw(st.sampled_from(cells))
        if not isinstance(cell, dict):
            continue
        key = data.draw(st.sampled_from(["cell_type", "source", "metadata", "id", "nbgrader", "level", "input"]))
        target = cell["metadata"] if key == "nbgrader" and isinstance(cell.get("metadata"), dict) else cell
        target[key] = data.draw(ANYTHING)
        if data.draw(st.booleans()):
            cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(ANYTHING)
    read_or_refuse(handed_in(cells))


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "heading", "source": "x", "level": 2.0},
        {"cell_type": "heading", "source": "x", "level": True},
        {"cell_type": "heading", "source": "x", "level": [10**9]},
        {"cell_type": "code", "source": "x", "metadata": [], "id": {}},
        {"cell_type": "code", "source": "x", "metadata": {"nbgrader": "no", "id": 5}},
        {"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": ["double"]}}},
    ],
)
def test_nonsense_in_a_cell_is_ignored(cell):
    assert read_notebook(handed_in([cell])).cells[0].source.endswith("x")
