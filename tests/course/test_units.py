"""What every unit owes its readers, in every language: points, short cells, headings, hints, their own language."""

import ast
import builtins
import io
import re
import symtable
import tokenize
from itertools import pairwise

import nbformat
import pytest
from markdown_it import MarkdownIt
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from course.build.read import languages_of, unit_names
from course.build.translate import has_words, pieces

# From UNITS.md: grade id of the answer → points of its test, and of the written question.
POINTS = {
    "transformer": {
        "fertility": 2,
        "attention": 5,
        "causal_mask": 1,
        "mean_pooling": 4,
        "embed": 5,
        "search": 3,
        "training": 3,
        "essay_attention": 2,
    },
    "intent": {
        "label_maps": 2,
        "encode_utterances": 4,
        "compute_metrics": 6,
        "predict_intent": 3,
        "out_of_scope_threshold": 3,
        "is_out_of_scope": 1,
        "training": 4,
        "essay_out_of_scope": 2,
    },
    "ner": {
        "preprocess_ner_dataset": 5,
        "build_model": 3,
        "essay_token_to_tag": 2,
        "calculate_metrics": 5,
        "training": 5,
        "do_ner": 5,
    },
    "toxicity": {
        "preprocess_dataset": 6,
        "compute_metric": 4,
        "build_model": 2,
        "training": 4,
        "essay_training_step": 4,
        "is_toxic": 5,
    },
    "emotion": {
        "encode_tweets": 4,
        "compute_metrics": 4,
        "training": 5,
        "predict_emotions": 5,
        "train_stance": 5,
        "essay_improve": 2,
    },
    "reviews": {
        "encode_reviews": 3,
        "compute_metrics": 2,
        "training": 5,
        "review_rating": 4,
        "score_reviews": 5,
        "evaluate_scores": 4,
        "essay_service": 2,
    },
}
BARE = "emotion"  # the unit that hides nothing of the library
LIBRARY = [r"\.from_pretrained\(", r"\bload_dataset\(", r"\bTrainingArguments\("]
LONGEST_CELL = 15
LONGEST_TEST = 30  # a block for each rule, and a sentence for each assert
HIDDEN = re.compile(r"^ *### BEGIN (SOLUTION|HIDDEN TESTS)$.*?^ *### END \1$\n?", re.S | re.M)
FENCED = re.compile(r"^```.*?^```", re.S | re.M)
NOT_PROSE = re.compile(r"`[^`]*`|\$[^$]*\$|!?\[([^\]]*)\]\([^)]*\)|<[^>]*>|https?://\S+")
# Words that English cannot do without, and that are no words of Spanish.
ENGLISH = re.compile(
    r"\b(?:the|of|and|or|is|are|was|were|be|been|to|in|on|at|for|with|without|from|by|it|its|that|this|these|those|which|"
    r"what|how|why|who|you|your|not|only|all|every|each|must|can|have|does|if|then|than|when|where|after|before|into|out|"
    r"up|my|our|their|there|will|would|should)\b",
    re.I,
)

everywhere = pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in unit_names() for language in languages_of(name)]
)
of_the_course = pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in POINTS for language in languages_of(name)]
)
translated = pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in unit_names() for language in languages_of(name)[1:]]
)


@pytest.fixture
def notebook(built, name, language) -> NotebookNode:
    """A unit's notebook with its solutions and hidden tests."""
    return nbformat.reads(built[name, language].source, as_version=4)


def code_cells(notebook) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown_cells(notebook) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def visible(cell) -> str:
    """What a student sees of a code cell, stubs aside."""
    return HIDDEN.sub("", cell.source).rstrip()


class TestPoints:
    @of_the_course
    def test_a_unit_has_25(self, notebook, name):
        assert sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells) == 25

    @of_the_course
    def test_they_and_the_grade_ids_are_those_of_the_table(self, notebook, name):
        graded = {
            cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
            for cell in notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        }
        assert graded == {
            grade_id if grade_id.startswith("essay_") else f"test_{grade_id}": points
            for grade_id, points in POINTS[name].items()
        }

    @everywhere
    def test_an_answer_defines_the_function_of_its_name(self, notebook, name):
        for cell in code_cells(notebook):
            if cell.metadata.get("nbgrader", {}).get("solution") and cell.id != "training":
                (function,) = ast.parse(cell.source).body
                assert function.name == cell.id

    @everywhere
    def test_the_text_promises_the_points_that_are_given(self, notebook):
        """The heading of exercise and question names them, such as «(5 points)»."""
        headings = "\n".join(
            line for cell in markdown_cells(notebook) for line in cell.source.split("\n") if line.startswith("#")
        )
        promised = [int(points) for points in re.findall(r"\((\d+)\s\w+\)\s*$", headings, re.M)]
        given = [cell.metadata.get("nbgrader", {}).get("points") for cell in notebook.cells]
        assert sorted(promised) == sorted(int(points) for points in given if points is not None)


class TestCode:
    @everywhere
    def test_no_cell_is_too_long_to_read(self, notebook):
        lines = {cell.id: len(visible(cell).split("\n")) for cell in code_cells(notebook)}
        longest = {identity: LONGEST_TEST if identity.startswith("test_") else LONGEST_CELL for identity in lines}
        assert {identity: count for identity, count in lines.items() if count > longest[identity]} == {}

    @everywhere
    def test_the_library_is_called_through_helpers(self, notebook, name):
        """But in the unit that teaches to do without them, and there in full."""
        code = "\n".join(map(visible, code_cells(notebook)))
        called = {call for call in LIBRARY if re.search(call, code)}
        assert called == (set(LIBRARY) if name == BARE else set())
        assert "load_metric" not in code

    @of_the_course
    def test_there_is_one_cell_of_parameters(self, notebook):
        tagged = [cell.id for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
        assert len(tagged) == 1

    @of_the_course
    def test_the_units_last_cell_reports_the_results(self, notebook):
        assert notebook.cells[-3].source.startswith("show.results(")

    @everywhere
    def test_the_notebook_ends_with_the_check(self, notebook):
        assert notebook.cells[-1].source.endswith("check.this_notebook()")
        assert notebook.cells[-1].metadata.tags == ["lesson"]

    @everywhere
    def test_no_cell_prints_prose(self, notebook):
        """Words in strings are not translated: only an `assert` may talk."""
        for cell in code_cells(notebook):
            for node in ast.walk(ast.parse(cell.source.replace("%pip", "pass  #"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                    strings = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                    assert not any(isinstance(text, str) and has_words(text) for text in strings)

    @everywhere
    def test_what_a_training_stores_is_said(self, notebook):
        """Trainer stores a checkpoint at its end unless told not to, and one of the multilingual encoder fills the
        disk of the grader's sandbox.
        """
        for cell in code_cells(notebook):
            for node in ast.walk(ast.parse(cell.source.replace("%pip", "pass  #"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("TrainingArguments"):
                    assert "save_strategy" in {given.arg for given in node.keywords}, cell.id


def free_names(source: str) -> set[str]:
    """The names that a piece of code takes from outside: neither builtins nor defined or imported by itself."""
    outside, defined = set(), set()

    def look(table):
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if top and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                defined.add(symbol.get_name())
            elif (top or symbol.is_global()) and symbol.is_referenced():
                outside.add(symbol.get_name())
        for child in table.get_children():
            look(child)

    look(symtable.symtable(source, "cell", "exec"))
    return outside - defined - set(dir(builtins))


class TestFreeNames:
    """A reference function must work where the builder puts it."""

    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ("def f(x):\n    return np.mean(x)", {"np"}),
            ("def f(x):\n    import numpy as np\n    return np.mean(x)", set()),
            ("def f(x):\n    return [y for y in x if y > LIMIT]", {"LIMIT"}),
            ("def f(x):\n    return len(x) and f(x[1:])", set()),
            ("def f(x):\n    def g():\n        return x + y\n    return g()", {"y"}),
            ("@cache\ndef f(x=DEFAULT):\n    return x", {"cache", "DEFAULT"}),
            ("def f(x):\n    return lambda y: x + y + z", {"z"}),
        ],
    )
    def test_they_are_found(self, source, names):
        assert free_names(source) == names

    @pytest.mark.parametrize("name", unit_names())
    def test_no_answer_needs_a_name_that_it_does_not_bring_along(self, built, name):
        """But functions that stand above it whole: answers, which the student has written, and given ones."""
        known = set()
        for cell in code_cells(nbformat.reads(built[name, "en"].source, as_version=4)):
            if cell.metadata.get("nbgrader", {}).get("solution") and cell.id != "training":
                assert free_names(cell.source) <= known, cell.id
            if "lesson" not in cell.metadata.get("tags", []):
                known |= {node.name for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)}

    @pytest.mark.parametrize("name", unit_names())
    def test_no_name_comes_out_of_nowhere(self, built, name):
        """From top to bottom, every cell finds what it uses in the cells above."""
        known = {"get_ipython"}
        for cell in code_cells(nbformat.reads(built[name, "en"].source, as_version=4)):
            source = cell.source.replace("%pip", "pass  #")
            assert free_names(source) <= known, cell.id
            top = symtable.symtable(source, "cell", "exec").get_symbols()
            known |= {s.get_name() for s in top if s.is_assigned() or s.is_imported() or s.is_namespace()}


def headings(notebook) -> list[int]:
    levels = []
    for cell in markdown_cells(notebook):
        levels += [int(token.tag[1]) for token in MarkdownIt().parse(cell.source) if token.type == "heading_open"]
    return levels


def skipped_levels(levels: list[int]) -> list[tuple[int, int]]:
    return [(above, below) for above, below in pairwise(levels) if below > above + 1]


def images(source: str) -> list[str]:
    """The alternative texts of all images, Markdown or HTML."""
    html = [re.search(r'alt="([^"]*)"', tag) for tag in re.findall(r"<img\b[^>]*>", source)]
    return re.findall(r"!\[([^\]]*)\]\(", source) + [found.group(1) if found else "" for found in html]


class TestText:
    @everywhere
    def test_there_is_one_title_and_it_comes_first(self, notebook):
        levels = headings(notebook)
        assert (levels[0], levels.count(1)) == (1, 1)

    @everywhere
    def test_no_level_of_headings_is_skipped(self, notebook):
        assert skipped_levels(headings(notebook)) == []

    def test_a_skipped_level_would_be_seen(self):
        assert skipped_levels([1, 2, 4, 2]) == [(2, 4)]

    @everywhere
    def test_every_image_has_a_text(self, notebook):
        assert [cell.id for cell in markdown_cells(notebook) if not all(images(cell.source))] == []

    @pytest.mark.parametrize("source", ["![](a.png)", '<img src="a.png">', '<img src="a.png" alt="">'])
    def test_an_image_without_a_text_would_be_seen(self, source):
        assert images(source) == [""]

    @everywhere
    def test_every_detail_that_opens_also_closes(self, notebook):
        for cell in markdown_cells(notebook):
            counts = {cell.source.count(tag) for tag in ("<details>", "</details>", "<summary>", "</summary>")}
            assert len(counts) == 1, cell.id

    @everywhere
    def test_an_empty_line_follows_every_summary(self, notebook):
        """Without it Colab and GitHub show the Markdown inside as it was typed."""
        for cell in markdown_cells(notebook):
            assert not re.search(r"</summary>\n(?!\n)", cell.source), cell.id

    @of_the_course
    def test_every_exercise_has_two_hints(self, notebook, name):
        cells = notebook.cells
        for answer in POINTS[name]:
            if not answer.startswith("essay_"):
                place = [cell.id for cell in cells].index(answer)
                text = next(cell for cell in reversed(cells[:place]) if cell.cell_type == "markdown")
                assert len(re.findall(r"^<details>\n<summary>.+</summary>\n", text.source, re.M)) == 2, answer

    @everywhere
    def test_no_html_but_details_summaries_and_code(self, notebook):
        """Colab, GitHub and JupyterLab agree on little more; `:::` they do not know at all."""
        for cell in markdown_cells(notebook):
            prose = re.sub(r"`[^`]*`", "", FENCED.sub("", cell.source))
            assert set(re.findall(r"</?([a-z]+)", prose)) <= {"details", "summary", "code", "br", "img", "sub", "sup"}
            assert not re.search(r"^:::|^```\{", cell.source, re.M)


def prose(cell) -> list[str]:
    """Everything in a cell that people read, in pieces, without code, formulas, tags and link targets."""
    if cell.cell_type == "markdown":
        texts = re.split(r"\n\s*\n|\|", FENCED.sub("", cell.source))
    else:
        source = cell.source.replace("%pip", "pass  #")
        asserts = [node.msg for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
        texts = [message.value for message in asserts if isinstance(message, ast.Constant)]
        lines = io.StringIO(HIDDEN.sub("", source)).readline
        texts += [token.string for token in tokenize.generate_tokens(lines) if token.type == tokenize.COMMENT]
    return [NOT_PROSE.sub(r" \1 ", text) for text in texts]


def is_english(text: str) -> bool:
    """Whether a text holds three words that only English has, or consists of them by more than a quarter."""
    words, found = len(re.findall(r"[^\W\d_]{2,}", text)), len(ENGLISH.findall(text))
    return found >= 3 or found > words / 4


def without_cyrillic(cell) -> list[str]:
    return [piece.text for piece in pieces(cell) if not re.search("[а-яё]", NOT_PROSE.sub(r" \1 ", piece.text), re.I)]


class TestLanguage:
    @translated
    def test_no_english_sentence_is_left(self, notebook, name, language):
        assert [text for cell in notebook.cells for text in prose(cell) if is_english(text)] == []

    @pytest.mark.parametrize("name", unit_names())
    def test_every_russian_message_has_cyrillic_letters(self, built, name):
        notebook = nbformat.reads(built[name, "ru"].source, as_version=4)
        assert [text for cell in notebook.cells for text in without_cyrillic(cell)] == []

    @translated
    def test_no_message_is_the_english_one(self, notebook, built, name, language):
        """A word such as «token» may be the same, a sentence may not."""

        def sentences(cells):
            every = {piece.text for cell in cells if "google.colab" not in cell.source for piece in pieces(cell)}
            return {text for text in every if len(re.findall(r"[^\W\d_]{2,}", NOT_PROSE.sub(" ", text))) > 2}

        english = nbformat.reads(built[name, "en"].source, as_version=4)
        assert sentences(notebook.cells) & sentences(english.cells) == set()

    @pytest.mark.parametrize(
        "cell",
        [
            new_markdown_cell("Слова.\n\n- Look at the labels of the pieces.\n\nСлова."),
            new_markdown_cell("| поле | the number of the token |\n| --- | --- |\n"),
            new_markdown_cell("<details>\n<summary>This is how you do it</summary>\n\nТак.\n\n</details>"),
            new_markdown_cell("Слова. [See what is in the file](a.md)."),
            new_code_cell("x = 1  # One must add what is there."),
            new_code_cell("# First helpers, then the rest: it tells torch what is what.\nx = 1"),
            new_code_cell('assert x, "The model must have one output per tag."'),
            new_code_cell('### BEGIN HIDDEN TESTS\nassert x, (\n    "F1 is wrong."\n)\n### END HIDDEN TESTS'),
        ],
        ids=lambda cell: cell.source[:30],
    )
    def test_an_english_sentence_would_be_seen(self, cell):
        assert any(is_english(text) for text in prose(cell))

    @pytest.mark.parametrize(
        "cell",
        [
            new_markdown_cell("Вызови `the map of it and you`: $the of and$."),
            new_markdown_cell("```python\n# this is what you see in the end\n```"),
            new_markdown_cell("[Открыть](https://a.example/the/of/and/is)"),
            new_markdown_cell("Reconocer entidades (*named entity recognition*) no es fácil: has de leer a Ana."),
            new_code_cell("### BEGIN SOLUTION\n# This is for the one who is in the know.\nx = 1\n### END SOLUTION"),
            new_code_cell('x = "the data of this course is in the text"'),
        ],
        ids=lambda cell: cell.source[:30],
    )
    def test_code_names_and_quoted_terms_are_no_english_sentences(self, cell):
        assert not any(is_english(text) for text in prose(cell))

    @pytest.mark.parametrize("cell", [new_markdown_cell("Слова.\n\nOutput shape"), new_code_cell("# Padding\nx = 1")])
    def test_a_russian_message_without_cyrillic_would_be_seen(self, cell):
        assert without_cyrillic(cell) != []
