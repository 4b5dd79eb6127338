"""A unit's notebook from top to bottom, by papermill.

In: unit, language, profile, parameters. Out: the executed notebook and `results.json` beside it: metrics,
seconds, device, versions, as the notebook's last cell reports them.
"""

import ast
import contextlib
import dataclasses
import json
import logging
import math
import os
import sys
import time
import warnings
from pathlib import Path

import nbformat

from course import ROOT, Refusal
from course.folder import replace_file
from course.verdict import bounded
from helpers import language as reader
from helpers import profiles
from helpers.show import RESULTS_MIME


class RunError(Refusal):
    """A run that cannot start or did not finish; the message names the cell."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run brought: where it lies, how long it took, on what, and the numbers."""

    folder: Path
    seconds: float
    device: str
    metrics: dict[str, float]


def run_unit(unit: str, language: str, *, profile: str, parameters: dict[str, str], out: Path) -> Outcome:
    """Run `source/<unit>-<language>/<unit>.ipynb` and write notebook and results under `out`.

    Raises `RunError`, also when a notebook that trains, and has the parameter `profile` for that, reports no results.
    """
    notebook = ROOT / "source" / f"{unit}-{language}" / f"{unit}.ipynb"
    if not notebook.is_file():
        built = sorted({path.stem for path in (ROOT / "source").glob("*/*.ipynb")})
        advice = f"the units are {', '.join(built)}" if built else "run `course build`"
        raise RunError(f"There is no notebook {notebook.relative_to(ROOT)}: {advice}.")
    defaults = _defaults(notebook)
    trains = "profile" in defaults
    values = _values(({"profile": profile} if trains or profile != "auto" else {}) | parameters, defaults)
    if trains:  # a typing mistake should not cost a kernel's start
        profiles.load(unit, values["profile"])
        for name in ("language", "data_language"):
            reader.known(values.get(name) or language)
    folder = out / f"{unit}-{language}"
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    executed = _execute(notebook, folder / f"{unit}.ipynb", values)
    seconds = time.monotonic() - started
    record = collect_results(executed) if trains else {"unit": unit, "metrics": {}, "device": "this machine"}
    record |= {"language": language, "seconds": round(seconds, 1), "parameters": values}
    replace_file(folder / "results.json", (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
    return Outcome(folder, seconds, record["device"], record["metrics"])


def _execute(notebook: Path, target: Path, values: dict):
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillException, PapermillExecutionError

    with _environment(), _quiet():
        try:
            return papermill.execute_notebook(
                str(notebook),
                str(target),
                parameters=values,
                progress_bar={"desc": target.stem} if sys.stderr.isatty() else False,
                kernel_name="python3",
                cwd=str(target.parent),
                extra_arguments=["--log-level=CRITICAL"],  # it warns about loopback TCP, and calls its end an error
            )
        except PapermillExecutionError as error:
            cause = bounded(f"{error.ename}: {error.evalue}")
            cell = _cell_id(target, error.cell_index)
            raise RunError(f"The notebook stopped in cell {cell}: {cause} (see {target}).") from None
        except DeadKernelError:
            raise RunError(f"The process of {notebook.name} died: was there enough memory? (see {target})") from None
        except PapermillException as error:
            raise RunError(f"{notebook.name} could not be run: {error}") from None


@contextlib.contextmanager
def _environment():
    """The kernel runs elsewhere, so a relative `$COURSE_DATA` is made absolute; it finds `helpers` in this folder."""
    added = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    if os.environ.get("COURSE_DATA"):
        added["COURSE_DATA"] = str(Path(os.environ["COURSE_DATA"]).resolve())
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _quiet():
    """papermill logs the names of its files, which does not help here."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _defaults(notebook: Path) -> dict:
    """The parameters of a notebook with the values that they have in it."""
    import papermill

    found = papermill.inspect_notebook(str(notebook))
    return {name: ast.literal_eval(parameter["default"]) for name, parameter in found.items()}


def _values(texts: dict[str, str], defaults: dict) -> dict:
    """Give each parameter the type that it has in the notebook. Raises `RunError` for what the notebook cannot take."""
    values = {}
    for name, text in texts.items():
        if name not in defaults:
            raise RunError(f"The notebook has no parameter {name!r}: it has {', '.join(sorted(defaults)) or 'none'}.")
        kind = type(defaults[name])
        try:
            values[name] = kind(text)
            fits = kind is str or 0 <= values[name] < math.inf
        except ValueError:
            fits = False
        if not fits:
            wanted = {int: "a whole number", float: "a number"}[kind]
            raise RunError(f"The parameter {name} must be {wanted}, 0 or more; this is {text!r}.")
    return values


def _cell_id(notebook: Path, index: int) -> str:
    """The id of a cell of an executed notebook; papermill counts without the two cells that report the error."""
    from papermill.execute import ERROR_MARKER_TAG

    cells = nbformat.read(notebook, as_version=4).cells
    return [cell.id for cell in cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", [])][index]


def collect_results(notebook) -> dict:
    """Return what `helpers.show.results` displayed. Raises `RunError` if the notebook shows no results."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            if RESULTS_MIME in output.get("data", {}):
                return dict(output["data"][RESULTS_MIME])
    raise RunError("The notebook ran to its end but reported no results: its last cell must call show.results.")
