"""nbgrader's grading and feedback, by its commands or by formgrader's buttons, done by `course`.

In: one of nbgrader's converters, `Autograde` or `GenerateFeedback`, that is about to work. Out: folder and gradebook as
after `course grade` or `course feedback`, and in the converter's log what these said; what they refuse, nbgrader
refuses with the same sentence.

The command runs in a process of its own: nothing of it, such as torch, workers or signal handlers, gets into a Jupyter
server. The server waits for it, as it waits for nbgrader's own converters.
"""

import collections
import functools
import os
import subprocess
import sys
from collections.abc import Iterator

from nbconvert.exporters import Exporter
from nbgrader.apps.api import NbGraderAPI
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde, BaseConverter, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory

from course import ROOT, Refusal, kept
from course.folder import Folder
from course.grade.formgrader.wanted import folder_of, is_everybody, matching, students

LOG_COLUMNS = 72  # of a table: what formgrader's window of messages shows without breaking lines
LAST_LINES = 20  # of a command's output: in these the reason of its end is looked for
TOTAL_SECONDS = 600  # of a submission: nbgrader's time for a cell must fit in
EXECUTE = ("Execute", "ExecutePreprocessor", "NotebookClient")  # one class's settings; the first that is set counts
# What is taken over, or is so in any case. Of all else under these names the teacher hears that it has no effect.
HEEDED = {"exporter_class", "force", "create_student", "timeout", "iopub_timeout", "enabled", "skip_cells_with_tag"}
SECTIONS = {"grade": ("Autograde", "BaseConverter", *EXECUTE), "feedback": ("GenerateFeedback", "BaseConverter")}


class CourseCommand(Exporter):
    """What is registered as the exporter of nbgrader's `Autograde` and `GenerateFeedback`; it does their whole work.

    A converter makes its exporter when it has found the notebooks, and before it removes, copies or runs anything.
    Then it calls `convert_notebooks`, in whose place this puts a command of `course`.
    """

    def __init__(self, config=None, parent: BaseConverter | None = None, **options):
        super().__init__(config=config, parent=parent, **options)
        commands = {Autograde: "grade", GenerateFeedback: "feedback"}
        command = next((command for kind, command in commands.items() if isinstance(parent, kind)), None)
        if command is None:
            raise NbGraderException("CourseCommand is an exporter for Autograde and GenerateFeedback only.")
        parent.convert_notebooks = functools.partial(_convert, parent, command)


def _convert(converter: BaseConverter, command: str) -> None:
    """Do a converter's work by a command of `course`. Raises `NbGraderException`; its sentence has been logged."""
    wanted, log = converter.coursedir, converter.log
    try:
        folder = folder_of(wanted)
        options = list(_options(converter)) if command == "grade" else []
        if ignored := _ignored(converter.config, command):
            log.warning("Without effect here, where `course %s` does the work: %s.", command, ", ".join(ignored))
        if wanted.notebook_id != "*":
            log.warning("All notebooks of the assignment are taken, not only %s.", wanted.notebook_id)
        for assignment in matching(wanted.assignment_id, folder.assignments()) or [wanted.assignment_id]:
            chosen = _students(wanted, folder, assignment, command)
            _run(converter, [command, "--course-dir", str(folder.root), *options, *chosen, "--", assignment])
    except Refusal as refusal:
        log.error("%s", refusal)
        raise NbGraderException(str(refusal)) from None


def _options(converter: BaseConverter) -> Iterator[str]:
    """The options of `course grade` for what the converter was told."""
    settings = [converter.config.get(section, {}) for section in EXECUTE]
    if not next((found["enabled"] for found in settings if "enabled" in found), True):
        raise Refusal("Marks come from running a submission in the sandbox: leave out --no-execute.")
    seconds = next((found["timeout"] for found in settings if "timeout" in found), None)
    if isinstance(seconds, int | float) and seconds >= 1:
        yield f"--cell-timeout={seconds:.0f}"
        yield f"--timeout={max(seconds, TOTAL_SECONDS):.0f}"
    if converter.force and not isinstance(converter.parent, NbGraderAPI):  # which says so always, of its own accord
        yield "--force"


def _ignored(config: dict, command: str) -> list[str]:
    """The settings that were made for nbgrader's own work."""
    sections = SECTIONS[command]
    return [f"{section}.{name}" for section in sections for name in config.get(section, {}) if name not in HEEDED]


def _students(wanted: CourseDirectory, folder: Folder, assignment: str, command: str) -> list[str]:
    """The option --student for each one who is meant; none where that is everybody."""
    if is_everybody(wanted):
        return []
    name = wanted.student_id + (f" (without {wanted.student_id_exclude})" if wanted.student_id_exclude else "")
    if command == "grade":
        there = folder.students(assignment)
        missing = f"There is no submission of {name} in {assignment}."
    else:
        there = [verdict.student for verdict in kept.load_all(folder.root, assignment)]
        missing = f"Nothing of {name} has been graded in {assignment}: run `course grade` first."
    meant = students(wanted, there)
    if not meant:
        raise Refusal(missing)
    return [f"--student={student}" for student in meant]


def _run(converter: BaseConverter, arguments: list[str]) -> None:
    """Run `course`: on a terminal it speaks for itself, else line by line in the log. Raises `Refusal`."""
    is_seen = isinstance(converter.parent, NbGrader) and not converter.logfile and sys.stderr.isatty()
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    if not is_seen:
        environment |= {"COLUMNS": str(LOG_COLUMNS), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        environment |= {"PYTHONUNBUFFERED": "1", "TERM": "dumb"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "course.cli", *arguments],  # -P: a folder `course` of the teacher's is another one
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=None if is_seen else subprocess.PIPE,
        stderr=None if is_seen else subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    last: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
    try:
        for line in map(str.rstrip, process.stdout or ()):
            last.append(line)
            _log(converter, line)
        process.wait()
    except KeyboardInterrupt:
        process.communicate()  # it was interrupted as well, and ends its workers
        raise Refusal("Stopped: what is done so far is kept.") from None
    if process.returncode:
        reasons = [line.removeprefix("course: ") for line in last if line.startswith("course: ")]
        raise Refusal(reasons[-1] if reasons else f"`course {arguments[0]}` has failed: see what it said above.")


def _log(converter: BaseConverter, line: str) -> None:
    if line.startswith(("NOTE:", "WARNING:")):
        converter.log.warning("%s", line)
    elif line and not line.startswith("course: "):  # a refusal, which follows as an error
        converter.log.info("%s", line)
