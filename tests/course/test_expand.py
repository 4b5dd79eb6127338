"""A unit → a notebook for nbgrader and Colab: metadata, ids, header, and the check that code is the same."""

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

from course.build import header
from course.build.expand import TEXTS, builder_cells, expand, same_code
from course.build.read import UnitError, read_unit, unit_names

CELLS = [
    "# %% [markdown]\n# ## A step",
    '# %% tags=["parameters"]\nx = 1',
    '# %% answer="add"\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION',
    '# %% test="add" points=3\nassert x == 2, "Two."',
    '# %% [markdown] essay="why" points=2\n# Because.',
]

WORDS = {text: text for text in TEXTS}


@pytest.fixture
def build(small_unit):
    """A function: cells in percent format → the English notebook."""

    def made(*cells: str, language: str = "en"):
        unit = small_unit(*cells)
        cells = [*header.parts(unit), *unit.cells]
        return expand(unit, cells, language, repository="", words=WORDS)

    return made


def expanded(name: str):
    unit = read_unit(name)
    cells = [*header.parts(unit), *unit.cells]
    return expand(unit, cells, "en", repository="", words=WORDS)


def parameters(source: str):
    return new_code_cell(source, metadata={"tags": ["parameters"]})


class TestGradedCells:
    def test_an_answer_is_a_solution_that_is_not_graded_itself(self, build):
        cell = build(*CELLS).cells[4]
        assert cell.metadata.nbgrader == {
            "cell_type": "code",
            "grade": False,
            "grade_id": "add",
            "locked": False,
            "schema_version": 3,
            "solution": True,
            "task": False,
        }

    def test_a_test_is_locked_and_has_points(self, build):
        graded = build(*CELLS).cells[5].metadata.nbgrader
        assert (graded.grade_id, graded.points) == ("test_add", 3.0)
        assert (graded.grade, graded.locked, graded.solution) == (True, True, False)

    def test_an_essay_is_graded_by_hand(self, build):
        graded = build(*CELLS).cells[6].metadata.nbgrader
        assert (graded.grade_id, graded.points, graded.cell_type) == ("essay_why", 2.0, "markdown")
        assert (graded.grade, graded.locked, graded.solution) == (True, False, True)

    def test_the_courses_own_keys_are_gone(self, build):
        for cell in build(*CELLS).cells:
            assert cell.metadata.keys() <= {"nbgrader", "tags"}

    def test_papermill_finds_the_parameters(self, build):
        assert build(*CELLS).cells[3].metadata == {"tags": ["parameters"]}

    @pytest.mark.parametrize("cell", ['# %% test="add"\nassert True', '# %% [markdown] essay="why"\n# Because.'])
    def test_a_graded_cell_without_points_is_refused(self, build, cell):
        with pytest.raises(UnitError, match=r"^small: the graded cell (test_add|essay_why) has no points\.$"):
            build(cell)

    @pytest.mark.parametrize("name", unit_names())
    def test_nbgrader_accepts_every_cell(self, name):
        notebook = expanded(name)
        MetadataValidatorV3().validate_nb(notebook)
        for cell in notebook.cells:
            MetadataValidatorV3().validate_cell(cell)

    @pytest.mark.parametrize("name", unit_names())
    def test_nbgrader_would_drop_no_key(self, name):
        before = expanded(name)
        after = MetadataValidatorV3().upgrade_notebook_metadata(copy.deepcopy(before))
        assert after == before


class TestIds:
    def test_an_id_is_the_grade_id_or_the_place(self, build):
        assert [cell.id for cell in build(*CELLS).cells] == [
            "small-00",
            "small-01",
            "small-02",
            "small-03",
            "add",
            "test_add",
            "essay_why",
            "small-07",
            "small-08",
        ]

    def test_two_cells_with_one_grade_id_are_refused(self, build):
        with pytest.raises(UnitError, match=r"^small: two cells have the id add\.$"):
            build(CELLS[2], CELLS[2])

    @pytest.mark.parametrize("grade_id", ["add two", "añadir", "a" * 65, "add/two"])
    def test_what_is_no_id_in_a_notebook_is_refused(self, build, grade_id):
        with pytest.raises(UnitError, match="is no grade id: use letters, digits, - and _, 64 at most") as caught:
            build(CELLS[2].replace('"add"', f'"{grade_id}"'))
        assert grade_id in str(caught.value)

    @pytest.mark.parametrize("name", unit_names())
    def test_the_ids_of_a_unit_follow_the_rule(self, name):
        for number, cell in enumerate(expanded(name).cells):
            graded = cell.metadata.get("nbgrader")
            assert cell.id == (graded.grade_id if graded else f"{name}-{number:02d}")
            assert len(cell.id) <= 64

    @pytest.mark.parametrize("name", unit_names())
    def test_no_id_comes_twice(self, name):
        ids = [cell.id for cell in expanded(name).cells]
        assert len(ids) == len(set(ids))


class TestNotebook:
    def test_the_notebook_is_valid(self, build):
        nbformat.validate(build(*CELLS))

    def test_colab_gets_its_metadata(self, build):
        metadata = build(*CELLS).metadata
        assert metadata.accelerator == "GPU"
        assert metadata.colab == {"gpuType": "T4", "name": "small.ipynb", "provenance": [], "toc_visible": True}
        assert metadata.kernelspec == {"display_name": "Python 3", "language": "python", "name": "python3"}

    def test_the_header_promises_what_the_front_matter_says(self, build):
        header = build(*CELLS).cells[0].source
        assert header.startswith("# Small things\n")
        for promised in (
            "- see a unit\n- build it\n",
            "| 5 minutes | no time at all | none |",
            "What a small unit is.",
        ):
            assert promised in header

    def test_a_unit_may_be_built_twice(self, small_unit):
        """Building must not change the unit."""
        unit = small_unit("# %% [markdown]\n# ## A step")
        cells = [*header.parts(unit), *unit.cells]
        before = copy.deepcopy(unit.cells)
        expand(unit, copy.deepcopy(cells), "en", repository="", words=WORDS)
        assert unit.cells == before

    def test_the_builders_own_words_are_cells_to_be_translated(self):
        texts = [cell.source for cell in builder_cells()]
        assert {"Open in Colab", "YOUR CODE HERE", "YOUR ANSWER HERE"} <= set(texts)
        assert set(texts) == WORDS.keys()


class TestLanguage:
    """The notebooks of a unit have the same code, but for the parameter that says in which language they are."""

    PARAMETERS = '# %% tags=["parameters"]\nlanguage = "en"\nepochs = 0'

    @pytest.mark.parametrize("language", ["en", "ru", "es"])
    def test_the_parameter_is_the_notebooks_language(self, build, language):
        cell = build(self.PARAMETERS, language=language).cells[2]
        assert cell.source == f'language = "{language}"\nepochs = 0'
        assert cell.metadata.tags == ["parameters"]

    @pytest.mark.parametrize(
        "cell",
        [
            '# %%\nlanguage = "en"',
            '# %% tags=["lesson"]\nlanguage = "en"',
            '# %% tags=["parameters"]\nlanguage = "de"',
            '# %% tags=["parameters"]\nlanguage = ""\nother_language = "en"',
            '# %% tags=["parameters"]\nif True:\n    language = "en"',
            '# %% tags=["parameters"]\nlanguages = ["en"]  # language = "en"',
            '# %% [markdown] tags=["parameters"]\n# language = "en"',
        ],
    )
    def test_nothing_else_is_set(self, build, cell):
        assert build(cell, language="ru").cells[2].source == build(cell).cells[2].source

    def test_a_unit_that_does_not_ask_is_not_told(self, build):
        assert "language" not in "".join(cell.source for cell in build(*CELLS, language="ru").cells[1:])


class TestSameCode:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("x = 1  # one", "x = 1  # раз"),
            ('assert x, "One."', 'assert x, "Раз."'),
            ("# One.\nx = 1", "# Раз.\nx = 1"),
            ('if x:\n    %pip install -q "a"', 'if x:\n    %pip install -q "a"'),
        ],
    )
    def test_other_words_are_the_same_code(self, one, other):
        assert same_code(new_code_cell(one), new_code_cell(other))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("x = 1", "x = 2"),
            ('x = "one"', 'x = "раз"'),
            ("# One.\nx = 1", "# Раз.\ny = 2\nx = 1"),
            ("assert x == 1", "assert x == 2"),
            ('assert x, "One."', 'assert y, "One."'),
            ("print(x)", ""),
        ],
    )
    def test_other_code_is_not(self, one, other):
        assert not same_code(new_code_cell(one), new_code_cell(other))

    def test_parameters_in_two_languages_are_the_same_code(self):
        one, other = (parameters(f'language = "{language}"\nx = 1') for language in ("en", "ru"))
        assert same_code(one, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('language = "en"\nx = 1', 'language = "ru"\nx = 2'),
            ('language = "en"', 'language = "fr"'),
            ('language = "en"', "language = 'ru' or None"),
            ('language = "en"', ""),
            ('locale = "en"', 'locale = "ru"'),
            ('if x:\n    language = "en"', 'if x:\n    language = "ru"'),
        ],
    )
    def test_parameters_may_differ_in_nothing_else(self, one, other):
        assert not same_code(parameters(one), parameters(other))

    def test_in_other_cells_a_language_is_a_difference(self):
        assert not same_code(new_code_cell('language = "en"'), new_code_cell('language = "ru"'))
