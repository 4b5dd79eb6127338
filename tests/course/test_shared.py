"""The text that stands in every unit: counted and filled in by the builder, and refused where it says nothing."""

import pytest

from course.build import cells, header, shared
from course.build.expand import TEXTS, builder_words, expand
from course.build.read import UnitError, read_unit, unit_names
from course.build.write import build_language
from helpers import profiles

WORDS = {text: text for text in TEXTS}
ANSWER = '# %% answer="add"\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION'
TEST = '# %% test="add" points=2\nassert x == 2, "Two."'
ESSAY = '# %% [markdown] essay="why" points=2\n# Because.'
PARAMETERS = '# %% tags=["parameters"]\nlanguage = "en"\nprofile = "auto"'
LOADS = '# %%\nprofile = profiles.load("ner", profile)'


def cell(name: str) -> str:
    return f'# %% [markdown] shared="{name}"'


class TestWork:
    @pytest.mark.parametrize(
        ("text", "said", "unsaid"),
        [
            ([ANSWER, TEST, ESSAY, ESSAY], ["**Exercises: 1.**", "**Written questions: 2.**", "two hints"], []),
            ([ESSAY], ["**Written questions: 1.**"], ["**Exercises", "two hints"]),
            ([ANSWER, TEST], ["**Exercises: 1.**"], ["**Written questions"]),
        ],
    )
    def test_it_speaks_of_what_the_unit_has(self, small_unit, text, said, unsaid):
        found = shared.text("work", small_unit(*text), WORDS)
        assert all(words in found for words in said)
        assert not any(words in found for words in unsaid)

    def test_every_published_unit_says_how_many_exercises_it_has(self):
        for name in unit_names():
            unit = read_unit(name)
            answers = sum("answer" in cell.metadata for cell in unit.cells)
            assert f"**Exercises: {answers}.**" in build_language(unit, "en").source


class TestSwitches:
    def test_models_and_data_are_those_of_the_profiles(self, small_unit):
        found = shared.text("switches", small_unit(PARAMETERS, LOADS), WORDS)
        full, reduced = profiles.load("ner", "full"), profiles.load("ner", "offline")
        assert f"| `en` | `lhoestq/conll2003`, `{full.checkpoint}` | `{reduced.checkpoint}` |" in found
        assert "MiniLM for short" in found
        assert "E5 for short" not in found  # the unit is in English only

    def test_a_unit_in_several_languages_has_a_row_for_each(self):
        found = shared.text("switches", read_unit("toxicity"), WORDS)
        rows = [line.split()[1] for line in found.splitlines() if line.startswith("| `")]
        assert rows == ["`en`", "`ru`", "`es`"]
        assert "for short" not in found  # its small model is none of the encoders

    def test_the_language_of_the_data_is_explained_where_it_can_be_chosen(self, small_unit):
        chosen = PARAMETERS + '\ndata_language = ""'
        assert "`data_language`" in shared.text("switches", small_unit(chosen, LOADS), WORDS)
        assert "`data_language`" not in shared.text("switches", small_unit(PARAMETERS, LOADS), WORDS)

    def test_without_profiles_it_is_refused(self, small_unit):
        with pytest.raises(UnitError, match=r'^small: shared="switches" speaks of profiles'):
            shared.text("switches", small_unit(PARAMETERS), WORDS)


class TestHandIn:
    def test_a_unit_of_the_course_names_the_order_of_those_that_there_are(self, small_unit):
        found = shared.text("hand_in", read_unit("ner"), WORDS)
        order = found.partition("\n")[0]
        assert [name for name in unit_names() if f"`{name}`" not in order] == []
        assert order.index("`emotion`") < order.index("`ner`")

    def test_a_unit_of_somebody_else_does_not(self, small_unit):
        assert shared.text("hand_in", small_unit(), WORDS).startswith("**Hand in:**")


def test_it_stands_where_the_unit_wants_it_and_nowhere_else(small_unit):
    unit = small_unit("# %% [markdown]\n# ## A step", cell("work"), "# %% [markdown]\n# Text.")
    notebook = expand(unit, [*header.parts(unit), *unit.cells], "en", repository="", words=WORDS)
    headings = [cell.source.partition("\n")[0] for cell in notebook.cells]
    assert headings.index("## How to work with this notebook") == headings.index("## A step") + 1
    assert "Hand in:" not in "".join(cell.source for cell in notebook.cells)


def test_it_is_in_the_readers_language(small_unit):
    words = builder_words({"How to work with this notebook": "Wie man damit arbeitet"})
    assert shared.text("work", small_unit(ESSAY), words).startswith("## Wie man damit arbeitet\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (cell("wrok"), r"there is no shared text 'wrok': choose one of work, switches, hand_in\.$"),
        (cell("work") + "\n# Mine.", "the cell with shared='work' stays empty"),
        ('# %% shared="work"', "has the key 'shared'; a code cell can have"),
    ],
)
def test_what_the_builder_could_not_fill_in_is_refused(small_unit, text, why):
    with pytest.raises(UnitError, match=why):
        cells.check(small_unit(text))
