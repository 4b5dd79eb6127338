"""What Sphinx lacks for our pages: ids that are the same in all languages, formulas without a script, a theme's words.

The ids of a page's sections come from `site.json`, in the order of its headings.
"""

import re

from docutils import nodes
from markupsafe import Markup
from sphinx.errors import ExtensionError

from course.pages.formula import formula

EMPTY_HEAD = re.compile(r"<th\b([^>]*)>(?:<p>|</p>|\s|&nbsp;)*</th>")


def setup(app):
    """Called by Sphinx."""
    app.connect("doctree-read", _name_sections)
    app.connect("html-page-context", _complete)
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _name_sections(app, doctree) -> None:
    """Give every section the id that it has in all languages, before the one that its title would give it."""
    site = app.config.html_context["site"]
    ids = site["sections"].get(app.env.docname)
    if ids is None:
        return
    sections = list(doctree.findall(nodes.section))
    if len(sections) != len(ids):
        raise ExtensionError(f"{app.env.docname} has {len(sections)} sections, but {len(ids)} in English.")
    for section, own in zip(sections, ids):
        section["ids"] = [own, *(one for one in section["ids"] if one != own)]


def _complete(app, pagename, templatename, context, doctree) -> None:
    """What templates call to say the theme's words in the reader's language, and to name its regions.

    The corner of a table is the head of nothing, so it becomes a plain cell.
    """
    said = app.config.html_context["site"]["words"]
    named = {
        '<aside class="sidebar-drawer">': f'<aside class="sidebar-drawer" aria-label="{said["pages"]}">',
        '<aside class="toc-drawer': f'<aside aria-label="{said["theme"]["On this page"]}" class="toc-drawer',
        'class="caption" role="heading"': 'class="caption" role="heading" aria-level="2"',
    }

    def translated(text) -> Markup:
        for english, own in (said["theme"] | named).items():
            text = text.replace(english, own)
        return Markup(text)

    context["translated"] = translated
    if "body" in context:
        context["body"] = EMPTY_HEAD.sub(r"<td\1></td>", context["body"])


def _inline(visitor, node) -> None:
    visitor.body.append(formula(node.astext(), {}))
    raise nodes.SkipNode


def _block(visitor, node) -> None:
    visitor.body.append(f'<div class="formula">{formula(node.astext(), {"display_mode": True})}</div>')
    raise nodes.SkipNode
