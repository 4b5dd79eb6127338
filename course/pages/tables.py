"""Marks for spreadsheets and programs.

In: units with a row a student, or verdicts. Out: CSV with one line a student; JSON lines, one a submission.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from course.folder import replace_file
from course.mark import Mark
from course.pages.standing import Row, Unit
from course.spreadsheet import safe
from course.verdict import Verdict

HEAD = ("student", "name", "score", "max_score", "open")
MARK = (
    "score",
    "max_score",
    "automatic",
    "manual",
    "extra",
    "penalty",
    "open",
    "cells",
    "late_seconds",
    "submitted_at",
)


def write_csv(units: list[Unit], target: Path) -> None:
    """Write a line per student over all units: the final marks added up, and for each unit all that they are made of.

    With several units their columns have the unit's name in front. `open` is what waits for a person. UTF-8 with a
    byte order mark, which spreadsheets need to show Cyrillic; no cell can act as a formula.
    """
    parts = [dict(_unit(unit, f"{unit.name}: " if len(units) > 1 else "")) for unit in units]
    students = {row.student: row.name for unit in units for row in unit.rows}
    columns = list(dict.fromkeys(name for part in parts for line in part.values() for name in line))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(map(safe, [*HEAD, *columns]))
    for student in sorted(students):
        rows = [row for unit in units for row in unit.rows if row.student == student]
        line = {name: value for part in parts for name, value in part.get(student, {}).items()}
        writer.writerow(map(safe, [*_total(student, students[student], rows), *map(line.get, columns)]))
    replace_file(target, buffer.getvalue().encode("utf-8-sig"))


def write_json(verdicts: list[Verdict], target: Path, marks: Mapping[str, Mapping[str, Mark]] | None = None) -> None:
    """Write the verdicts, one JSON object a line; with `marks` (assignment → student → mark) each has its `mark`."""
    lines = []
    for verdict in verdicts:
        mark = (marks or {}).get(verdict.assignment, {}).get(verdict.student)
        fields = json.loads(verdict.as_json()) | ({"mark": _mark(mark)} if mark else {})
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    replace_file(target, "".join(lines).encode("utf-8", "replace"))


def _mark(mark: Mark) -> dict:
    fields = {name: getattr(mark, name) for name in MARK}
    at = fields["submitted_at"]
    return fields | {"cells": dict(mark.cells), "submitted_at": at.isoformat() if at else None}


def _total(student: str, name: str, rows: list[Row]) -> Iterator:
    scores = [row.score for row in rows if row.score is not None]
    yield from (student, name, sum(scores) if scores else None)
    yield from (sum(row.max_score for row in rows), sum(len(row.open) for row in rows))


def _unit(unit: Unit, prefix: str) -> Iterator[tuple[str, dict]]:
    """Student → column → value."""
    ids = list(dict.fromkeys(grade_id for row in unit.rows for grade_id in row.points))
    for row in unit.rows:
        verdict = row.verdict
        fields = {"score": row.score, "max_score": row.max_score, "open": " ".join(row.open)} if prefix else {}
        fields |= {"assignment": row.assignment, "language": row.language, "verdict": row.state}
        fields |= {
            "stale": " ".join(row.stale),
            "flags": " ".join(row.flags),
            "cause": verdict.cause if verdict else "",
        }
        fields |= {name: getattr(row, name) for name in ("automatic", "manual", "extra", "penalty", "late_seconds")}
        fields["submitted_at"] = row.submitted_at.isoformat() if row.submitted_at else ""
        fields["own_due"] = row.due.isoformat() if row.due else ""
        fields |= {"seconds": verdict.seconds if verdict else None, "sandbox": verdict.sandbox if verdict else ""}
        fields |= {grade_id: row.points.get(grade_id) for grade_id in ids}
        yield row.student, {prefix + name: value for name, value in fields.items()}
