"""How a reader opens a notebook: by badge and install cell in Colab or, while the course has no address, locally.

In: unit, language, the builder's translated texts, and the course's repository, `owner/name` on GitHub or "". Out: the
line under the title and the cells behind the header. Without a repository they promise nothing that leads nowhere:
neither badge nor link nor install cell, but the commands that open the notebook from a copy of the course.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from course.build.read import Unit
from helpers.language import BY_CODE

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"

COLAB_ALT = "Open in Colab"
COLAB_START = """\
**In Colab**

- The next cell installs the course. You can ignore lines in red about other packages.
- A GPU makes the training faster. Before you begin, switch it on in the menu: *Runtime → Change runtime type → T4 GPU*.
- Without a GPU the notebook works with little data and a small model. If that is `all-MiniLM-L6-v2` (about 90 MB) or \
`multilingual-e5-small` (about 470 MB), it is downloaded from the Hugging Face Hub, and you need no account for it.

Anywhere else the next cell does nothing.
"""
LOCAL_START = """\
**Open this notebook** on your computer, with Python 3.11 or newer. In a terminal, in the folder of the course:

1. `pip install ".[offline]" jupyterlab`
2. `jupyter lab {notebook}`
"""
TEXTS = (COLAB_ALT, COLAB_START, LOCAL_START)

# transformers 5, which helpers need, cannot be imported beside an older peft (`cannot import name 'HybridCache'`).
# Colab has peft: a newer one stays as it is, that of an older runtime is replaced together with its transformers.
PEFT = "peft>=0.18"


def notebook_url(repository: str, unit: str, language: str) -> str:
    """Where Colab opens the released notebook: an absolute address, since in Colab no other leads anywhere."""
    return f"https://colab.research.google.com/github/{repository}/blob/main/{_path(unit, language)}"


def with_links(header: str, unit: Unit, language: str, repository: str, alt: str) -> str:
    """Put the badge and the links to the unit's other languages under the title, if the course has an address."""
    if not repository:
        return header
    title, rest = header.split("\n", 1)
    badge = f"[![{alt}]({BADGE})]({notebook_url(repository, unit.name, language)})"
    others = [_link(unit.name, other, language, repository) for other in unit.languages]
    line = " · ".join([badge, *others] if len(others) > 1 else [badge])
    return "\n".join([title, "", line, rest])


def _link(unit: str, other: str, language: str, repository: str) -> str:
    name = BY_CODE[other].name
    return name if other == language else f"[{name}]({notebook_url(repository, unit, other)})"


def start_cells(unit: str, language: str, repository: str, words: dict[str, str]) -> list[NotebookNode]:
    """What stands between the header and the unit's own cells; `words` maps the texts above to their translation."""
    if not repository:
        text = words[LOCAL_START].replace("{notebook}", _path(unit, language))
        return [new_markdown_cell(text.rstrip())]
    install = new_code_cell(
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q "transformers-course @ git+https://github.com/{repository}" "{PEFT}"'
    )
    return [new_markdown_cell(words[COLAB_START].rstrip()), install]


def _path(unit: str, language: str) -> str:
    return f"release/{unit}-{language}/{unit}.ipynb"
