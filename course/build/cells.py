"""The course's shorthand behind `# %%`: what it may say, and what belongs together.

In: a unit as its author wrote it. Out: `UnitError` for a cell that students could not answer, that nobody could grade,
or that would show them its solution.
"""

import re
from numbers import Real

from nbformat import NotebookNode

from course.build.read import PAIRS, Unit, UnitError
from course.build.shared import SHARED, profile_tables
from helpers import profiles

KEYS = {"code": ("answer", "test", "reference", "points", "tags"), "markdown": ("essay", "points", "shared", "tags")}
JUPYTEXT = {"cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"}  # it remembers how a text was laid out
NAME = re.compile(r"[a-z][a-z0-9_]*")
SOLUTION = PAIRS[0][0]
PROFILES = ("offline", "quick", "full")
PARAMETERS = '# %% tags=["parameters"], with profile = "auto" in it'


def check(unit: Unit) -> None:
    """Raise `UnitError` for the first thing that is wrong."""
    if not NAME.fullmatch(unit.name):
        raise UnitError(f"The unit {unit.name!r} needs a name of small letters, digits and _, as a Python module has.")
    answers: set[str] = set()
    tests: set[str] = set()
    for cell in unit.cells:
        _check_keys(unit.name, cell)
        if "answer" in cell.metadata:
            answers.add(_answer(unit.name, cell))
        if "test" in cell.metadata:
            tests.add(cell.metadata["test"])
            if not tests <= answers:
                raise UnitError(
                    f"{unit.name}: above the test {cell.metadata['test']!r} there is no cell "
                    f'# %% answer="{cell.metadata["test"]}".'
                )
    if untested := answers - tests:
        name = min(untested)
        raise UnitError(f'{unit.name}: the answer {name!r} has no test: a cell # %% test="{name}" points=… below it.')
    _check_parameters(unit)


def _check_keys(unit: str, cell: NotebookNode) -> None:
    beginning = cell.source.strip().partition("\n")[0]
    where = f"{unit}: the cell that begins with {beginning!r}"
    if cell.cell_type not in KEYS:
        raise UnitError(f"{where} is neither code nor [markdown].")
    known = KEYS[cell.cell_type]
    if unknown := sorted(cell.metadata.keys() - set(known) - JUPYTEXT):
        kind = "a code cell" if cell.cell_type == "code" else "a [markdown] cell"
        raise UnitError(f"{where} has the key {unknown[0]!r}; {kind} can have {', '.join(known)}.")
    graded = "test" in cell.metadata or "essay" in cell.metadata
    points = cell.metadata.get("points")
    if graded and "points" not in cell.metadata:
        name = cell.metadata.get("test") or cell.metadata.get("essay")
        raise UnitError(f"{unit}: {name!r} has no points: write points=2, say, behind it.")
    if points is not None and (not graded or isinstance(points, bool) or not isinstance(points, Real) or points < 0):
        raise UnitError(f"{where} has points={points}: points are a number, 0 or more, of a test or an essay.")
    if "shared" in cell.metadata:
        _check_shared(unit, cell)


def _check_shared(unit: str, cell: NotebookNode) -> None:
    name = cell.metadata["shared"]
    if name not in SHARED:
        raise UnitError(f"{unit}: there is no shared text {name!r}: choose one of {', '.join(SHARED)}.")
    if cell.source.strip():
        raise UnitError(
            f"{unit}: the cell with shared={name!r} stays empty, the builder writes into it: "
            "put what is the unit's own into a [markdown] cell above or below it."
        )


def _answer(unit: str, cell: NotebookNode) -> str:
    """The name of an answer that hides its solution."""
    name = cell.metadata["answer"]
    if SOLUTION not in cell.source:
        raise UnitError(
            f"{unit}: the answer {name!r} would show its solution: its cell is one import of the reference, such as "
            f"`from helpers.{unit} import {name}`, or has the solution between {' and '.join(PAIRS[0])}."
        )
    return name


def _check_parameters(unit: Unit) -> None:
    """A unit that trains is graded with a short training and run with any: the parameter `profile` says which."""
    cells = [cell for cell in unit.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) > 1:
        raise UnitError(f"{unit.name}: two cells have the tag parameters.")
    tables = profile_tables(unit)
    if tables and not any(re.search("^profile = ", cell.source, re.M) for cell in cells):
        raise UnitError(f"{unit.name}: a unit that calls profiles.load needs a cell of parameters: {PARAMETERS}.")
    for name in tables:
        for profile in PROFILES:
            try:
                profiles.load(name, profile)
            except (KeyError, TypeError, profiles.UnknownProfile) as error:
                reason = str(error) if isinstance(error, TypeError) else "it is not there"
                raise UnitError(
                    f"{unit.name}: helpers/profiles.toml needs [units.{name}.{profile}] with the settings of a "
                    f"training ({reason})."
                ) from None
