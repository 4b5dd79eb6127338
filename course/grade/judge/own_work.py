"""Is an answer the student's own?

In: the teacher's notebook, what students got, and the submission. Out: for each answer a sentence if it takes the
reference from `helpers`, or is the reference's text but for names and order. It is a flag for the teacher, never a
deduction. What the notebook's own text dictates says nothing, and below a size at which two people would write the
same, neither does the rest.
"""

import ast
import dataclasses
from collections import Counter
from collections.abc import Collection

from nbformat import NotebookNode
from rapidfuzz.distance import Indel

from course.grade.roles import settings_of
from course.grade.submission.building import Submission
from course.grade.submission.code import definitions, parse, statements
from course.shapes import code_in, comments, lines, runs, tokens

MAX_COMPARED = 60_000  # characters of code in a submission that are compared; it is ten times a long notebook's

# Measured on the right answers of the units (`right.py`), among which one of each exercise follows the hints word for
# word: where the text leaves `OPEN` tokens, they share at most 0.67 of them and 0.46 of the lines with the reference;
# where it leaves `SOME`, 0.79 of the tokens; where it leaves less, up to all of them.
LARGE = 120  # tokens: from here on nobody writes the same by chance
OPEN, SOME = 40, 10  # of them that the text does not dictate
ALIKE, SAME = 0.9, 0.97  # share of the tokens, in order, where so much is open or only so much
SAME_LINES = 0.8  # share of the reference's lines, in any order
ALL_LARGE = 300  # tokens of all answers together
ALL_ALIKE = 0.97  # share of them, in order; who followed the hints word for word got to 0.92
REMARK = 4  # words of a comment that nobody writes a second time
NAMED = 8  # grade ids that a sentence lists
TAKEN, TEXT = "taken from helpers", "the text of the reference, but for names and order"
COMMENT = "has a comment of the reference's in it"
RUN = 4  # tokens in a row by which code is compared with what a text dictates


@dataclasses.dataclass(frozen=True)
class _Reference:
    """The teacher's answer. What of it the student was given says nothing: `stub` are the lines of the released cell,
    and of `remarks`, its comments, those are left out that stand anywhere in the release."""

    grade_id: str
    source: str
    stub: frozenset[str]
    remarks: frozenset[str]


def copied(source: NotebookNode, release: NotebookNode, submission: Submission) -> dict[str, str]:
    """Grade id → in which way the answer is the reference's; "" stands for all of them together."""
    dictated = _dictated(release)
    modules = _helper_modules(source)
    own = [cell.source for cell in submission.notebook.cells if cell.id in submission.own and cell.cell_type == "code"]
    answers = {
        settings_of(cell).get("grade_id"): cell.source
        for cell in submission.notebook.cells
        if cell.cell_type == "code" and settings_of(cell).get("solution")
    }
    found, references = {}, _references(source, release, answers.keys())
    for reference in references:
        texts = [answers[reference.grade_id], *own]
        functions = frozenset(definitions(parse(reference.source)))
        if way := _taken(texts, functions, modules) or _alike(texts, reference, dictated):
            found[reference.grade_id] = way
    return found or _all_alike([(each, answers[each.grade_id]) for each in references])


def sentence(found: dict[str, str]) -> str:
    """All that was found in one sentence of a bounded length.

    >>> sentence({"f": "taken from helpers", "g": "taken from helpers"})
    'f, g: taken from helpers.'
    """
    ids: dict[str, list[str]] = {}
    for grade_id, way in found.items():
        ids.setdefault(way, []).append(grade_id or "all answers together")
    parts = []
    for way, names in ids.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        parts.append(f"{', '.join(names[:NAMED])}{more}: {way}")
    return f"{'; '.join(parts)}." if parts else ""


def _references(source: NotebookNode, release: NotebookNode, wanted: Collection[str]) -> list[_Reference]:
    given = {settings_of(cell).get("grade_id"): cell.source for cell in release.cells if cell.cell_type == "code"}
    remarks = frozenset().union(*(_remarks(cell.source) for cell in release.cells if cell.cell_type == "code"))
    return [
        _Reference(grade_id, cell.source, frozenset(lines(given.get(grade_id, ""))), _remarks(cell.source) - remarks)
        for cell in source.cells
        if (grade_id := settings_of(cell).get("grade_id")) in wanted and not settings_of(cell).get("grade")
    ]


def _helper_modules(source: NotebookNode) -> frozenset[str]:
    """The names that modules of `helpers` have in the teacher's notebook."""
    trees = [tree for cell in source.cells if cell.cell_type == "code" and (tree := parse(cell.source))]
    return frozenset(name for tree in trees for name in _modules_in(tree))


def _modules_in(tree: ast.AST) -> set[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "helpers"]
    return {alias.asname or alias.name for node in nodes for alias in node.names}


def _taken(texts: list[str], functions: frozenset[str], modules: frozenset[str]) -> str | None:
    """Whether code takes a function from the package that has the references."""
    for tree in filter(None, map(parse, texts)):
        known = modules | _modules_in(tree)
        for node in ast.walk(tree):
            is_ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers.")
            for alias in node.names if is_ours else ():
                if alias.name in functions or (alias.name == "*" and functions):
                    return TAKEN
            holder = node.value if isinstance(node, ast.Attribute) and node.attr in functions else None
            if isinstance(holder, ast.Name) and holder.id in known:
                return TAKEN
    return None


def _dictated(release: NotebookNode) -> set[tuple[str, ...]]:
    """All runs of tokens that stand as code in the notebook's text, or in its given cells."""
    spans = [span for cell in release.cells for span in code_in(cell.source)]
    spans += [cell.source for cell in release.cells if cell.cell_type == "code"]
    return {run for span in spans for run in runs(tokens(span), RUN)}


def _all_alike(pairs: list[tuple[_Reference, str]]) -> dict[str, str]:
    """Whether all answers together are the references': one of them may be by chance or by a hint, not all of them."""
    pairs = [(each, answer) for each, answer in pairs if definitions(parse(each.source))]
    expected = [word for each, _ in pairs for word in tokens(each.source, each.stub)]
    written = [word for each, answer in pairs for word in tokens(answer, each.stub)]
    if len(expected) < ALL_LARGE or Indel.normalized_similarity(expected, written) < ALL_ALIKE:
        return {}
    return {"": TEXT}


def _left_open(words: list[str], dictated: set[tuple[str, ...]]) -> int:
    """How many tokens stand in no run that the text dictates."""
    told = {start + step for start, run in enumerate(runs(words, RUN)) if run in dictated for step in range(RUN)}
    return len(words) - len(told)


def _alike(texts: list[str], reference: _Reference, dictated: set[tuple[str, ...]]) -> str | None:
    """Whether a definition anywhere in the student's cells is the reference's text but for names and order."""
    expected, own = tokens(reference.source, reference.stub), lines(reference.source, reference.stub)
    open_ones = _left_open(expected, dictated) if len(expected) >= LARGE else 0
    room = MAX_COMPARED
    for text in texts:
        room -= len(text)
        if room < 0:
            return None
        if reference.remarks & _remarks(text):
            return COMMENT
        for part in _parts(text) if open_ones >= SOME else ():
            written = tokens(part, reference.stub)
            ordered = Indel.normalized_similarity(expected, written) >= (ALIKE if open_ones >= OPEN else SAME)
            reordered = _in_common(own, lines(part)) >= SAME_LINES and len(written) < 1.5 * len(expected)
            if ordered or (open_ones >= OPEN and reordered):
                return TEXT
    return None


def _remarks(text: str) -> frozenset[str]:
    """The comments that are more than a word or two, but for nbgrader's marks."""
    return frozenset(
        remark for remark in comments(text) if len(remark.split()) > REMARK and not remark.startswith("###")
    )


def _parts(text: str) -> list[str]:
    """The definitions of a cell, and the cell as a whole where it has none."""
    parts = [part for node, part in statements(text) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return parts or [text]


def _in_common(lines: Counter, others: Counter) -> float:
    return sum((lines & others).values()) / max(1, sum(lines.values()))
