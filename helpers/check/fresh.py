"""The notebook, run from top to bottom in a fresh process.

In: a `Notebook`. Out: a `Result` for each cell of code, as it ends. The process that runs the kernel is one of its
own as well: in a notebook, an event loop runs already. `python -m helpers.check.fresh FILE FOLDER` is that process.
"""

import contextlib
import copy
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from helpers.check.reading import RUNNING, Notebook

INSTALL = re.compile(r"^\s*[%!]pip install .*transformers-course", re.M)
MOST_SAID = 4_000  # characters of what a cell prints that are looked at, the last ones
MOST_ERROR = 300
PATIENCE = 10  # seconds for a kernel to end
DIED = "died"


@dataclasses.dataclass(frozen=True)
class Result:
    """How a cell ended. `error` is "" where it did well; `kind` is the exception's class, `DIED` if the process died.

    `said` is the end of what it printed, `value` the text of its last value; `is_table`: it shows as a table, of rules.
    """

    index: int
    kind: str = ""
    error: str = ""
    said: str = ""
    value: str = ""
    is_table: bool = False


def run(notebook: Notebook) -> Iterator[Result]:
    """Run the notebook as it is, and yield what became of each cell, to the end or to the death of the process."""
    with tempfile.TemporaryDirectory(prefix="course-check-") as scratch:
        file = Path(scratch, "notebook.ipynb")
        file.write_text(json.dumps(runnable(notebook)), encoding="utf-8")
        command = [sys.executable, "-m", "helpers.check.fresh", str(file), str(notebook.folder)]
        process = subprocess.Popen(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )
        try:
            for line in process.stdout:
                yield Result(**json.loads(line))
        finally:
            _end(process)


def runnable(notebook: Notebook) -> dict:
    """The notebook's content without its outputs, and without the cell that installs the course: it is there."""
    content = copy.deepcopy(notebook.content)
    content["cells"] = [cell for cell in content["cells"] if isinstance(cell, dict)]
    for cell, raw in zip(notebook.cells, content["cells"], strict=True):
        raw["source"] = "" if cell.is_code and INSTALL.search(cell.source) else cell.source
        if cell.is_code:
            raw |= {"outputs": [], "execution_count": None}
    return content


def code_cells(notebook: Notebook) -> int:
    """How many results there are if all goes well."""
    cells = [cell for cell in notebook.cells if cell.is_code and cell.source.strip()]
    return sum(not INSTALL.search(cell.source) for cell in cells)


def _environment() -> dict[str, str]:
    """This process's, for a notebook that is run by no person; it finds `helpers` where this process found them."""
    environment = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    home = str(Path(__file__).resolve().parents[2])
    if Path(home).name not in ("site-packages", "dist-packages"):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [home, environment.get("PYTHONPATH")]))
    return {**environment, RUNNING: "1", "PYTHONIOENCODING": "utf-8"}


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


# ---- in the process of its own


def main(file: str, folder: str) -> None:
    """Run the notebook and print a `Result` a line."""
    import warnings

    import nbformat
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    warnings.simplefilter("ignore")
    notebook = nbformat.read(file, as_version=4)
    started = -1

    def on_start(cell, cell_index):
        nonlocal started
        started = cell_index

    def on_end(cell, cell_index, execute_reply):
        say(_result(cell_index, cell.outputs))

    client = NotebookClient(
        notebook,
        # A kernel of this Python, whatever the person's own list of kernels says.
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])),
        timeout=None,
        allow_errors=True,
        extra_arguments=["--log-level=CRITICAL"],
        on_cell_execute=on_start,
        on_cell_executed=on_end,
    )
    try:
        client.execute(cwd=folder, cleanup_kc=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except DeadKernelError:
        say(Result(started, kind=DIED))


def say(result: Result) -> None:
    print(json.dumps(dataclasses.asdict(result)), flush=True)


def _result(index: int, outputs: list) -> Result:
    said = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    value = next((output.data for output in outputs if output.output_type == "execute_result"), {})
    errors = [output for output in outputs if output.output_type == "error"]
    kind, message = (errors[0].ename, str(errors[0].evalue).strip()[:MOST_ERROR]) if errors else ("", "")
    return Result(
        index=index,
        kind=kind,
        error=message or _failing_line(errors),
        said=said[-MOST_SAID:],
        value=value.get("text/plain", "")[:MOST_ERROR],
        is_table="text/html" in value,
    )


def _failing_line(errors: list) -> str:
    """The line that the last arrow of a traceback points at: what an assert without a message says."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(errors[0].traceback)) if errors else ""
    return (re.findall(r"^-+> *\d+ (.*)$", text, re.M) or [""])[-1].strip()[:MOST_ERROR]


if __name__ == "__main__":
    main(*sys.argv[1:])
