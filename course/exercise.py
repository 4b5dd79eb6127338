"""What a notebook's text says about a graded cell: the exercise's heading, its rules by name, its hints.

In: the cells of a built notebook, and the place of a graded cell. Out: an `Exercise`. A rule is a list item or a
paragraph that begins with the rule's name in bold; a rule group of the test has the same name. The builder refuses a
group whose rule is not in the text; the feedback page quotes the rule.
"""

import ast
import dataclasses
import re
import textwrap

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
HEADING = re.compile(r"^(#{1,6}) +(.+)$", re.M)
NAME = re.compile(r"\*\*(.+?)[.:]?\*\*")
MARKER = re.compile(r"(?:[-*+]|\d{1,3}[.)]) +")
HINT = re.compile(r"^<details>\n<summary>(.+?)</summary>\n(.*?)^</details>", re.M | re.S)


@dataclasses.dataclass(frozen=True)
class Exercise:
    """`heading` is Markdown, `section` the heading above it. `rules` have their whole Markdown by their names."""

    heading: str = ""
    section: str = ""
    rules: dict[str, str] = dataclasses.field(default_factory=dict)
    hints: tuple[str, ...] = ()


def of(cells: list[NotebookNode], index: int) -> Exercise:
    """The exercise to which the cell at `index` belongs: the last heading of the third level above it."""
    texts = ["" if cell.cell_type == "code" else cell.source for cell in cells[:index]]
    start = next((i for i in reversed(range(index)) if re.search(r"^### ", texts[i], re.M)), None)
    if start is None:
        return Exercise()
    above, _, text = "\n\n".join(texts[start:]).rpartition("### ")
    sections = [title for level, title in HEADING.findall("\n".join([*texts[:start], above])) if len(level) == 2]
    heading, _, text = text.partition("\n")
    return Exercise(
        heading=heading.strip(),
        section=sections[-1] if sections else "",
        rules=rules_in(text),
        hints=tuple(hint.strip() for _, hint in HINT.findall(text)),
    )


def rules_in(text: str) -> dict[str, str]:
    """The blocks of a Markdown text that begin with a name in bold, by their names.

    >>> rules_in("- **Long texts.** All of it is read.\\n- **Offsets**: in the text.")
    {'long texts': '**Long texts.** All of it is read.', 'offsets': '**Offsets**: in the text.'}
    """
    lines, found = text.split("\n"), {}
    tokens = MARKDOWN.parse(text)
    for number, token in enumerate(tokens):
        if token.type not in ("list_item_open", "paragraph_open"):
            continue
        first = next(later for later in tokens[number:] if later.type == "inline")
        name = NAME.match(first.content)
        if name and name_of(name[1]) not in found:
            block = "\n".join(lines[slice(*token.map)])
            indent = len(found_marker[0]) if (found_marker := MARKER.match(block)) else 0
            found[name_of(name[1])] = textwrap.dedent(" " * indent + block[indent:]).strip()
    return found


def name_of(text: str) -> str:
    """A rule's name, however it is written: at the beginning of a sentence, say."""
    return " ".join(text.split()).casefold()


def groups_of(test: str) -> dict[str, float] | None:
    """The rule groups of a test cell with their points; None for a test without groups.

    >>> groups_of('rules = Rules({"offsets": 1, "long texts": 2})')
    {'offsets': 1, 'long texts': 2}
    """
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rules":
            return ast.literal_eval(node.args[0])
    return None


def blocks_of(test: str) -> dict[str, list[str]]:
    """The blocks of a test cell that belong to each group, as source.

    >>> blocks_of('with rules("offsets"):\\n    assert f(1) == 2')
    {'offsets': ['assert f(1) == 2']}
    """
    blocks: dict[str, list[str]] = {}
    lines = test.split("\n")
    for node in ast.parse(test).body:
        call = node.items[0].context_expr if isinstance(node, ast.With) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "rules":
            first = node.body[0] if len(node.items) == 1 else node  # `with rules(…), suppress(…):` is needed as a whole
            block = lines[first.lineno - 1 : node.end_lineno]
            blocks.setdefault(ast.literal_eval(call.args[0]), []).append(textwrap.dedent("\n".join(block)))
    return blocks
