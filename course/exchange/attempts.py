"""What somebody handed in, as attempts at the notebooks of the course.

In: the entries of one person, and the kinds of notebooks that the course has. Out: attempts, each with the files that
go to `submitted/`, and a `Finding` for everything that does not. The notebook is chosen as grading chooses it.
"""

import contextlib
import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath

from nbformat import NotebookNode

from course.exchange import naming
from course.exchange.archives import Refused
from course.exchange.platforms import CANVAS, MOODLE_FILE, MOODLE_FOLDER, Owned
from course.folder import MAX_DEPTH, MAX_FILES, MAX_TOTAL
from course.notebooks import files
from course.notebooks.kinds import Kind, kind_of
from course.notebooks.reading import Unreadable, WrongNotebook, read_notebook
from course.notebooks.unpacking import Handed, NoNotebook, is_hidden, unpacked
from course.verdict import NAME_LIMIT

MAX_COPIES = 4  # folders with the same notebook: what somebody has of one's own, but not of a class

Build = Callable[[Kind, NotebookNode], files.Built]


@dataclasses.dataclass(frozen=True)
class Attempt:
    """What one person handed in at one time to one assignment: files by path, of which `entry` is the notebook."""

    assignment: str
    files: dict[str, bytes] = dataclasses.field(repr=False)
    entry: Owned
    path: str
    time: datetime | None
    order: tuple
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something of a person's that is not placed: `status` as in the table, and why. `files` are kept aside."""

    status: str
    path: str
    reason: str
    assignment: str = ""
    time: datetime | None = None
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True)
class Reader:
    """How attempts are read: the notebooks of the course, those that are collected, and the grader's way of building a
    submission, by which a notebook is chosen. `is_known` says whether a name is on the roster."""

    kinds: list[Kind]
    wanted: frozenset[str]
    build: Build
    is_known: Callable[[str], bool]
    first: bool = False

    def attempts(self, owned: Iterable[Owned]) -> tuple[list[Attempt], list[Finding]]:
        """All attempts of one person in one source."""
        batches = defaultdict(list)
        for one in owned:
            batches[one.attempt].append(one)
        attempts, findings = [], []
        for batch in batches.values():
            made, found = self._batch(batch)
            attempts += made
            findings += found
        return attempts, findings

    def _batch(self, batch: list[Owned]) -> tuple[list[Attempt], list[Finding]]:
        source = batch[0].entry
        handed, findings = _read([one for one in batch if one.counts])
        whole, trouble = unpacked(tuple(handed))
        is_closed = trouble is not None and not isinstance(trouble, NoNotebook)
        home = _home(batch)
        if reason := self._is_class(whole):
            return [], [*findings, Finding("refused", home, reason, time=source.time)]
        by_kind: dict[Kind, list[Handed]] = defaultdict(list)
        for file in whole:
            if file.is_notebook:
                try:
                    kind = self._kind(read_notebook(file.data))
                except (Unreadable, WrongNotebook) as error:
                    trouble = trouble or error
                else:
                    by_kind[kind].append(file)
        others = [file for file in whole if not file.is_notebook]
        by_assignment = defaultdict(list)
        for kind, notebooks in by_kind.items():
            if len({PurePosixPath(file.path).parent for file in notebooks}) > MAX_COPIES:
                reason = f"It holds {kind.name}.ipynb in {len(notebooks)} folders: nothing says whose each is."
                findings.append(Finding("refused", home, reason, kind.assignment, source.time))
                continue
            try:
                build = functools.partial(self.build, kind)
                made = files.choose((*notebooks, *others), kind.name, build, first=self.first)
            except (Unreadable, WrongNotebook) as error:
                trouble = trouble or error
                continue
            by_assignment[kind.assignment].append((kind, made))
            findings += _passed_over(made, kind, notebooks, batch)
        if not by_assignment and not findings:
            reason = str(trouble) if trouble else "It holds no notebook."
            return [], [Finding("refused" if is_closed else "empty", home, reason, time=source.time)]
        made = [_attempt(assignment, chosen, batch, self.kinds) for assignment, chosen in by_assignment.items()]
        return made, findings

    def _kind(self, read: NotebookNode) -> Kind:
        """The kind of a notebook. Raises `WrongNotebook`."""
        kind = kind_of(read, self.kinds, self.wanted)
        if kind is not None:
            return kind
        fitting = []
        for kind in self.kinds:
            if kind.assignment in self.wanted:
                with contextlib.suppress(WrongNotebook):
                    fitting.append((len(self.build(kind, read).answered), kind))
        if not fitting:
            raise WrongNotebook("It is no notebook of this course.")
        return max(fitting, key=lambda pair: pair[0])[1]

    def _is_class(self, whole: list[Handed]) -> str | None:
        """Why this is not one person's: it holds what a platform packs of several, or folders of several people."""
        people = set()
        for file in whole:
            for part in PurePosixPath(file.path).parts:
                match = MOODLE_FOLDER.fullmatch(part) or MOODLE_FILE.fullmatch(part) or CANVAS.fullmatch(part)
                if match:
                    people.add(match["number"] or match["who"])
        folders = {part for file in whole for part in PurePosixPath(file.path).parts[:-1] if self.is_known(part)}
        count = max(len(people), len(folders))
        if count > 1:
            return f"It holds what {count} people handed in: name that archive itself as a source."
        return None


def _read(batch: list[Owned]) -> tuple[list[Handed], list[Finding]]:
    """The files of a batch, within the limits of a submission. The newest notebook is the last in time or order."""
    handed, findings, room = [], [], MAX_TOTAL
    for number, one in enumerate(sorted(batch, key=lambda one: (not _is_likely(one.path), one.path))):
        if is_hidden(one.path):
            continue
        if number >= MAX_FILES:
            findings.append(Finding("refused", one.entry.path, f"There are more than {MAX_FILES} files."))
            break
        try:
            data = one.entry.read()
        except Refused as error:
            findings.append(Finding("refused", one.entry.path, str(error), time=one.time))
            continue
        room -= len(data)
        if room < 0:
            reason = f"All of it is larger than {MAX_TOTAL >> 20} MiB."
            findings.append(Finding("refused", one.entry.path, reason, time=one.time))
            break
        handed.append(Handed(one.path, one.time.timestamp() if one.time else float(one.order), data))
    return handed, findings


def _is_likely(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in (".ipynb", ".zip", "", ".txt")


def _home(batch: list[Owned]) -> str:
    """What stands for all of a batch: its folder, or its only file."""
    first = batch[0]
    if len(batch) == 1 or not first.entry.path.endswith(f"/{first.path}"):
        return first.entry.path
    return first.entry.path.removesuffix(f"/{first.path}")


def _owner(path: str, batch: list[Owned]) -> Owned:
    """The entry from which a file comes, itself or in an archive."""
    return max((one for one in batch if path == one.path or path.startswith(f"{one.path}/")), key=lambda o: len(o.path))


REASONS = {
    "unfinished": ("older", "Less is answered in it than in {}, which counts."),
    "older": ("older", "It is older than {}, which counts."),
    "newer": ("older", "It is newer than {}, which counts."),
    "same": ("same", "It is the same as {}."),
    "equal": ("ambiguous", "It is as new and as finished as {}, which was taken."),
}


def _passed_over(made: files.Choice, kind: Kind, notebooks: list[Handed], batch: list[Owned]) -> Iterator[Finding]:
    """A finding for each other notebook of the same kind."""
    content = {file.path: file.data for file in notebooks}
    for path, why in made.others:
        status, reason = REASONS[why]
        aside = {} if status == "same" else {f"{kind.name}.ipynb": content[path]}
        time = _owner(path, batch).time
        yield Finding(status, _entry(path, batch), reason.format(made.path), kind.assignment, time, aside)


def _entry(path: str, batch: list[Owned]) -> str:
    owner = _owner(path, batch)
    return owner.entry.path + path[len(owner.path) :]


def _attempt(
    assignment: str, chosen: list[tuple[Kind, files.Choice]], batch: list[Owned], kinds: list[Kind]
) -> Attempt:
    content: dict[str, bytes] = {}
    for kind, made in chosen:
        content |= {path: data for path, data in made.beside if _can_be_kept(path, made.beside)}
        content[f"{kind.name}.ipynb"] = made.data
    owners = [_owner(made.path, batch) for _, made in chosen]
    times = [one.time for one in owners if one.time]
    notes = [note for kind, made in chosen for note in _notes(kind, made, kinds)]
    return Attempt(
        assignment,
        content,
        owners[0],
        _entry(chosen[0][1].path, batch),
        max(times, default=None),
        (owners[0].attempt, max(one.order for one in owners)),
        tuple(dict.fromkeys(notes)),
    )


def _can_be_kept(path: str, files: tuple[tuple[str, bytes], ...]) -> bool:
    """Whether a file can lie beside the notebook on every disk, where grading looks."""
    pure = PurePosixPath(path)
    is_folder = any(PurePosixPath(other).is_relative_to(pure) for other, _ in files if other != path)
    is_short = len(pure.parts) <= MAX_DEPTH and all(len(part.encode()) <= NAME_LIMIT for part in pure.parts)
    return is_short and not is_folder and "__pycache__" not in pure.parts


def _notes(kind: Kind, made: files.Choice, kinds: list[Kind]) -> Iterator[str]:
    """What was chosen, where there was a choice or the name is another notebook's; what of it was left out."""
    if made.others:
        yield f"Of {len(made.others) + 1} notebooks {made.path} counts."
    name = naming.keys(naming.stem(PurePosixPath(made.path).name))
    own, others = (
        frozenset().union(*(naming.keys(word) for one in of for word in (one.assignment, one.unit, one.name)))
        for of in ([kind], [one for one in kinds if one is not kind])
    )
    if name & (others - own):
        yield f"By its content it is {kind.assignment}, whatever its name says."
    yield from made.notes[bool(made.others) :]
