"""A student's Markdown as HTML that a teacher's browser shows and nothing else.

In: what a student wrote. Out: `Markup`. Tags, links and pictures are shown as they were written,
headings as bold lines, so that they do not mix with those of the page; formulas as MathML that is built anew, from a
list of what it may hold.
"""

import html

from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course.pages import markup
from course.pages.formula import formula
from course.pages.marking.grouping import differences

ANSWER_LIMIT = 10_000  # characters of an answer that are shown: five times what the longest question asks for
MOST_NESTED = 100  # quotations in quotations: what is deeper, markdown-it would leave out
TAGS = {"same": "", "less": "del", "more": "ins"}


def answer(text: str, *, is_code: bool) -> Markup:
    """A student's answer."""
    text = text if len(text) <= ANSWER_LIMIT else text[:ANSWER_LIMIT] + "\n\n[…]"
    return markup.python(text) if is_code else Markup(_MARKDOWN.render(text))


def compared(first: str, other: str) -> Markup:
    """The other text, with what it has more and less than the first one."""
    found = Markup("")
    for kind, piece in differences(first[:ANSWER_LIMIT], other[:ANSWER_LIMIT]):
        tag = TAGS[kind]
        found += Markup(f"<{tag}>{html.escape(piece)}</{tag}>") if tag else Markup.escape(piece)
    return found


def _bold_line(renderer, tokens, index, options, env) -> str:
    return "<p><strong>" if tokens[index].nesting > 0 else "</strong></p>\n"


def _table_cell(renderer, tokens, index, options, env) -> str:
    """Cells of a table's head may be empty, which no header of a table is."""
    return "<td>" if tokens[index].nesting > 0 else "</td>\n"


_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": MOST_NESTED}).enable("table")
_MARKDOWN.disable(["image", "link", "autolink", "reference", "html_block", "html_inline"])
_MARKDOWN.use(dollarmath_plugin, renderer=formula)
_MARKDOWN.add_render_rule("heading_open", _bold_line)
_MARKDOWN.add_render_rule("heading_close", _bold_line)
_MARKDOWN.add_render_rule("th_open", _table_cell)
_MARKDOWN.add_render_rule("th_close", _table_cell)
