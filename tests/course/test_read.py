"""unit.py → Unit: what the author is told about a mistake, and what a reference looks like in the notebook."""

import ast
import dataclasses
from functools import cache

import pytest

from course.build.read import Unit, UnitError, function_source, parse_unit, read_unit, unit_names

FIELDS = [field.name for field in dataclasses.fields(Unit) if field.name not in ("name", "cells", "languages")]


def sentence(caught) -> str:
    """The message of an error, which must be one line that ends as a sentence does."""
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


class TestFrontMatter:
    def test_its_fields_are_those_of_the_unit(self, small_unit):
        unit = small_unit()
        assert (unit.title, unit.goals, unit.minutes) == ("Small things", ["see a unit", "build it"], 5)

    @pytest.mark.parametrize("field", FIELDS)
    def test_a_missing_field_is_named(self, unit_text, field):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", unit_text(**{field: None}))
        assert f"look at {field}." in sentence(caught)

    def test_a_field_that_nobody_knows_is_named(self, unit_text):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", unit_text(titel="Small things"))
        assert "look at titel." in sentence(caught)

    @pytest.mark.parametrize("text", ["", "x = 1\n", "# %% [markdown]\n# # Title\n"])
    def test_a_text_without_it_is_refused(self, text):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", text)
        assert "must begin with front matter" in sentence(caught)

    def test_an_empty_one_lacks_every_field(self):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", "# ---\n# ---\n\nx = 1\n")
        assert "front matter" in sentence(caught)

    def test_a_colon_in_the_title_is_explained(self, unit_text):
        """YAML reads `title: Names: who is who` as an error."""
        text = unit_text().replace("title: Small things", "title: Small: things")
        with pytest.raises(UnitError) as caught:
            parse_unit("small", text)
        assert "is not YAML" in sentence(caught)


class TestCells:
    def test_markdown_and_code_come_in_the_order_of_the_text(self, small_unit):
        unit = small_unit("# %% [markdown]\n# Some *words*.", "# %%\nx = 1")
        assert [(cell.cell_type, cell.source) for cell in unit.cells] == [
            ("markdown", "Some *words*."),
            ("code", "x = 1"),
        ]

    def test_the_shorthand_stays_in_the_metadata(self, small_unit):
        (cell,) = small_unit('# %% test="add" points=3\nassert True').cells
        assert (cell.metadata["test"], cell.metadata["points"]) == ("add", 3)

    def test_an_answer_becomes_the_source_of_the_function(self, small_unit):
        (cell,) = small_unit('# %% answer="build_model"\nfrom helpers.ner import build_model').cells
        assert cell.source.startswith("def build_model(checkpoint, label_names):\n    ### BEGIN SOLUTION\n")

    def test_a_reference_is_shown_without_marks(self, small_unit):
        (cell,) = small_unit('# %% reference="build_model"\nfrom helpers.ner import build_model').cells
        assert cell.source.startswith("def build_model(")
        assert "###" not in cell.source

    def test_an_answer_that_imports_nothing_stays_as_it_is(self, small_unit):
        source = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
        (cell,) = small_unit(f'# %% answer="training"\n{source}').cells
        assert cell.source == source

    @pytest.mark.parametrize(
        "line",
        [
            "from helpers.ner import no_such_function",
            "from helpers.no_such_module import build_model",
            "from helpers.ner import build_model, do_ner",
            "from helpers.ner import Counter",
        ],
        ids=["unknown function", "unknown module", "two functions", "a class"],
    )
    def test_an_answer_that_cannot_be_found_is_named(self, unit_text, line):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", unit_text(f'# %% answer="build_model"\n{line}'))
        assert line.split(" import ")[1] in sentence(caught)

    @pytest.mark.parametrize("source", ["x = (", "# !pip install torch", "def f():\nreturn 1"])
    def test_code_that_is_not_python_is_refused(self, unit_text, source):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", unit_text(f"# %%\n{source}"))
        assert "is not Python" in sentence(caught)

    @pytest.mark.parametrize(
        "source",
        [
            "### BEGIN HIDDEN TESTS\nx = 1",
            "### BEGIN HIDDEN TEST\nx = 1\n### END HIDDEN TEST",
            "### BEGIN SOLUTION\nx = 1\n### END HIDDEN TESTS",
            "x = 1\n### END SOLUTION",
            "### Begin solution\nx = 1\n### End solution",
        ],
    )
    def test_marks_with_a_typing_mistake_would_hide_nothing(self, unit_text, source):
        with pytest.raises(UnitError) as caught:
            parse_unit("small", unit_text(f"# %%\n{source}"))
        assert "wrong marks" in sentence(caught)


class TestReadUnit:
    def test_an_unknown_unit_gets_the_list_of_units(self):
        with pytest.raises(UnitError) as caught:
            read_unit("nre")
        assert "'nre'" in sentence(caught)
        assert "ner" in sentence(caught)

    def test_the_units_are_in_alphabetical_order(self):
        assert unit_names() == sorted(unit_names())
        assert "ner" in unit_names()

    @pytest.mark.parametrize("name", unit_names())
    def test_no_import_is_left_in_the_place_of_a_function(self, name):
        for cell in read_unit(name).cells:
            if "reference" in cell.metadata or "answer" in cell.metadata:
                assert not cell.source.startswith("from helpers")

    @pytest.mark.parametrize("name", unit_names())
    def test_no_copied_function_has_a_docstring(self, name):
        copied = [cell for cell in read_unit(name).cells if {"reference", "answer"} & cell.metadata.keys()]
        assert copied
        for cell in copied:
            for node in ast.walk(ast.parse(cell.source)):
                assert not (isinstance(node, ast.FunctionDef) and ast.get_docstring(node))

    @pytest.mark.parametrize("name", unit_names())
    def test_the_front_matter_says_something(self, name):
        unit = read_unit(name)
        assert all([unit.title, unit.summary, unit.training, unit.prerequisites, unit.data])
        assert len(unit.goals) > 1
        assert 0 < unit.minutes < 240


# Functions to be copied, as an author may write them.


def plain(x):
    """Doubles."""
    return 2 * x


def bare(x):
    return 2 * x


def commented(x):
    # The trick is to double.
    return 2 * x


def documented_and_commented(x):
    """Doubles.

    In several lines.
    """

    # The trick is to double.
    return 2 * x


@cache
@cache
def decorated(x):
    """Doubles."""
    return 2 * x


def long_signature(
    x,
    *,
    default=(1, 2),  # a pair
    text="):",
) -> dict[str, int]:
    """Doubles."""
    return 2 * x


def nested(x):
    @cache
    def double(y):
        """Doubles."""
        return 2 * y

    return double(x)


FUNCTIONS = [plain, bare, commented, documented_and_commented, decorated, long_signature, nested]


class TestFunctionSource:
    def test_the_docstring_is_gone_and_the_body_between_the_marks(self):
        assert function_source(plain, is_answer=True) == (
            "def plain(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
        )

    def test_a_reference_has_no_marks(self):
        assert function_source(plain, is_answer=False) == "def plain(x):\n    return 2 * x"

    def test_a_signature_of_several_lines_stays_whole(self):
        source = function_source(long_signature, is_answer=True)
        signature = source.split("    ### BEGIN SOLUTION\n")[0]
        assert signature.endswith('    text="):",\n) -> dict[str, int]:\n')

    def test_decorators_stay(self):
        assert function_source(decorated, is_answer=True).startswith("@cache\n@cache\ndef decorated(x):\n    ###")

    def test_a_comment_at_the_top_of_the_body_belongs_to_the_solution(self):
        """It would tell students how to begin."""
        visible = function_source(commented, is_answer=True).split("### BEGIN SOLUTION")[0]
        assert "trick" not in visible

    def test_a_comment_below_the_docstring_is_kept_in_the_solution(self):
        assert function_source(documented_and_commented, is_answer=True) == (
            "def documented_and_commented(x):\n    ### BEGIN SOLUTION\n"
            "    # The trick is to double.\n    return 2 * x\n    ### END SOLUTION"
        )

    def test_a_decorator_in_the_body_belongs_to_the_solution(self):
        lines = function_source(nested, is_answer=True).split("\n")
        assert lines[:3] == ["def nested(x):", "    ### BEGIN SOLUTION", "    @cache"]

    @pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
    def test_the_copy_does_what_the_function_does(self, function):
        names = {"cache": cache}
        exec(function_source(function, is_answer=True), names)
        assert names[function.__name__](21) == function(21) == 42
