"""What the builder refuses in a unit: rule groups that do not fit the text, and names that only excursions define."""

import pytest

from course import exercise
from course.build import lessons, rules
from course.build.read import UnitError

TEXT = "# %% [markdown]\n# ### Exercise 1: `count`\n#\n# - **Any case.** In capitals, too.\n# - **Order**: as it was."
TEST = """# %% test="count" points=3
rules = Rules({"any case": 1, "order": 2})
with rules("any case"):
    assert count("A") == 1, "Capitals."
with rules("order"):
    assert count("ba") == 2, "Order."
rules.score()"""


def check(small_unit, *cells):
    rules.check("small", small_unit(*cells).cells)


def test_groups_that_fit_are_let_through(small_unit):
    check(small_unit, TEXT, TEST)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("points=3", "points=4", "worth 4 points, its rule groups 3"),
        ('"order": 2', '"order": 2, "long": 0', "'long' is not both declared and tested"),
        ('with rules("order")', 'with rules("any case")', "'order' is not both declared and tested"),
        ("rules.score()", "rules.score() + 1", r"must end with rules.score\(\)"),
    ],
)
def test_a_test_whose_groups_do_not_fit_is_refused(small_unit, old, new, why):
    with pytest.raises(UnitError, match=why):
        check(small_unit, TEXT, TEST.replace(old, new))


def test_a_rule_that_the_text_does_not_name_is_refused(small_unit):
    with pytest.raises(UnitError, match=r"begins with \*\*any case\*\*"):
        check(small_unit, TEXT.replace("Any case", "Capitals"), TEST)


def test_what_is_worth_more_than_two_points_has_groups(small_unit):
    with pytest.raises(UnitError, match="3 points and has no rule groups"):
        check(small_unit, TEXT, '# %% test="count" points=3\nassert count("a") == 1, "Count."')
    check(small_unit, TEXT, '# %% test="count" points=2\nassert count("a") == 1, "Count."')


def test_a_dropped_question_has_no_points_and_keeps_its_groups(small_unit):
    check(small_unit, TEXT, TEST.replace("points=3", "points=0"))


@pytest.mark.parametrize("message", ["", ", message", ', ""'])
def test_an_assert_says_what_to_look_at(small_unit, message):
    with pytest.raises(UnitError, match=r"every assert needs a message .* count\('a'\) == 1"):
        check(small_unit, TEXT, f'# %% test="count" points=2\nassert count("a") == 1{message}')


@pytest.mark.parametrize(
    "mention", ["# %%\nprint(seqeval)", "# %% [markdown]\n# Call `seqeval.compute()`.", '# %% answer="f"\nx = seqeval']
)
def test_a_name_that_only_an_excursus_defines_may_not_be_mentioned(small_unit, mention):
    excursus = '# %% tags=["lesson"]\nseqeval = 1'
    with pytest.raises(UnitError, match="`seqeval` is defined only in cells with the tag lesson"):
        lessons.check("small", small_unit(excursus, mention).cells)
    lessons.check("small", small_unit(excursus, "# %%\nseqeval = 2", mention).cells)
    lessons.check("small", small_unit(mention.replace("print(seqeval)", "1"), excursus).cells[:1])


def test_names_inside_functions_of_an_excursus_are_its_own(small_unit):
    excursus = '# %% tags=["lesson"]\ndef f():\n    inner = 1\n    return inner'
    lessons.check("small", small_unit(excursus, "# %% [markdown]\n# The `inner` one.").cells)


def test_the_exercise_of_a_cell_is_under_the_last_heading_of_the_third_level(small_unit):
    above = "# %% [markdown]\n# ## 4. Sums\n#\n# ### Exercise 1: other\n#\n# **Other.** Not this one."
    cells = small_unit(above, TEXT, "# %%\nx = 1", TEST).cells
    found = exercise.of(cells, 3)
    assert (found.section, found.heading) == ("4. Sums", "Exercise 1: `count`")
    assert found.rules == {"any case": "**Any case.** In capitals, too.", "order": "**Order**: as it was."}


def test_a_rule_keeps_its_table_and_its_code(small_unit):
    text = "1. **Offsets.** Into the text:\n\n   ```python\n   f(1)\n   ```\n\n2. **Other.** No."
    assert exercise.rules_in(text)["offsets"] == "**Offsets.** Into the text:\n\n```python\nf(1)\n```"
