"""Markdown, code and outputs as HTML that no browser runs.

In: a teacher's Markdown, anybody's Python, a notebook's outputs. Out: `Markup` that Jinja2 does not escape again. Tags
in the Markdown are shown as text; formulas become MathML; code is highlighted; of outputs, text and PNG pictures stay.
"""

import html
import re

from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course.pages.formula import formula
from course.pictures import is_picture

OUTPUT_LIMIT = 2000  # characters of one printed output
ANSWER_LIMIT = 40_000  # characters of one answer
PICTURE_LIMIT = 1 << 20  # bytes of one picture, in base64
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
CODE = re.compile(r"`([^`]+)`")
TEMPLATES = Environment(
    loader=PackageLoader("course.pages", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def _highlighted(code: str, name: str = "python", attributes: str = "") -> str:
    if name not in ("", "python"):
        return html.escape(code)
    return highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n")


_MARKDOWN = MarkdownIt("commonmark", {"html": False, "highlight": _highlighted}).enable("table")
_MARKDOWN.use(dollarmath_plugin, renderer=formula)


def markdown(text: str) -> Markup:
    """A teacher's Markdown."""
    return Markup(_MARKDOWN.render(text))


def inline(text: str) -> Markup:
    """A line of a teacher's Markdown, such as a heading."""
    return Markup(_MARKDOWN.renderInline(text))


def sentence(text: str) -> Markup:
    """A sentence in which what stands in backticks is code; everything else is text."""
    return Markup(CODE.sub(r"<code>\1</code>", html.escape(text)))


def python(code: str) -> Markup:
    """Python, highlighted."""
    return Markup(f"<pre>{_highlighted(_cut(code, ANSWER_LIMIT))}</pre>")


def text(value: str) -> Markup:
    """What was printed, or a written answer."""
    return Markup(f"<pre>{html.escape(_cut(value, OUTPUT_LIMIT))}</pre>")


def output(cell_output: NotebookNode, alt: str) -> Markup:
    """Text as text, PNG as a picture; HTML, SVG, JavaScript and whatever else there may be are left out."""
    if cell_output.output_type == "stream":
        return text(cell_output.get("text", ""))
    if cell_output.output_type == "error":
        return text(f"{cell_output.get('ename', '')}: {cell_output.get('evalue', '')}")
    data = cell_output.get("data", {})
    picture = data.get("image/png")
    if isinstance(picture, str) and len(picture) <= PICTURE_LIMIT and is_picture("image/png", picture):
        source = html.escape("".join(picture.split()))
        return Markup(f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">')
    return text(data["text/plain"]) if isinstance(data.get("text/plain"), str) else Markup("")


def _cut(value: str, limit: int) -> str:
    value = ANSI.sub("", str(value))
    return value if len(value) <= limit else value[:limit] + "\n[…]"
