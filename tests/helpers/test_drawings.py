"""Drawings are SVG that any browser reads, with a text, in the reader's language."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from helpers import drawings, language
from helpers.language import LANGUAGES

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("layer", "encoder", "decoder", "encoder_decoder")
each = pytest.mark.parametrize(("name", "code"), [(name, code) for name in NAMES for code in LANGUAGES])


def drawn(name, code):
    with language.speaking(code):
        return drawings.figure(name)


@each
def test_a_figure_has_a_text_and_no_script(name, code):
    figure = drawn(name, code)
    root = ElementTree.fromstring(figure.svg)
    assert root.get("role") == "img" and root.get("aria-label") == figure.text
    assert root.find(f"{SVG}title").text == figure.text
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "defs", "marker", "path", "rect", "line", "text"
    }  # fmt: skip


@each
def test_everything_stands_inside_the_picture(name, code):
    root = ElementTree.fromstring(drawn(name, code).svg)
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    assert width <= 800
    for box in root.iter(f"{SVG}rect"):
        assert float(box.get("x") or 0) >= 0 and float(box.get("x") or 0) + float(box.get("width")) <= width
    for word in root.iter(f"{SVG}text"):
        length, x = len(word.text) * drawings.LETTER, float(word.get("x"))
        left = x - {"start": 0, "middle": 0.5, "end": 1}[word.get("text-anchor")] * length
        assert left >= 0 and left + length <= width and 0 < float(word.get("y")) < height


def test_in_a_decoder_nobody_sees_what_comes_later():
    lines = {name: drawn(name, "en").svg.count("<line") for name in ("encoder", "decoder")}
    assert lines == {"encoder": 16, "decoder": 10}


def test_each_language_has_its_own_words():
    assert len({drawn("layer", code).text for code in LANGUAGES}) == len(LANGUAGES)


def test_lines_are_thicker_where_more_is_attended_to():
    weights = np.array([[0.9, 0.1], [0.02, 0.98]])
    drawing = drawings.attention(["<s>", "the"], weights)
    root = ElementTree.fromstring(drawing.svg)
    widths = [float(line.get("stroke-width")) for line in root.iter(f"{SVG}line")]
    assert len(widths) == 3 and widths[0] > widths[1]
    assert "the → the (0.98), <s> → <s> (0.90)" in drawing.text


def test_a_notebook_gets_the_picture_and_its_text():
    drawing = drawings.attention(["a", "b"], np.eye(2))
    assert drawing._repr_mimebundle_() == {"image/svg+xml": drawing.svg, "text/plain": drawing.text}
