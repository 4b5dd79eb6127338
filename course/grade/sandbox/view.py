"""What a sandbox shows of this machine: the system, Python, and the student's side of this project.

In: nothing. Out: paths to be mounted read-only, the environment, and a folder with the student's side: the package
`helpers` without the functions that students are to write, and the part of the grader that runs in the sandbox.
"""

import ast
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")  # into /usr on Debian, folders elsewhere
SYSTEM = ("/usr", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types")
SIDE = "/opt/course"  # where a sandbox finds the student's side
REPO = Path(__file__).parents[3]
ANSWER = re.compile(r'^# %% answer="\w+"[^\n]*\nfrom helpers\.(\w+) import (\w+)$', re.MULTILINE)


def readable() -> list[str]:
    """The folders and files of the system and of Python."""
    return [path for path in dict.fromkeys([*SYSTEM, sys.base_prefix, sys.prefix]) if Path(path).exists()]


def hidden() -> list[str]:
    """Folders of this project that lie where Python's packages lie, and would be seen with them."""
    folders = [str(REPO / name) for name in ("course", "helpers")]
    return [folder for folder in folders if any(folder.startswith(f"{path}/") for path in readable())]


def environment(folder: str, models: str, side: str = SIDE) -> dict[str, str]:
    """An allow-list: no tokens, no proxies, nothing that says that this is a grader.

    Files go to `folder`; `models` holds those that `helpers` makes by hand, `side` the student's side.
    """
    home = f"{folder}/home"
    return {
        "TMPDIR": folder,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": side,
        "COURSE_MODELS": models,
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "HF_HOME": f"{home}/.huggingface",
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def make_side() -> str:
    """Make a folder with the student's side, which can be read by anybody; returns its path."""
    side = Path(tempfile.mkdtemp(prefix="course-side-"))
    side.chmod(0o755)
    shutil.copytree(REPO / "helpers", side / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    for module, names in graded_functions().items():
        path = side / "helpers" / f"{module}.py"
        path.write_text(without(path.read_text(encoding="utf-8"), names), encoding="utf-8")
    process = Path("course", "grade", "sandbox", "process")
    shutil.copytree(REPO / process, side / process, ignore=shutil.ignore_patterns("__pycache__"))
    for package in list(process.parents)[:-1]:
        shutil.copy(REPO / package / "__init__.py", side / package)
    return str(side)


def graded_functions() -> dict[str, set[str]]:
    """Module of `helpers` → the functions in it that a unit asks students to write."""
    found: dict[str, set[str]] = {}
    for path in sorted((REPO / "course" / "units").glob("*/unit.py")):
        for module, name in ANSWER.findall(path.read_text(encoding="utf-8")):
            found.setdefault(module, set()).add(name)
    return found


def without(source: str, names: set[str]) -> str:
    """The source of a module without some of its functions; its other lines stay where they are.

    >>> without("def f():\\n    return 1\\n\\n\\nx = 2\\n", {"f"})
    '\\n\\n\\n\\nx = 2\\n'
    """
    lines = source.split("\n")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = [""] * (node.end_lineno - first + 1)
    return "\n".join(lines)


def mount_points() -> list[str]:
    """The folders through which a system path is reached, other than links."""
    return [path for path in SYSTEM_LINKS if os.path.isdir(path)]
