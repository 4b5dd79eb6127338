"""The words of a notebook as gettext messages, and a notebook with its words replaced.

In: cells. Out: messages in the order of the text, or cells in another language. A message is a block of
Markdown, a comment on a line of its own, the message of an `assert`, the name of a rule group in a test, or a text that
a cell gives one of the names of `TEXTS`. Other code, metadata, fenced code and formulas are never messages; neither are
comments in solutions and hidden tests.
"""

import ast
import copy
import dataclasses
import functools
import io
import json
import re
import tokenize

from nbformat import NotebookNode

from course.exercise import MARKDOWN

LINE_BY_LINE = {"table_open", "html_block"}
FLOWING = {"heading_open", "paragraph_open"}
NUMBER = re.compile(r"\d+[.)]\s+")  # of a heading: renumbering makes no translation fuzzy
HARD_BREAK = re.compile(r"(?: {2,}|\\)\n")
COMMENT = re.compile(r"# (?!%)(?P<text>[^#\n].*)")
PRIVATE = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS).*?### END \1", re.S)
WORD = re.compile(r"[^\W\d_]{2,}")
TEXTS = {"mine", "sentence"}  # what stands in these is written in the reader's language
NOT_WORDS = re.compile(r"`[^`]*`|\$[^$]*\$|<[^>]*>|\]\([^)]*\)")


@dataclasses.dataclass(frozen=True)
class Piece:
    """A message and the place it has in a cell: lines `start` to `end` (exclusive), behind `marker`.

    `columns` is set for a string in the code only: its first and last column on those lines.
    """

    text: str
    start: int
    end: int
    marker: str = ""
    columns: tuple[int, int] | None = None


def messages(cells: list[NotebookNode]) -> list[str]:
    """Every message of the cells once, in the order of the text."""
    return list(dict.fromkeys(piece.text for cell in cells for piece in pieces(cell)))


def translate(cells: list[NotebookNode], table: dict[str, str]) -> list[NotebookNode]:
    """Return copies of the cells with every message of `table` replaced."""
    return [translate_cell(cell, table) for cell in cells]


def translate_cell(cell: NotebookNode, table: dict[str, str]) -> NotebookNode:
    """Return a copy of the cell with its messages replaced, from the bottom up, so that line numbers stay true."""
    cell = copy.deepcopy(cell)
    lines = cell.source.split("\n")
    for piece in sorted(pieces(cell), key=_place, reverse=True):
        if piece.text not in table:
            continue
        text = table[piece.text]
        if piece.columns:
            before = lines[piece.start].encode()[: piece.columns[0]].decode()
            after = lines[piece.end - 1].encode()[piece.columns[1] :].decode()
            lines[piece.start : piece.end] = [before + json.dumps(text, ensure_ascii=False) + after]
        else:
            lines[piece.start : piece.end] = (piece.marker + text).split("\n")
    cell.source = "\n".join(lines)
    return cell


def pieces(cell: NotebookNode) -> tuple[Piece, ...]:
    """The messages of one cell, in the order of their lines."""
    return _pieces(cell.cell_type, cell.source)


@functools.cache  # the same text is read for every language, for its catalogue and for its translation
def _pieces(cell_type: str, source: str) -> tuple[Piece, ...]:
    if cell_type == "markdown":
        return tuple(_markdown_pieces(source))
    if cell_type == "code":
        return tuple(sorted([*_comment_pieces(source), *_string_pieces(source)], key=_place))
    return ()


def _place(piece: Piece) -> tuple:
    return piece.start, piece.columns or (0, 0)


def has_words(text: str) -> bool:
    """Whether anything is left to translate when code, formulas, tags and link targets are taken away."""
    return bool(WORD.search(NOT_WORDS.sub(" ", text)))


def _markdown_pieces(source: str):
    lines = source.split("\n")
    tokens = MARKDOWN.parse(source)
    for opening, token in zip([None, *tokens], tokens):
        if token.type in LINE_BY_LINE:
            for number in range(*token.map):
                if has_words(lines[number]):
                    yield Piece(lines[number], number, number + 1)
        elif token.type == "inline" and opening.type in FLOWING:
            # The parser has taken bullets, quote marks and indentation away, from the first line and from the others.
            first = token.content.split("\n")[0]
            marker = lines[token.map[0]][: lines[token.map[0]].rindex(first)]
            text = re.sub(r"\s*\n\s*", " ", HARD_BREAK.sub("<br>", token.content))
            number = NUMBER.match(text)
            if number:
                marker, text = marker + number.group(), text[number.end() :]
            if has_words(text):
                yield Piece(text, *token.map, marker)


def _comment_pieces(source: str):
    lines = source.split("\n")
    private = set()
    for found in PRIVATE.finditer(source):
        private.update(range(source.count("\n", 0, found.start()), source.count("\n", 0, found.end()) + 1))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        number, column = token.start[0] - 1, token.start[1]
        if token.type != tokenize.COMMENT or number in private or lines[number][:column].strip():
            continue
        found = COMMENT.fullmatch(token.string)
        if found and has_words(found["text"]):
            yield Piece(found["text"], number, number + 1, lines[number][: column + 2])


def _string_pieces(source: str):
    for constant in worded(ast.parse(source)):
        if has_words(constant.value):
            columns = (constant.col_offset, constant.end_col_offset)
            yield Piece(constant.value, constant.lineno - 1, constant.end_lineno, columns=columns)


def worded(tree: ast.AST) -> list[ast.Constant]:
    """The strings in code that a person reads: messages of asserts, names of rule groups (`helpers.rules`), and texts.

    >>> [constant.value for constant in worded(ast.parse('rules = Rules({"long texts": 1})\\nassert x, "Too short."'))]
    ['long texts', 'Too short.']
    >>> [constant.value for constant in worded(ast.parse('sentence = "Wake me up."\\nname = "anger"'))]
    ['Wake me up.']
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            found.append(node.msg)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            groups = node.args[0] if node.func.id in ("Rules", "rules") and node.args else None
            found += groups.keys if isinstance(groups, ast.Dict) else [groups]
        elif isinstance(node, ast.Assign) and all(getattr(target, "id", None) in TEXTS for target in node.targets):
            found += ast.walk(node.value)
    strings = [node for node in found if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return sorted(strings, key=lambda node: (node.lineno, node.col_offset))
