"""The programs that a notebook shows in its texts, for the tests that run them."""

import re

import nbformat

from course import ROOT

PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def programs(unit: str, language: str) -> list[str]:
    """The Python between fences in the Markdown cells of the released notebook, in its order."""
    notebook = nbformat.read(ROOT / "release" / f"{unit}-{language}" / f"{unit}.ipynb", as_version=4)
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [program for text in texts for program in PROGRAM.findall(text)]
