"""Formulas as MathML that is built anew, from a list of what it may hold: what somebody wrote between dollar signs acts
nowhere.
"""

import html
from xml.etree import ElementTree

import latex2mathml.converter

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


def formula(text: str, options: dict) -> str:
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
