"""What is asked of collecting, and what it answers: a `Request`, and a `Row` for each thing that was found."""

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from course.exchange.attempts import Build
from course.folder import Folder

Status = Literal[
    "placed", "replaced", "older", "same", "other", "ambiguous", "empty", "refused", "unknown", "missing"
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Request:
    """What is collected. `name` is an assignment's or a unit's. `build` is the grader's way of building a submission,
    by which a notebook is chosen; `due` the due date of an assignment for the class."""

    folder: Folder
    name: str
    sources: tuple[Path, ...]
    build: Build
    table: Path | None = None
    keep: Literal["latest", "first"] = "latest"
    dry_run: bool = False
    due: Callable[[str], datetime | None] = lambda assignment: None


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one thing. `entry` is its path in the source, `target` where it lies now, in the course folder;
    `submitted_at` is ISO 8601 with zone, `late` None where nothing tells. What is unknown is ""."""

    source: str = ""
    entry: str = ""
    student: str = ""
    name: str = ""
    assignment: str = ""
    status: Status = "refused"
    reason: str = ""
    target: str = ""
    submitted_at: str = ""
    late: bool | None = None

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


def iso(time: datetime | None) -> str:
    """A time as rows and arrivals write it; "" for an unknown one."""
    return time.isoformat(timespec="seconds") if time else ""
