"""What a student writes is shown to the teacher formatted, and does nothing on the page."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.grade.formgrader import TAGS, harmless

KEPT = [
    "<h2>Answer</h2><p>Short <strong>and</strong> <em>good</em>, <code>a &lt; b</code></p>",
    "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
    "<details><summary>More</summary><p>Text</p></details>",
    '<p><a href="https://example.org/a?b=c">link</a></p>',
    '<img alt="plot" src="data:image/png;base64,AAAA">',
    "<p>$x &lt; y$ привет 🎉</p>",
]
GONE = {
    "<script>f()</script>": "<script",
    '<img src=x onerror="f()">': "onerror",
    '<img src="https://example.org/seen.png">': "example.org",
    '<a href="javascript:f()">x</a>': "javascript",
    '<a href="data:text/html,x">x</a>': "data:",
    '<p style="position:fixed">x</p>': "style=",
    '<iframe src="//example.org"></iframe>': "<iframe",
    '<form action="/"><input id="essay"></form>': "<input",
    '<p id="essay">x</p>': "id=",
    '<svg onload="f()"></svg>': "<svg",
}


@pytest.mark.parametrize("text", KEPT)
def test_what_formats_is_kept(text):
    assert harmless(text) == text


@pytest.mark.parametrize("text", GONE)
def test_what_acts_is_gone(text):
    assert GONE[text] not in harmless(text)


@given(
    st.lists(st.sampled_from([*KEPT, *GONE, "<", ">", '"', "<!--", "]]>", "<p", "onclick=f()"]), max_size=6).map(
        "".join
    )
)
def test_no_element_and_no_attribute_but_the_listed_ones(text):
    """Also of broken HTML put together from pieces."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, {name for name, _ in attrs}))

    Reader().feed(harmless(text))
    for tag, attributes in found:
        assert tag in TAGS
        assert attributes <= {"a": {"href"}, "img": {"src", "alt"}}.get(tag, set())
