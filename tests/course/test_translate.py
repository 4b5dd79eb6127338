"""Messages of a notebook and a notebook in another language: nothing is lost, nothing but words is translated."""

import ast
import re
import textwrap

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from course.build import header
from course.build.catalog import load, path_of, table_of
from course.build.expand import same_code
from course.build.read import languages_of, read_unit, unit_names
from course.build.translate import MARKDOWN, has_words, messages, pieces, translate, translate_cell

sampled = settings(deadline=None, max_examples=60, derandomize=True)


def rendered(source: str) -> list[str]:
    """What a reader sees: HTML in which space counts in code blocks only."""
    parts = re.split(r"(<pre>.*?</pre>)", MARKDOWN.render(source), flags=re.S)
    return [
        part if part.startswith("<pre>") else re.sub(r"<br ?/?>\s*", "<br>", " ".join(part.split())) for part in parts
    ]


def texts(source: str, new_cell=new_markdown_cell) -> list[str]:
    return messages([new_cell(source)])


def translated(source: str, table: dict[str, str], new_cell=new_markdown_cell) -> str:
    return translate_cell(new_cell(source), table).source


def identity(cell):
    return translate_cell(cell, {piece.text: piece.text for piece in pieces(cell)})


# Markdown as an author may write it. The words hold everything that could be taken for a mark at the start of a line.

WORDS = st.sampled_from(
    ["token", "рыба", "año", "the", "`do_ner`", "`a b`", "`a | b`", "$x_1$", "$\\frac{a}{b}$", "$100", "*so*", "**bold",
     "words**", "**bold words**", "[link text](a/b.md)", "![alt](p.png)", "[CLS]", "[link", "text](a.md)", "-100", "😀",
     "<code>B</code>", "1986.", "3)", "-", "+", "#", "#######", ">", "|", "---", "===", "\\*", "&", "&lt;", "a_b_c",
     "https://a.example/x"]
)  # fmt: skip
SAFE_WORDS = st.sampled_from(
    ["token", "tag", "рыба", "año", "`do_ner`", "$x_1$", "**bold words**", "[link text](a/b.md)"]
)
SENTENCE = st.lists(WORDS, min_size=1, max_size=25).map(lambda words: " ".join(["Look", *words, "here."]))
SAFE_SENTENCE = st.lists(SAFE_WORDS, min_size=1, max_size=25).map(lambda words: " ".join(["Look", *words, "here."]))


def wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def bullet(blocks: list[str], mark: str) -> str:
    return mark + textwrap.indent("\n\n".join(blocks), " " * len(mark)).lstrip()


def quote(blocks: list[str]) -> str:
    return textwrap.indent("\n\n".join(blocks), "> ", lambda line: True)


def details(summary: str, blocks: list[str]) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n" + "\n\n".join(blocks) + "\n\n</details>"


def table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| **field** | value |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)])


CELL = st.sampled_from(["`labels`", "$-100$", "the tag", "метка", "", "**a**"])
PARAGRAPH = st.builds(wrap, SENTENCE, st.integers(12, 90))
SAFE_PARAGRAPH = st.builds(wrap, SAFE_SENTENCE, st.integers(12, 90))
LEAF = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["#", "##", "###"]), SENTENCE),
    PARAGRAPH,
    st.builds("{}{}\n{}".format, SAFE_PARAGRAPH, st.sampled_from(["\\", "  "]), SAFE_PARAGRAPH),
    st.lists(st.tuples(CELL, CELL), max_size=4).map(table),
    st.sampled_from(
        ["$$\nF_1 = \\frac{2PR}{P + R}\n$$", "---", "<!-- a comment -->", "Title of two\nlines\n=====", "Sub\n---"]
    ),
    st.sampled_from(["```python\n# a comment\nfor x in y:\n    print(x)\n\n```", "```\n- no list\n# no heading\n```"]),
    st.sampled_from(["    indented = code", "[ref]: https://a.example/x", "[![Open in](a.svg)](https://a.example/b)"]),
)
MARK = st.sampled_from(["- ", "* ", "1. ", "2) "])
BLOCK = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(quote, st.lists(inner, min_size=1, max_size=3)),
        st.builds(bullet, st.lists(inner, min_size=1, max_size=3), MARK),
        st.builds(details, SAFE_SENTENCE, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)
DOCUMENT = st.lists(BLOCK, min_size=1, max_size=5).map("\n\n".join)


class TestIdentity:
    """A notebook translated into itself is the same notebook."""

    @pytest.mark.parametrize("name", unit_names())
    def test_every_cell_of_a_unit_looks_the_same(self, name):
        unit = read_unit(name)
        for cell in [*header.parts(unit), *unit.cells]:
            if cell.cell_type == "markdown":
                assert rendered(identity(cell).source) == rendered(cell.source)

    @sampled
    @given(DOCUMENT)
    @example("1. 1\n   more words, behind a mark that looks like the text")
    def test_any_document_looks_the_same(self, source):
        assert rendered(identity(new_markdown_cell(source)).source) == rendered(source)

    @pytest.mark.parametrize("name", unit_names())
    def test_every_code_cell_does_the_same(self, name):
        for cell in read_unit(name).cells:
            if cell.cell_type == "code":
                assert ast.dump(ast.parse(identity(cell).source)) == ast.dump(ast.parse(cell.source))

    def test_an_empty_table_changes_nothing_at_all(self, small_unit):
        cells = small_unit("# %% [markdown]\n# Some\n# words.", '# %%\n# A comment.\nassert x, (\n    "one"\n)').cells
        assert [cell.source for cell in translate(cells, {})] == [cell.source for cell in cells]

    def test_the_cells_that_come_in_are_not_changed(self):
        cell = new_markdown_cell("Some words.")
        translate([cell], {"Some words.": "Слова."})
        assert cell.source == "Some words."


class TestMarkdown:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("# Some words", ["Some words"]),
            ("## 3. Some words", ["Some words"]),
            ("Some\nwords", ["Some words"]),
            ("- some\n  words\n- more words", ["some words", "more words"]),
            ("1. some words\n   - more\n     words", ["some words", "more words"]),
            ("> 💡 **Tip.** Some\n> words", ["💡 **Tip.** Some words"]),
            ("| a word |\n| --- |\n| more words |", ["| a word |", "| more words |"]),
            ("<summary>Some words</summary>", ["<summary>Some words</summary>"]),
            ("Some words\n==========", ["Some words"]),
            ("Grew in\n1986. A year", ["Grew in 1986. A year"]),
            ("Some `code` and $x$ words", ["Some `code` and $x$ words"]),
        ],
    )
    def test_a_block_is_one_message(self, source, expected):
        assert texts(source) == expected

    @pytest.mark.parametrize(
        "source",
        [
            "```python\n# some words\n```",
            "    some indented = code",
            "`do_ner`",
            "$$\nprecision = recall\n$$",
            "$precision$",
            "[![](https://a.example/badge.svg)](https://a.example/words/more)",
            "<details>\n</details>",
            "| `a` | $b$ |\n| --- | --- |\n| 1 | `words more` |",
            "---",
            "",
        ],
    )
    def test_what_has_no_words_gives_no_message(self, source):
        assert texts(source) == []

    def test_a_message_that_comes_twice_is_listed_once(self):
        assert texts("Same words.\n\n- Same words.") == ["Same words."]

    @sampled
    @given(SAFE_SENTENCE, st.integers(12, 90), st.integers(12, 90), st.sampled_from(["", "> ", "- ", "1. "]))
    def test_rewrapping_the_source_makes_no_new_message(self, sentence, one, other, mark):
        indent = mark if mark == "> " else " " * len(mark)
        sources = [mark + wrap(sentence, width).replace("\n", f"\n{indent}") for width in (one, other)]
        assert texts(sources[0]) == texts(sources[1]) == [sentence]

    def test_a_line_break_that_is_meant_is_kept(self):
        assert rendered(translated("one thing\\\ntwo things", {"one thing<br>two things": "раз<br>два"})) == [
            "<p>раз<br>два</p>"
        ]

    def test_marks_stay_where_they_are(self):
        source = "> - some\n>   words\n\n## 2. A title"
        assert translated(source, {"some words": "слова", "A title": "Титул"}) == "> - слова\n\n## 2. Титул"

    def test_a_message_that_is_not_in_the_table_stays_english(self):
        assert translated("One thing.\n\nTwo things.", {"Two things.": "Две вещи."}) == "One thing.\n\nДве вещи."

    @sampled
    @given(DOCUMENT)
    def test_a_translation_has_the_blocks_of_the_original(self, source):
        def outline(text):
            return [(token.type, token.level) for token in MARKDOWN.parse(text)]

        table = {text: "Перевод" for text in texts(source) if not re.search(r"[|<]", text)}
        assert outline(translated(source, table)) == outline(source)

    @sampled
    @given(DOCUMENT)
    def test_fenced_code_and_formulas_never_change(self, source):
        def private(text):
            return [token.content for token in MARKDOWN.parse(text) if token.type in ("fence", "math_block")]

        table = {text: "Перевод" for text in texts(source) if not re.search(r"[|<]", text)}
        assert private(translated(source, table)) == private(source)


class TestComments:
    def test_a_comment_on_a_line_of_its_own_is_a_message(self):
        assert texts("x = 1\n# Some words.\nif x:\n    # More words.\n    y = 2", new_code_cell) == [
            "Some words.",
            "More words.",
        ]

    def test_its_indentation_stays(self):
        source = "if x:\n    # Some words.\n    y = 2"
        table = {"Some words.": "Слова."}
        assert translated(source, table, new_code_cell) == "if x:\n    # Слова.\n    y = 2"

    @pytest.mark.parametrize(
        "source",
        [
            "x = 1  # at the end of a line",
            "# %matplotlib inline",
            "### BEGIN SOLUTION\n# Some words.\nx = 1\n### END SOLUTION",
            "### BEGIN HIDDEN TESTS\n# Some words.\nx = 1\n### END HIDDEN TESTS",
            "def f():\n    ### BEGIN SOLUTION\n    # Some words.\n    return 1\n    ### END SOLUTION",
            'x = """\n# Some words.\n"""',
            'x = "# some words"',
            "# ---------",
            "# `do_ner`",
        ],
    )
    def test_all_others_give_no_message(self, source):
        assert texts(source, new_code_cell) == []

    def test_what_stands_around_a_hidden_part_is_a_message(self):
        source = "# Before it.\n### BEGIN HIDDEN TESTS\n# Some words.\n### END HIDDEN TESTS\n# After it."
        assert texts(source, new_code_cell) == ["Before it.", "After it."]

    def test_a_raw_cell_has_no_messages(self):
        assert texts("Some words.", new_raw_cell) == []


class TestAsserts:
    """What a failing test says is read by students, also where the test itself is hidden."""

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ('assert x, "Some words."', ["Some words."]),
            ('if x:\n    assert y, "Some words."', ["Some words."]),
            ('assert x, (\n    "Some words."\n)', ["Some words."]),
            ('assert x, "Some " "words."', ["Some words."]),
            ('assert x, (\n    "Some "\n    "words."\n)', ["Some words."]),
            ('assert x == [\n    1,\n], "Some words."', ["Some words."]),
            ('assert x, """Some\nwords."""', ["Some\nwords."]),
            ('assert x, "One thing."\nassert y, "Two things."', ["One thing.", "Two things."]),
            ('assert x, "One thing."; assert y, "Two things."', ["One thing.", "Two things."]),
            ('### BEGIN HIDDEN TESTS\nassert x, "Some words."\n### END HIDDEN TESTS', ["Some words."]),
        ],
    )
    def test_a_message_is_a_message(self, source, expected):
        assert texts(source, new_code_cell) == expected

    @pytest.mark.parametrize(
        "source",
        [
            'assert x, f"Some {words}."',
            "assert x, explain(x)",
            "assert x, 5",
            'assert x, b"some words"',
            'assert x, "-100"',
            'assert x == "some words"',
            "assert x",
            'print("some words")',
        ],
    )
    def test_nothing_else_is(self, source):
        assert texts(source, new_code_cell) == []

    def test_letters_of_several_bytes_before_it_shift_nothing(self):
        """Python counts columns in bytes."""
        source = 'assert found("😀 Иван"), "Some words."  # ¡ñ!'
        table = {"Some words.": "Слова."}
        assert translated(source, table, new_code_cell) == 'assert found("😀 Иван"), "Слова."  # ¡ñ!'

    def test_a_message_of_several_strings_becomes_one(self):
        source = 'assert x, (\n    "Some "\n    "words."\n)\ny = 1'
        table = {"Some words.": "Слова."}
        assert translated(source, table, new_code_cell) == 'assert x, (\n    "Слова."\n)\ny = 1'

    def test_two_on_consecutive_lines_get_their_own(self):
        source = 'assert x, "One thing."\nassert y, "Two things."'
        table = {"One thing.": "Раз.", "Two things.": "Два."}
        assert translated(source, table, new_code_cell) == 'assert x, "Раз."\nassert y, "Два."'

    def test_two_on_one_line_get_their_own(self):
        source = 'assert x, ("One "\n"thing."); assert y, "Two things."'
        table = {"One thing.": "Раз.", "Two things.": "Два."}
        assert translated(source, table, new_code_cell) == 'assert x, ("Раз."); assert y, "Два."'

    @sampled
    @given(st.text(), st.text(), st.text(min_size=1))
    def test_any_translation_comes_back_as_it_was_written(self, before, message, translation):
        """Quotes, backslashes, line breaks: the code still runs and the reader sees the translation."""
        message = f"Some words. {message}"
        cell = new_code_cell(f"x = 1\nassert f({before!r}, 'é'), {message!r}\ny = 2")
        result = translate_cell(cell, {message: translation})
        assert same_code(cell, result)
        assert ast.parse(result.source).body[1].msg.value == translation


class TestLanguageParameter:
    def test_it_is_no_message(self):
        cell = new_code_cell('language = "en"\nprofile = "auto"', metadata={"tags": ["parameters"]})
        assert messages([cell]) == []
        assert translate_cell(cell, {"en": "ru", 'language = "en"': 'language = "ru"'}).source == cell.source


class TestHasWords:
    @pytest.mark.parametrize("text", ["word", "Слово", "`a` and $b$", "[text](a.md)", "año"])
    def test_words_are_to_be_translated(self, text):
        assert has_words(text)

    @pytest.mark.parametrize("text", ["", "`word`", "$word$", "<br>", "[](some/words.md)", "-100", "a", "😀", "$$ $$"])
    def test_code_formulas_and_marks_are_not(self, text):
        assert not has_words(text)


@pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in unit_names() for language in languages_of(name)[1:]]
)
class TestRealTranslations:
    def test_the_code_does_the_same_in_every_language(self, name, language):
        cells = read_unit(name).cells
        for english, other in zip(cells, translate(cells, table_of(load(path_of(name, language)))), strict=True):
            if english.cell_type == "code":
                assert same_code(english, other)

    def test_solutions_and_hidden_tests_are_in_no_catalogue(self, name, language):
        hidden = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END", re.S)
        comments = {
            line.strip("# ")
            for cell in read_unit(name).cells
            for found in hidden.finditer(cell.source)
            for line in found.group(2).split("\n")
            if line.strip().startswith("#")
        }
        assert comments
        assert comments.isdisjoint(table_of(load(path_of(name, language))))
