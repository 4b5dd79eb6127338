"""What a submission prints and shows: it stays small, and nobody's browser or terminal runs it."""

# ruff: noqa: E501  (students' programs)

import html.parser
import json
import re

import nbformat
import pytest

ALL = {"test_add", "test_scale", "test_tally"}

SCRIPT = "<script>alert(document.cookie)</script><img src=x onerror=alert(1)>"
MARKUP = {
    "29: HTML": f"from IPython.display import HTML, display\ndisplay(HTML({SCRIPT!r}))",
    "29: JavaScript": "from IPython.display import Javascript, display\ndisplay(Javascript('alert(1)'))",
    "29: SVG": "from IPython.display import SVG, display\ndisplay(SVG(data='<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>'))",
    "Markdown": f"from IPython.display import Markdown, display\ndisplay(Markdown({SCRIPT!r}))",
    "LaTeX": "from IPython.display import Latex, display\ndisplay(Latex('\\\\href{javascript:alert(1)}{x}'))",
    "printed": f"print({SCRIPT!r})",
    "as text of a picture": f"from IPython.display import publish_display_data\npublish_display_data({{'image/png': '\"><script>alert(1)</script>', 'text/plain': {SCRIPT!r}}})",
    "as an error": f"raise type({SCRIPT!r}, (Exception,), {{}})({SCRIPT!r})",
    "as an object's representation": f"class R:\n    __repr__ = lambda s: {SCRIPT!r}\n    _repr_html_ = __repr__\nR()",
    "as the answer itself": f"# {SCRIPT} </pre><script>alert(1)</script>",
    "an unknown kind": f"from IPython.display import publish_display_data\npublish_display_data({{'application/vnd.custom+html': {SCRIPT!r}, 'text/html': 5}})",
}  # fmt: skip


class Tags(html.parser.HTMLParser):
    """The elements and attributes of a page, as a browser sees them."""

    def __init__(self, page: str):
        super().__init__()
        self.seen = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


@pytest.mark.parametrize("name", MARKUP)
def test_29_no_markup_of_a_student_is_on_the_page(grade, name):
    """It is shown as text, or not at all; in the graded notebook there is nothing that formgrader would run."""
    correct = "def add(a, b):\n    total = a + b\n    return total"
    outcome = grade(add=f"{correct}\n{MARKUP[name]}", essay=f"Because {SCRIPT}")
    assert outcome.earned == ALL
    for tag, attributes in Tags(outcome.page).seen:
        assert tag not in ("script", "svg", "iframe", "object", "embed", "form", "link")
        assert re.fullmatch(r"#exercise-\d+", attributes.get("href", "#exercise-1"))
        assert not any(key.startswith("on") for key in attributes)
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
    outputs = [
        output for cell in nbformat.reads(outcome.notebook.decode(), 4).cells for output in cell.get("outputs", [])
    ]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert kinds <= {"text/plain", "image/png", "image/jpeg"}


def test_a_message_of_a_student_is_no_markup(grade):
    """An exception's text stands on the page as text."""
    outcome = grade(add=f"def add(a, b):\n    raise ValueError({SCRIPT!r})")
    assert "<script>" not in outcome.page
    assert "&lt;script&gt;" in outcome.page


BOMBS = {
    "19: fifty megabytes": "print('x' * 50_000_000)",
    "19: fifty megabytes on stderr": "import sys\nprint('x' * 50_000_000, file=sys.stderr)",
    "three hundred thousand lines": "for n in range(300_000):\n    print(n)",
    "written past Python": "import os\nfor _ in range(500):\n    os.write(1, b'x' * 100_000)",
    "a child's": "import subprocess\nsubprocess.run('yes | head -c 50000000', shell=True)",
    "a display of a hundred megabytes": "from IPython.display import display\ndisplay({'text/plain': 'x' * 100_000_000}, raw=True)",
    "a value of a hundred megabytes": "class R:\n    __repr__ = lambda s: 'x' * 100_000_000\nR()",
    "ten thousand displays": "from IPython.display import display\nfor n in range(10_000):\n    display(n)",
    "a picture of fifty megabytes": "from IPython.display import display\ndisplay({'image/png': b'x' * 50_000_000}, raw=True)",
    "an error of fifty megabytes": "raise ValueError('x' * 50_000_000)",
    "ANSI codes": "print('\\x1b[31m\\x1b[2J\\x1b]0;title\\x07' * 20_000)",
    "control characters": "print(''.join(map(chr, range(32))) * 1000)",
    "half an emoji": "import sys\nsys.stdout.buffer.write(b'\\xed\\xa0\\x80' * 10) if hasattr(sys.stdout, 'buffer') else None\nprint(chr(0xd800))",
    "half an emoji, displayed": "from IPython.display import display\ndisplay({'text/plain': chr(0xd800)}, raw=True)",
    "half an emoji as an error": "raise ValueError(chr(0xd800))",
    "no text": "from IPython.display import display\ndisplay({'text/plain': 5, 'text/html': None, 'application/json': {'a': object()}, 3: 'x'}, raw=True)",
    "JSON with half a million values": "from IPython.display import JSON, display\ndisplay(JSON([1] * 500_000))",
    "clear_output": "from IPython.display import clear_output, display\nfor _ in range(1000):\n    clear_output()\n    display('x', display_id='one')",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_19_outputs_stay_small(grade, name):
    """In a cell and in a tested function; the notebook can be written and read, and the points are there."""
    body = "pass" if "raise" in BOMBS[name] else BOMBS[name].replace("\n", "\n        ")
    outcome = grade(
        before=(BOMBS[name],),
        add=f"def add(a, b):\n    if a == -4:\n        {body}\n    return a + b",
        limits={"cell_seconds": 60},
    )
    assert outcome.earned == ALL
    assert outcome.verdict.verdict == "graded"
    assert len(outcome.notebook) < 20_000_000
    assert len(outcome.page) < 100_000
    nbformat.validate(json.loads(outcome.notebook))


def test_what_is_printed_takes_no_memory(grade):
    """A gigabyte passes through a process that may have a quarter of it."""
    cell = "for _ in range(1000):\n    print('x' * 1_000_000)"
    outcome = grade(before=(cell,), limits={"cell_seconds": 60, "memory_mib": 256})
    assert (outcome.earned, outcome.verdict.verdict) == (ALL, "graded")


def test_19_many_cells_that_print_much(grade):
    """A hundred cells of a megabyte each: the graded notebook does not become a hundred megabytes."""
    outcome = grade(before=("print('x' * 2_000_000)",) * 100, limits={"cell_seconds": 60})
    assert outcome.earned == ALL
    assert len(outcome.notebook) < 50_000_000


PICTURES = {"huge": (50_000, 50_000), "long": (1, 30_000), "small": (40, 30)}


@pytest.mark.parametrize("name", PICTURES)
def test_a_small_file_that_is_a_huge_picture_is_left_out(grade, name):
    """A browser, and nbconvert, would unpack it: four bytes a pixel."""
    width, height = PICTURES[name]
    cell = f"""import struct, zlib
from IPython.display import Image, display
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
packer, row = zlib.compressobj(9), bytes(1 + {width} * 3)
rows = b"".join(packer.compress(row) for _ in range(min({height}, 64))) + packer.flush()
header = struct.pack(">IIBBBBB", {width}, {height}, 8, 2, 0, 0, 0)
display(Image(b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")))"""
    outcome = grade(before=(cell,))
    assert outcome.earned == ALL
    assert (b"image/png" in outcome.notebook) == (name == "small")
