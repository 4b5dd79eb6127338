"""Where the submissions in `submitted/` came from, one line of JSON for each, for the way back to the platform.

In: a course folder and an assignment. Out: the arrivals that count, one a student. Whoever removes a student removes
their lines with `save`.
"""

import dataclasses
import json
from pathlib import Path

from course import Refusal
from course.folder import Folder, replace_file


class ArrivalsError(Refusal):
    """A file of arrivals that cannot be read."""


@dataclasses.dataclass(frozen=True)
class Arrival:
    """Where a submission came from.

    `student` is the id: the folder's name in `submitted/`; `name` the full name as the platform writes it. `platform`
    is "moodle", "canvas", "blackboard", "classroom", "exchange" or "folder", `source` the file name of the archive,
    `entry` the notebook's path in it. `folder` is the name of Moodle's folder, `number` Moodle's or Canvas's number of
    the person. `submitted_at` is ISO 8601 with zone. What is unknown is "".
    """

    student: str
    assignment: str
    name: str = ""
    platform: str = "folder"
    source: str = ""
    entry: str = ""
    folder: str = ""
    number: str = ""
    submitted_at: str = ""


def load(folder: Folder, assignment: str) -> list[Arrival]:
    """The arrivals that count, one a student, in the order of their ids. Raises `ArrivalsError`."""
    path = _path(folder, assignment)
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [Arrival(**json.loads(line)) for line in lines if line.strip()]
    except (ValueError, TypeError):
        raise ArrivalsError(f"{path} is damaged: remove it and collect again.") from None
    return sorted(found, key=lambda arrival: arrival.student)


def save(folder: Folder, assignment: str, arrivals: list[Arrival]) -> None:
    """Keep these arrivals and no others; of several of one student the last counts."""
    last = {arrival.student: arrival for arrival in arrivals}
    lines = [json.dumps(dataclasses.asdict(last[student]), ensure_ascii=False) + "\n" for student in sorted(last)]
    data = "".join(lines).encode("utf-8", "backslashreplace")
    path = _path(folder, assignment)
    if not path.is_file() or path.read_bytes() != data:
        replace_file(path, data)


def _path(folder: Folder, assignment: str) -> Path:
    return folder.home("submitted") / ".arrivals" / f"{assignment}.jsonl"
