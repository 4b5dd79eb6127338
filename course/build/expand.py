"""A translated unit → a notebook that nbgrader and Colab understand.

In: a unit's cells with the course's shorthand. Out: a complete notebook: header, how it is opened, nbgrader's metadata,
cell ids that never change, the check at the end. In the cell of parameters, `language = "en"` becomes the notebook's
own language.
"""

import ast
import functools
import re

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from course.build import closing, header, opening, shared
from course.build.read import LANGUAGES, Unit, UnitError
from course.build.translate import translate, worded

NBGRADER_SCHEMA = 3
GRADING_PROFILE = "quick"  # whether a model learns shows after a few steps; a class has many models
LANGUAGE_PARAMETER = re.compile(r'^language = "en"$', re.M)

# What the builder writes into every notebook; it is translated once, not with each unit.
CODE_STUB = "YOUR CODE HERE"
TEXT_STUB = "YOUR ANSWER HERE"
TEXTS = (*header.TEXTS, *opening.TEXTS, CODE_STUB, TEXT_STUB, *shared.TEXTS, closing.CHECK)


@functools.cache
def builder_cells() -> tuple[NotebookNode, ...]:
    """The builder's texts as cells, so that they are translated like everything else."""
    return tuple(new_markdown_cell(text) for text in TEXTS)


def builder_words(table: dict[str, str]) -> dict[str, str]:
    """The builder's texts → the same in another language, by its table of messages."""
    return {text: cell.source for text, cell in zip(TEXTS, translate(builder_cells(), table), strict=True)}


def expand(
    unit: Unit, cells: list[NotebookNode], language: str, *, repository: str, words: dict[str, str]
) -> NotebookNode:
    """Return the notebook of one language.

    `cells` are the unit's translated cells, those of its `header.parts` first; `words` maps the builder's texts to
    their translation; `repository` is `owner/name` on GitHub, or "".
    """
    count = len(header.texts(unit))
    title = header.cell(unit, cells[:count], words)
    title.source = opening.with_links(title.source, unit, language, repository, words[opening.COLAB_ALT])
    start = opening.start_cells(unit.name, language, repository, words)
    end = closing.end_cells(words)
    cells = [_with_language(_with_shared(cell, unit, words), language) for cell in cells[count:]]
    expanded = [title, *start, *(_expand_cell(cell, unit.name) for cell in cells), *end]
    _number(expanded, unit.name)
    notebook = new_notebook(cells=expanded)
    notebook.metadata = NotebookNode(
        course={"unit": unit.name, "language": language, "grading": {"profile": GRADING_PROFILE}, "tests": "outside"},
        accelerator="GPU",
        colab={"gpuType": "T4", "name": f"{unit.name}.ipynb", "provenance": [], "toc_visible": True},
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    return notebook


def _with_shared(cell: NotebookNode, unit: Unit, words: dict[str, str]) -> NotebookNode:
    """Write the text that every unit shares into a cell that asks for it."""
    if "shared" in cell.metadata:
        cell.source = shared.text(cell.metadata["shared"], unit, words)
    return cell


def _with_language(cell: NotebookNode, language: str) -> NotebookNode:
    """Tell a notebook that asks for it, by `language = "en"` among its parameters, in which language it is written."""
    if _has_parameters(cell):
        cell.source = LANGUAGE_PARAMETER.sub(f'language = "{language}"', cell.source)
    return cell


def _has_parameters(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])


def _expand_cell(cell: NotebookNode, unit: str) -> NotebookNode:
    """Replace the course's one-line keys by nbgrader's metadata."""
    keys = cell.metadata
    cell.metadata = NotebookNode({"tags": list(keys["tags"])} if "tags" in keys else {})
    points = {"points": float(keys["points"])} if "points" in keys else {}
    if "answer" in keys:
        cell.metadata.nbgrader = _nbgrader(keys["answer"], cell, solution=True)
    elif "test" in keys:
        cell.metadata.nbgrader = _nbgrader(f"test_{keys['test']}", cell, grade=True, locked=True, **points)
    elif "essay" in keys:
        cell.metadata.nbgrader = _nbgrader(f"essay_{keys['essay']}", cell, grade=True, solution=True, **points)
    if ("test" in keys or "essay" in keys) and not points:
        raise UnitError(f"{unit}: the graded cell {cell.metadata.nbgrader.grade_id} has no points.")
    return cell


def _nbgrader(grade_id: str, cell: NotebookNode, *, grade=False, solution=False, locked=False, **points):
    return NotebookNode(
        cell_type=cell.cell_type,
        grade=grade,
        grade_id=grade_id,
        locked=locked,
        schema_version=NBGRADER_SCHEMA,
        solution=solution,
        task=False,
        **points,
    )


def _number(cells: list[NotebookNode], unit: str) -> None:
    """Give every cell an id that depends on nothing but its place or its grade id."""
    for number, cell in enumerate(cells):
        graded = cell.metadata.get("nbgrader")
        cell.id = graded.grade_id if graded else f"{unit}-{number:02d}"
    ids = [cell.id for cell in cells]
    for identity in ids:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", identity):
            raise UnitError(f"{unit}: {identity!r} is no grade id: use letters, digits, - and _, 64 at most.")
    doubled = {identity for identity in ids if ids.count(identity) > 1}
    if doubled:
        raise UnitError(f"{unit}: two cells have the id {sorted(doubled)[0]}.")


def same_code(one: NotebookNode, other: NotebookNode) -> bool:
    """Whether two code cells do the same: their syntax trees agree, what a person reads in them aside.

    One difference is meant to be: the value of the parameter `language`.
    """
    return _tree(one.source, _has_parameters(one)) == _tree(other.source, _has_parameters(other))


@functools.cache  # the English cell is compared with each translation
def _tree(source: str, has_parameters: bool) -> str:
    tree = ast.parse(source.replace("    %pip", "    pass  # %pip"))
    for constant in worded(tree):
        constant.value = ""
    if has_parameters:
        named = {f"language = {language!r}" for language in LANGUAGES}
        for node in tree.body:
            if ast.unparse(node) in named:
                node.value = ast.Constant("en")
    return ast.dump(tree)
