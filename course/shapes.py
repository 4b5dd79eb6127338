"""The shape of code: its tokens without what every author chooses for themselves.

In: the source of a cell, which may be anything. Out: tokens, logical lines, runs of tokens. Two texts of one shape are
the same but for names, comments, docstrings and layout. What is no Python has no shape; nothing here ends in an error.
"""

import builtins
import io
import keyword
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

COMMENT = tokenize.COMMENT
SKIPPED = {COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
SKIPPED |= {tokenize.ENDMARKER}
SPAN = re.compile(r"```(?:python)?\n(.*?)```|`([^`\n]+)`", re.DOTALL)  # code in a text
FIXED = frozenset(keyword.kwlist) | frozenset(dir(builtins))  # names that nobody chooses
NO_PYTHON = (tokenize.TokenError, SyntaxError, ValueError)


def tokens(text: str, stub: frozenset[str] = frozenset()) -> list[str]:
    """The tokens of a text, with one word for all names that its author could choose; empty for what is no Python.

    Lines of the `stub` are left out.

    >>> tokens("def f(a):  # twice\\n    return len(a) * 2.0")
    ['def', '_', '(', '_', ')', ':', 'return', 'len', '(', '_', ')', '*', '2.0']
    """
    return [word for line in token_lines(text) if " ".join(line) not in stub for word in line]


def lines(text: str, stub: frozenset[str] = frozenset()) -> Counter:
    """The logical lines of a text as tokens, and how often each is there."""
    return Counter(line for words in token_lines(text) if (line := " ".join(words)) not in stub)


def token_lines(text: str) -> list[list[str]]:
    """The logical lines of a text, each a list of its tokens."""
    return [[word for word, _ in line] for line in placed_lines(text)]


def placed_lines(text: str) -> list[list[tuple[str, tokenize.TokenInfo]]]:
    """The logical lines of a text: each token as its shape has it, and as it stands in the text."""
    found: list[list[tuple[str, tokenize.TokenInfo]]] = [[]]
    previous = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NEWLINE:
                found.append([])
            if token.type in SKIPPED:
                continue
            is_docstring = token.type == tokenize.STRING and not found[-1] and previous in ("", ":")
            if not is_docstring:
                found[-1].append((_word(token, previous), token))
            previous = token.string
    except NO_PYTHON:
        return []
    return [line for line in found if line]


def comments(text: str) -> Iterator[str]:
    """The comments of a text; none for what is no Python."""
    try:
        found = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except NO_PYTHON:
        return
    yield from (token.string for token in found if token.type == COMMENT)


def runs(words: list[str], length: int) -> list[tuple[str, ...]]:
    """All runs of so many words in a row (Broder 1997 calls them shingles).

    >>> runs(["a", "b", "c"], 2)
    [('a', 'b'), ('b', 'c')]
    """
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]


def code_in(text: str) -> list[str]:
    """What stands as code in a text: in fences or backticks.

    >>> code_in("Use `len(x)`.")
    ['len(x)']
    """
    return [block or span for block, span in SPAN.findall(text)]


def _word(token: tokenize.TokenInfo, previous: str) -> str:
    """A token; a name that its author chose is as good as any other, but not the name of an attribute."""
    is_fixed = token.type != tokenize.NAME or token.string in FIXED or previous == "."
    return token.string if is_fixed else "_"
