"""The last cells of a notebook: is it ready to hand in?

In: the builder's translated text. Out: two cells. The cell of code is an excursus: it is not run for a mark, and run by
a program it does nothing.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

CHECK = (
    "**Before you hand in**, save the notebook and run the last cell. It says which answers are missing, runs the "
    "notebook from top to bottom in a fresh process, and shows what the tests say there. That takes as long as running "
    "all cells once more."
)
CODE = "from helpers import check\n\ncheck.this_notebook()"


def end_cells(words: dict[str, str]) -> list[NotebookNode]:
    """What stands below the unit's own cells; `words` maps the text above to its translation."""
    return [new_markdown_cell(words[CHECK]), new_code_cell(CODE, metadata={"tags": ["lesson"]})]
