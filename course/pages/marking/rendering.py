"""A student's Markdown as HTML that a teacher's browser shows and nothing else.

In: what a student wrote. Out: `Markup`. Tags, links and pictures are shown as they were written,
headings as bold lines, so that they do not mix with those of the page; formulas as MathML that is built anew, from a
list of what it may hold.
"""

import html
from xml.etree import ElementTree

import latex2mathml.converter
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course.pages import markup
from course.pages.marking.grouping import differences

ANSWER_LIMIT = 10_000  # characters of an answer that are shown: five times what the longest question asks for
MOST_NESTED = 100  # quotations in quotations: what is deeper, markdown-it would leave out
FORMULA_LIMIT = 2_000  # characters of a formula: the converter is slow with longer ones
FORMULA_DEPTH = 30  # elements in elements: a browser takes minutes to lay out hundreds
MATHML = "http://www.w3.org/1998/Math/MathML"
ELEMENTS = {
    *("math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mstyle", "mpadded", "mphantom", "mfrac", "msqrt"),
    *("mroot", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts"),
    *("mfenced", "menclose", "mtable", "mtr", "mtd"),
}
ATTRIBUTES = {
    "display",
    "displaystyle",
    "mathvariant",
    "stretchy",
    "fence",
    "separator",
    "lspace",
    "rspace",
    "columnalign",
}
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


def _formula(text: str, options: dict) -> str:
    """MathML; what the converter does not know, or makes into something else than MathML, as it was written."""
    try:
        if len(text) > FORMULA_LIMIT:
            raise ValueError(text)
        display = "block" if options.get("display_mode") else "inline"
        # The converter puts text into its result unescaped: only what is well-formed and on the list goes on.
        root = ElementTree.fromstring(latex2mathml.converter.convert(text, display=display))
        if _depth(root) > FORMULA_DEPTH:
            raise ValueError(text)
        for element in root.iter():
            element.tag = element.tag.removeprefix(f"{{{MATHML}}}")
            if element.tag not in ELEMENTS:
                raise ValueError(element.tag)
            element.attrib = {name: value for name, value in element.attrib.items() if name in ATTRIBUTES}
        return ElementTree.tostring(root, encoding="unicode")
    except Exception:  # whatever either of them does not know
        return f"<code>{html.escape(text)}</code>"


def _depth(element: ElementTree.Element) -> int:
    return 1 + max(map(_depth, element), default=0)


def _bold_line(renderer, tokens, index, options, env) -> str:
    return "<p><strong>" if tokens[index].nesting > 0 else "</strong></p>\n"


def _table_cell(renderer, tokens, index, options, env) -> str:
    """Cells of a table's head may be empty, which no header of a table is."""
    return "<td>" if tokens[index].nesting > 0 else "</td>\n"


_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": MOST_NESTED}).enable("table")
_MARKDOWN.disable(["image", "link", "autolink", "reference", "html_block", "html_inline"])
_MARKDOWN.use(dollarmath_plugin, renderer=_formula)
_MARKDOWN.add_render_rule("heading_open", _bold_line)
_MARKDOWN.add_render_rule("heading_close", _bold_line)
_MARKDOWN.add_render_rule("th_open", _table_cell)
_MARKDOWN.add_render_rule("th_close", _table_cell)
