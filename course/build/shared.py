"""The text that stands in every unit: how to work with a notebook, what its switches do, how to hand in.

In: a unit, with cells `# %% [markdown] shared="work"`, say, in the places where it wants such a text; the builder's
texts, translated. Out: the text of such a cell, with the unit's numbers, models and data in it. A unit that has no such
cell has no such text.
"""

import ast
import functools
import re
from collections.abc import Callable, Iterable

from course.build.read import ORDER, Unit, UnitError, in_order, unit_names
from helpers import profiles
from helpers.data.catalog import DATASETS

WORK = """\
## How to work with this notebook

Run the cells from top to bottom: click a cell and press Shift + Enter. Between the explanations there are tasks \
that give points:
"""
EXERCISES = """\
**Exercises: {count}.** An exercise is a cell that says `raise NotImplementedError()`: replace that line with your own \
code. Right below stands a cell with tests. When you have run it, a table shows the rules of the exercise:

- ✓ you keep the rule;
- ✗ not yet, and the message says what to look at;
- … the rule is tested after you hand in.

A small test has no table: if it prints nothing, you are done.
"""
QUESTIONS = """\
**Written questions: {count}.** You answer in the cell below the question: double-click that cell, write, press \
Shift + Enter.
"""
MORE_TESTS = """\
When you hand in, more tests run than you can see here. They check the same rules on other examples, so follow the \
text of the exercise and not only the example.

> 💡 **Stuck?** Every exercise has two hints. The first one gives a direction, the second one nearly the code.
"""
NO_ACCOUNT = """\
You need no account and no token. If a warning about `HF_TOKEN` appears, you can ignore it.
"""
SWITCHES = """\
The cell above holds the switches of the run. With `profile = "auto"` the notebook takes the **full version** (`full`) \
if there is a GPU: a large published dataset and a larger model. Wherever there is no GPU, it takes the **reduced \
version** (`offline`): a small dataset that was written for this course, and a small model. It works without a network \
as soon as the course and the model are on your machine.
"""
COLUMNS = "| **Language of the texts** | **Full version** | **Reduced version** |"
ENCODERS = {
    "all-MiniLM-L6-v2": "`all-MiniLM-L6-v2`, MiniLM for short, has read hardly anything but English.",
    "multilingual-e5-small": "`multilingual-e5-small`, E5 for short, has read about a hundred languages.",
}
DATA_LANGUAGE = (
    "`data_language` is the language of the texts on which you train. Empty means the language of this notebook; with "
    '`"en"` you train on English.'
)
CHOSEN = "Leave the rest as it is: where a value is empty or zero, the course has chosen one."
RECOMMENDED = "The order of the units that we recommend: {order}."
HAND_IN = """\
**Hand in:** run everything once more from top to bottom, in Colab with *Runtime → Restart session and run all*, in \
JupyterLab with *Kernel → Restart Kernel and Run All Cells*. Save the notebook and download it, in Colab with \
*File → Download → Download .ipynb*, in JupyterLab with *File → Download*. Upload the `.ipynb` file where your teacher \
collects it.
"""
TEXTS = (
    WORK, EXERCISES, QUESTIONS, MORE_TESTS, NO_ACCOUNT, SWITCHES, COLUMNS, *ENCODERS.values(), DATA_LANGUAGE, CHOSEN,
    RECOMMENDED, HAND_IN,
)  # fmt: skip


def text(name: str, unit: Unit, words: dict[str, str]) -> str:
    """The text `name`, a key of `SHARED`, for a unit; `words` maps the texts above to their translation.

    Raises `UnitError` where the unit has nothing that the text speaks of.
    """
    return "\n\n".join(block.rstrip() for block in SHARED[name](unit, words))


def _work(unit: Unit, words: dict[str, str]) -> Iterable[str]:
    yield words[WORK]
    if exercises := sum("answer" in cell.metadata for cell in unit.cells):
        yield words[EXERCISES].format(count=exercises)
    if questions := sum("essay" in cell.metadata for cell in unit.cells):
        yield words[QUESTIONS].format(count=questions)
    if exercises:
        yield words[MORE_TESTS]
    yield words[NO_ACCOUNT]


def _switches(unit: Unit, words: dict[str, str]) -> Iterable[str]:
    if not (tables := profile_tables(unit)):
        raise UnitError(f'{unit.name}: shared="switches" speaks of profiles, and no cell calls profiles.load.')
    full, reduced = (
        {code: profiles.load(tables[0], kind, data_language=code) for code in unit.languages}
        for kind in ("full", "offline")
    )
    yield words[SWITCHES]
    yield "\n".join([words[COLUMNS], "| --- | --- | --- |", *(_row(full[code], reduced[code]) for code in full)])
    small = {profile.checkpoint for profile in reduced.values()}
    if known := [words[about] for name, about in ENCODERS.items() if name in small]:
        yield " ".join(known)
    yield " ".join([words[DATA_LANGUAGE], words[CHOSEN]] if _has_data_language(unit) else [words[CHOSEN]])


def _row(full: profiles.Profile, reduced: profiles.Profile) -> str:
    """The language; the dataset on the Hub and the model that is trained with it; the model of the reduced version."""
    data = [f"`{DATASETS[full.dataset].published.repository}`"] if full.dataset in DATASETS else []
    models = [*data, f"`{full.checkpoint}`"]
    return f"| `{full.data_language}` | {', '.join(models)} | `{reduced.checkpoint}` |"


def _has_data_language(unit: Unit) -> bool:
    cells = (cell.source for cell in unit.cells if "parameters" in cell.metadata.get("tags", []))
    return any(re.search("^data_language = ", source, re.M) for source in cells)


def _hand_in(unit: Unit, words: dict[str, str]) -> Iterable[str]:
    if unit.name in ORDER:
        known = in_order([name for name in unit_names() if name in ORDER])
        yield words[RECOMMENDED].format(order=" → ".join(f"`{name}`" for name in known))
    yield words[HAND_IN]


SHARED: dict[str, Callable[[Unit, dict[str, str]], Iterable[str]]] = {
    "work": _work,
    "switches": _switches,
    "hand_in": _hand_in,
}


def profile_tables(unit: Unit) -> list[str]:
    """The names for which a unit reads a profile, in the order of its text: `profiles.load("ner", profile)`."""
    found = [name for cell in unit.cells if cell.cell_type == "code" for name in _tables(cell.source)]
    return list(dict.fromkeys(found))


@functools.cache  # a unit's code is the same for every language
def _tables(source: str) -> list[str]:
    """The names for which a cell reads a profile.

    >>> _tables('profile = profiles.load("ner", profile)')
    ['ner']
    """
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    loads = [call.args[0] for call in calls if ast.unparse(call.func) == "profiles.load"]
    return [name.value for name in loads if isinstance(name, ast.Constant)]
