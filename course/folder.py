"""A course folder: where the teacher's notebooks, the submissions and what the grader writes lie.

In: the path of a folder. Out: paths in it, by the rules of its `nbgrader_config.py`; the students who handed something
in, and the files that they handed in, as bytes. Links are never followed: they could lead anywhere on the teacher's
machine. Whatever lies in a submission's folder, reading it ends in files or in `Unfit`, never in another error.
"""

import contextlib
import dataclasses
import functools
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course import Refusal
from course.verdict import NAME_LIMIT, bounded

STEPS = ("source", "release", "submitted", "autograded", "feedback")
STRUCTURE = "{nbgrader_step}/{student_id}/{assignment_id}"
STUDENT_LIMIT = 128  # characters of a student's name: a gradebook in PostgreSQL takes no more
MAX_FILES = 500  # of a submission that are looked at
MAX_DEPTH = 6  # folders in folders
MAX_NOTEBOOK = 64 << 20  # bytes of a notebook or an archive; one byte more is read, to see that it is too much
MAX_OTHER = 32 << 20  # bytes of any other file
MAX_TOTAL = 128 << 20  # bytes of a submission
FILES_LIMIT = 256 << 20  # bytes of the teacher's data files that are laid beside a notebook


class CourseError(Refusal):
    """A course folder that cannot be used; the message says what is missing."""


class Unfit(Exception):
    """A submission without a file that could be graded; `outcome` is the word for it, the message says why."""

    def __init__(self, outcome: str, message: str):
        super().__init__(message)
        self.outcome = outcome


@dataclasses.dataclass(frozen=True)
class Folder:
    """A course folder. `directories` are the names of its steps, `structure` how paths are made of them."""

    root: Path
    config: Config
    directories: tuple[tuple[str, str], ...]
    structure: str

    @classmethod
    def at(cls, path: Path) -> "Folder":
        """Read the folder's `nbgrader_config.py`, if it has one. Raises `CourseError`."""
        root = path.resolve()
        config = read_config(root)
        settings = config.get("CourseDirectory", {})
        directories = tuple((step, str(settings.get(f"{step}_directory", step))) for step in STEPS)
        return cls(root, config, directories, str(settings.get("directory_structure", STRUCTURE)))

    def path(self, step: str, assignment: str, student: str = ".") -> Path:
        """The folder of an assignment in one of nbgrader's steps."""
        directory = dict(self.directories)[step]
        parts = self.structure.format(nbgrader_step=directory, student_id=student, assignment_id=assignment)
        return self.root / parts

    def home(self, step: str) -> Path:
        """The folder of a step."""
        return self.root / dict(self.directories)[step]

    def notebooks(self, step: str, assignment: str) -> list[Path]:
        """The notebooks of an assignment, in alphabetical order."""
        return sorted(path for path in self.path(step, assignment).glob("*.ipynb") if path.is_file())

    def assignments(self, step: str = "source") -> list[str]:
        """The assignments that have a source, or a folder in another of the steps before handing in."""
        parent = self.path(step, "*").parent
        return sorted(path.name for path in parent.glob("*") if path.is_dir() and path.name[0] not in "._")

    def students(self, assignment: str) -> list[str]:
        """Who handed in something, in alphabetical order. Hidden folders are nobody's."""
        pattern = self.path("submitted", assignment, "*")
        place = pattern.relative_to(self.root).parts.index("*")
        above = self.root.joinpath(*pattern.relative_to(self.root).parts[:place])
        below = pattern.relative_to(self.root).parts[place + 1 :]
        names = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(above) as entries:
            for entry in entries:
                if entry.name[0] != "." and _may_hold(Path(entry.path).joinpath(*below)):
                    names.append(entry.name)
        return sorted(names)

    def handed_in(self, assignment: str, student: str) -> list[tuple[str, float, bytes]]:
        """Path, time of the last change and content of each file in a submission's folder. Raises `Unfit`."""
        if problem := name_problem(student):
            raise Unfit("unreadable", problem)
        folder = self.path("submitted", assignment, student)
        files, links, trouble = [], 0, None
        room = MAX_TOTAL
        try:
            if folder.is_symlink() or folder.parent.is_symlink():
                raise Unfit("wrong_notebook", "The submission's folder is a symbolic link: it is not followed.")
            for path, entry in _walk(folder, 0):
                if entry.is_symlink():
                    links += 1
                elif entry.is_file(follow_symlinks=False):
                    try:
                        file = _read(folder, path, min(room, MAX_TOTAL))
                    except OSError as error:
                        trouble = error
                        continue
                    room -= len(file[2])
                    files.append(file)
        except OSError as error:
            trouble = error
        if not files and trouble:
            raise Unfit("unreadable", f"The submission cannot be read: {trouble.strerror}.")
        if not files and links:
            raise Unfit("wrong_notebook", "The notebook is a symbolic link: it is not followed.")
        return files

    def data_files(self, assignment: str) -> tuple[tuple[str, bytes], ...]:
        """The teacher's files beside the notebooks of an assignment. Raises `CourseError`."""
        source = self.path("source", assignment)
        paths = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
        paths = [
            path for path in paths if path.suffix != ".ipynb" and not any(part[0] in "._" for part in path.parts[:-1])
        ]
        if sum((source / path).stat().st_size for path in paths) > FILES_LIMIT:
            raise CourseError(f"The data files in {source} are larger than {FILES_LIMIT >> 20} MiB together.")
        return tuple((str(path), (source / path).read_bytes()) for path in paths)


def name_problem(student: str) -> str | None:
    """Why the name of a student's folder cannot be a student's."""
    try:
        size = len(student.encode())
    except UnicodeEncodeError:
        return f"The name of the folder {bounded(student)} is no text: rename it."
    if size > NAME_LIMIT or len(student) > STUDENT_LIMIT:
        return f"The name of the folder {bounded(student[:40])}… is too long: rename it."
    return None


def _may_hold(folder: Path) -> bool:
    """Whether a folder holds a submission; one that cannot be looked into may hold one."""
    try:
        return stat.S_ISDIR(os.lstat(folder).st_mode) or folder.is_symlink()
    except PermissionError:
        return True
    except OSError:
        return False


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, os.DirEntry]]:
    """The entries of a folder and those below it, no more than anybody hands in."""
    with os.scandir(folder) as entries:
        found = sorted(_first(entries, MAX_FILES), key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH and entry.name not in ("__pycache__", ".ipynb_checkpoints", "__MACOSX"):
                with contextlib.suppress(PermissionError):
                    yield from _walk(Path(entry.path), depth + 1)
        else:
            yield Path(entry.path), entry


def _first(entries, most: int) -> Iterator[os.DirEntry]:
    for number, entry in enumerate(entries):
        if number >= most:
            return
        yield entry


def _read(folder: Path, path: Path, room: int) -> tuple[str, float, bytes]:
    """A file, or as much of it as is looked at. What lies in the way cannot be swapped for a link meanwhile."""
    is_notebook = path.suffix.lower() in (".ipynb", ".zip")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "It is no ordinary file")
        most = MAX_NOTEBOOK + 1 if is_notebook else MAX_OTHER
        if not is_notebook and status.st_size > min(most, room):
            raise OSError(0, "It is too large")
        name = str(path.relative_to(folder)).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return name, status.st_mtime, file.read(most)


@functools.cache
def _loaded(path: Path, changed: int) -> Config:
    try:
        return PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    except Exception as error:
        raise CourseError(f"{path} cannot be read: {bounded(repr(error))}.") from None


def read_config(root: Path) -> Config:
    """What `nbgrader_config.py` of the folder says. Raises `CourseError`."""
    path = root / "nbgrader_config.py"
    return Config(_loaded(path, path.stat().st_mtime_ns)) if path.is_file() else Config()


def own_folder(folder: Path, above: Path) -> Path:
    """A folder that the grader writes to; links between it and the folder above are removed, never followed."""
    for path in (*reversed(folder.relative_to(above).parents), folder.relative_to(above)):
        if (above / path).is_symlink():
            (above / path).unlink()
    return folder


def replace_file(path: Path, data: bytes) -> None:
    """Write a file all at once: whoever stops the grader in the middle finds the old one, and two graders that write
    the same never have a file in common that is not finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".unfinished", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
