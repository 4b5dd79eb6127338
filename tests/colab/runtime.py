"""Colab's runtimes, made on this machine, and the notebooks run in them as a student would.

    sudo .venv/bin/python tests/colab/runtime.py newest previous
    sudo .venv/bin/python tests/colab/runtime.py newest --unit reviews --lang en --profile quick

A runtime is a folder with Debian 13, for its Python 3.13, and the packages that Colab brings, as newest.txt and
previous.txt beside this file list them. Then the command of the notebooks' own install cell runs there, with this copy
of the course in place of its repository, and every notebook, with the reference's answers, runs from top to bottom
through nbconvert. Exit code 0: all ran, and nothing of Colab's was replaced but what the list marks as "may move".

Two things are not as in Colab. There is no Hugging Face Hub, so the encoder's package is installed beside the course.
And torch comes with its GPU libraries, gigabytes of them, where no index without them is named:
--torch-index https://download.pytorch.org/whl/cpu. Needs root, mmdebstrap and bubblewrap.
"""

import argparse
import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import nbformat

from course import ROOT
from course.answers import fill, reference_answers
from course.build.read import LANGUAGES, unit_names
from course.build.write import build_unit

LISTS = Path(__file__).parent
RUNTIMES = ("newest", "previous")
ADDRESS = "owner/name"  # notebooks without one have no install cell
COURSE = "transformers-course"
MAY_MOVE = re.compile(r"^(\S+)==.*# may move$", re.M)
NOTEBOOK_LIMIT = 1800  # seconds; offline one takes a minute or two
DEBIAN = "http://deb.debian.org/debian"
SUITE = "trixie"  # Debian 13: Python 3.13, as in Colab


class Failed(Exception):
    """A runtime that could not be made, or a notebook that stopped; the message is what a person reads."""


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A Python with packages of its own: `python` is its path as commands see it that are run behind `prefix`.

    `folder` is what they see as `seen`.
    """

    python: str
    folder: Path
    seen: str
    prefix: tuple[str, ...] = ()

    def run(self, *arguments: str, timeout: float | None = None, **environment: str) -> str:
        """Run `python arguments…` and return what it prints. Raises `Failed` with the last line of what went wrong."""
        command = [*self.prefix, self.python, *arguments]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment}
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"nothing after {timeout:.0f} s") from None
        if done.returncode:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise Failed(" | ".join(lines[-3:])[-800:])
        return done.stdout


def make_debian(folder: Path, mirror: str) -> Runtime:
    """Make a folder with Debian 13 and an environment for Python in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    include = "--include=ca-certificates,python3-venv"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, str(folder), mirror]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"mmdebstrap made no Debian 13 from {mirror}: {done.stderr.strip()[-500:]}")
    prefix = ["bwrap", "--die-with-parent", "--bind", str(folder), "/", "--dev", "/dev", "--proc", "/proc"]
    prefix += ["--tmpfs", "/tmp", "--chdir", "/", "--setenv", "HOME", "/root", "--unsetenv", "PIP_FIND_LINKS"]
    for shared in ("/etc/resolv.conf", "/etc/ssl/certs", "/etc/pip.conf"):  # the network, as on this machine
        prefix += ["--ro-bind-try", shared, shared]
    Runtime("/usr/bin/python3", folder, "", tuple(prefix)).run("-m", "venv", "/colab")
    return Runtime("/colab/bin/python", folder, "", tuple(prefix))


def make_venv(folder: Path) -> Runtime:
    """Make an environment with the Python at hand, and its torch, which is too large to be installed twice."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    runtime = Runtime(str(folder / "bin" / "python"), folder, str(folder))
    here = Path(next(path for path in sys.path if (Path(path) / "torch" / "__init__.py").is_file()))
    there = Path(runtime.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'), end='')"))
    for entry in here.iterdir():
        if re.match(r"(functorch|nvidia|torch|torchgen|triton|cuda)(\b|_)", entry.name):
            (there / entry.name).symlink_to(entry)
    return runtime


def packages(name: str, torch: str | None = None) -> list[str]:
    """What a runtime brings, as requirements; with another `torch` where one is named, and without it for ""."""
    lines = [line.partition("#")[0].strip() for line in _list(name).splitlines()]
    others = [line for line in lines if line and not (torch is not None and line.startswith("torch=="))]
    return others + ([f"torch=={torch}"] if torch else [])


def may_move(name: str) -> set[str]:
    """The packages of a runtime that the install cell may replace."""
    return {_normal(package) for package in MAY_MOVE.findall(_list(name))}


def install(runtime: Runtime, command: list[str]) -> dict[str, str]:
    """Run the install cell's command with this copy of the course; returns what was there before and is not any more.

    The keys are packages, the values their versions before and after.
    """
    shutil.copytree(ROOT / "helpers", runtime.folder / "copy" / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", runtime.folder / "copy")
    copy = f"{runtime.seen}/copy"
    before = _versions(runtime)
    runtime.run("-m", "pip", *(copy if word.startswith(f"{COURSE} @ ") else word for word in command))
    after = _versions(runtime)
    encoders = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["offline"]
    runtime.run("-m", "pip", "install", "--quiet", "--no-deps", *encoders)
    return {name: f"{old} → {after.get(name)}" for name, old in before.items() if after.get(name) != old}


def _versions(runtime: Runtime) -> dict[str, str]:
    lines = runtime.run("-m", "pip", "list", "--format=freeze").split()
    return {_normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _list(name: str) -> str:
    return (LISTS / f"{name}.txt").read_text(encoding="utf-8")


def answered(unit: str, languages: tuple[str, ...] = LANGUAGES) -> dict[str, nbformat.NotebookNode]:
    """`unit-language` → the released notebook with the reference's answers, as Colab would open it."""
    built = {made.path.parent.name: made.release for made in build_unit(unit, address=ADDRESS)}
    chosen = [name for name in built if name.rpartition("-")[2] in languages]
    return {name: fill(nbformat.reads(built[name], as_version=4), reference_answers(unit)) for name in chosen}


def with_profile(notebook: nbformat.NotebookNode, profile: str) -> nbformat.NotebookNode:
    """Set the notebook's switch."""
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = re.sub(r"^profile = .*$", f'profile = "{profile}"', cell.source, flags=re.M)
    return notebook


def install_command(notebook: nbformat.NotebookNode) -> list[str]:
    """The words behind `%pip` of the notebook's install cell."""
    (line,) = [line for cell in notebook.cells for line in cell.source.split("\n") if line.strip().startswith("%pip")]
    return shlex.split(line)[1:]


def execute(runtime: Runtime, name: str, notebook: nbformat.NotebookNode) -> float:
    """Run a notebook through nbconvert; returns the seconds. Raises `Failed` with the error where it stopped."""
    (runtime.folder / "notebooks").mkdir(exist_ok=True)
    nbformat.write(notebook, runtime.folder / "notebooks" / f"{name}.ipynb")
    started = time.monotonic()
    path = f"{runtime.seen}/notebooks/{name}.ipynb"
    command = ("-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", path)
    runtime.run(*command, timeout=NOTEBOOK_LIMIT, JUPYTER_PREFER_ENV_PATH="1", OMP_WAIT_POLICY="PASSIVE")
    return time.monotonic() - started


def debian_mirror() -> str:
    """The mirror that this machine's apt uses for Debian, otherwise Debian's own address."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    found = subprocess.run(command, capture_output=True, text=True).stdout if shutil.which("apt-get") else ""
    mirrors = [line.partition(" ")[2] for line in found.splitlines() if line.startswith("Debian ")]
    return next((mirror for mirror in mirrors if "security" not in mirror), DEBIAN)


def check(name: str, notebooks: dict[str, nbformat.NotebookNode], options: argparse.Namespace, folder: Path) -> bool:
    """Make a runtime, install, run the notebooks, say how it goes; returns whether all is well."""
    say = f"{name}:".ljust(10)
    print(f"{say}Debian 13 from {options.mirror}, in {folder}", flush=True)
    runtime = make_debian(folder, options.mirror)
    wanted = packages(name, options.torch)
    print(f"{say}{len(wanted)} packages of Colab's", flush=True)
    index = ["--extra-index-url", options.torch_index] if options.torch_index else []
    runtime.run("-m", "pip", "install", "--quiet", *index, *wanted)
    command = install_command(next(iter(notebooks.values())))
    print(f"{say}pip {shlex.join(command)}", flush=True)
    moved = install(runtime, command)
    wrong = moved.keys() - may_move(name)
    for package, versions in moved.items():
        print(f"{say}{'MOVED' if package in wrong else 'moved'} {package} {versions}", flush=True)
    failed = 0
    for number, (which, notebook) in enumerate(notebooks.items(), start=1):
        print(f"{say}[{number}/{len(notebooks)}] {which} ", end="", flush=True)
        try:
            print(f"{execute(runtime, which, with_profile(notebook, options.profile)):.0f} s", flush=True)
        except Failed as error:
            failed += 1
            print(f"STOPPED: {error}", flush=True)
    print(f"{say}{len(notebooks) - failed} ran, {failed} stopped, {len(wrong)} packages moved that may not", flush=True)
    return not failed and not wrong


def main() -> int:
    """Check the runtimes named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtimes", nargs="+", choices=RUNTIMES, metavar="RUNTIME", help="newest, previous")
    parser.add_argument("--unit", choices=unit_names(), help="only this unit")
    parser.add_argument("--lang", choices=LANGUAGES, help="only this language")
    parser.add_argument("--profile", default="offline", help="the notebooks' switch (default: offline)")
    parser.add_argument("--torch", metavar="VERSION", help="another torch than the runtime's")
    parser.add_argument("--torch-index", metavar="URL", help="where torch may come from besides pip's own index")
    parser.add_argument("--mirror", default=debian_mirror(), help="of Debian (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="make and keep the runtimes here (default: a temporary folder)")
    options = parser.parse_args()
    missing = [tool for tool in ("mmdebstrap", "bwrap") if not shutil.which(tool)]
    if missing or os.geteuid():
        parser.error(f"needed: {', '.join(missing) or 'root'}. apt-get install mmdebstrap bubblewrap, and sudo.")
    languages = (options.lang,) if options.lang else LANGUAGES
    notebooks = {}
    for unit in (options.unit,) if options.unit else unit_names():
        notebooks |= answered(unit, languages)
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="colab-"))).resolve()
    try:
        well = [check(name, notebooks, options, folder / name) for name in options.runtimes]  # each, whatever the last
        return 0 if all(well) else 1
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if not options.folder:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
