"""What learning platforms make of the files that they take back: small strict readers, written from their rules.

Moodle's are `mod/assign/feedback/offline/{importgradeslib,locallib}.php` and
`mod/assign/feedback/file/importziplib.php`, Canvas's `lib/gradebook_importer.rb`.
"""

import csv
import io
import re
import zipfile
from pathlib import Path

# What Moodle's pages are called in the language of whoever uploads: the word before a number, and three heads.
MOODLE = {
    "en": ("Participant ", "Identifier", "Grade", "Last modified (grade)", "Feedback comments", "."),
    "ru": ("Участник", "Идентификатор", "Оценка", "Последнее изменение (оценка)", "Отзыв в виде комментария", ","),
    "es": (
        "Participante",
        "Identificador",
        "Calificación",
        "Última modificación (calificación)",
        "Comentarios de retroalimentación",
        ",",
    ),
}


def moodle_grades(
    data: bytes, participants: set[str], maximum: float, language="en", separator=",", encoding="utf-8"
) -> dict[str, tuple[float | None, str]]:
    """Number → grade and feedback that Moodle enters; a grade that it skips is None. Fails where Moodle would."""
    hidden, identifier, grade, modified, comment, sign = MOODLE[language]
    text = data.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    head, *rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator, strict=True) if row]
    assert {identifier, grade, modified} <= set(head), "invalidgradeimport"
    found = {}
    for row in rows:
        assert len(row) == len(head), "csvweirdcolumns"
        number = row[head.index(identifier)][len(hidden) :].strip()
        if number not in participants:
            continue
        bare = row[head.index(grade)].replace(" ", "").replace(sign, ".")
        value = float(bare) if bare else None
        if value is not None and not 0 <= value <= maximum:
            value = None
        found[number] = (value, row[head.index(comment)] if comment in head else "")
    return found


def moodle_files(path: Path, participants: set[str], *, before_4_1: bool = False) -> dict[str, dict[str, bytes]]:
    """Number → name → content of the feedback files that Moodle takes from a zip."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            assert info.filename.isascii() or info.flag_bits & 0x800, "The name is not marked as UTF-8."
            assert len(info.filename.encode()) < 255 and not info.is_dir()
            number, name = _old(info.filename) if before_4_1 else _new(info.filename, participants)
            if number in participants:
                assert name and name not in found.setdefault(number, {})
                found[number][name] = archive.read(info)
    return found


def _old(path: str) -> tuple[str, str]:
    parts = f"/{path}".split("_", 4)
    if len(parts) < 5 or parts[2:4] != ["assignsubmission", "file"]:
        return "", ""
    return parts[1], parts[4].lstrip("/")


def _new(path: str, participants: set[str]) -> tuple[str, str]:
    parts = path.split("/")
    if parts[-1].startswith((".", "~")):
        return "", ""
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) < 4 or not info[1].isdigit() or info[1] not in participants:
            continue
        if info[2:4] != ["assignsubmission", "file"]:
            continue
        return info[1], "/".join([info[4] if len(info) > 4 else "", *parts]).lstrip("/")
    return "", ""


def canvas_grades(data: bytes, assignments: dict[int, str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Title → Canvas's number of a student → grade, for each assignment; and the points of those that are new."""
    text = data.decode("utf-8").removeprefix("\ufeff")
    separator = max(";,", key=text.partition("\n")[0].count)
    head, *rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    assert "Student" in head[0] and "ID" in head[1] and "Section" in head, "InvalidHeaderRow"
    totals = re.compile(r"(Current|Final|Override) (Score|Points|Grade|Status)")
    columns, new, grades = {}, {}, {}
    for index, name in enumerate(head):
        if index <= head.index("Section") or totals.search(name):
            continue
        found = re.fullmatch(r"(.+)\s+\((\d+)\)", name)
        columns[index] = assignments.get(int(found[2])) if found else name
        assert columns[index], f"no assignment {name}"
    for row in rows:
        if all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", cell, re.I) for cell in row):
            continue
        if "Points Possible" in row[0]:
            new = {columns[i]: row[i] for i in columns if columns[i] not in assignments.values()}
            read_only = {i for i in columns if re.search(r"read\s+only", row[i])}
            columns = {i: name for i, name in columns.items() if i not in read_only}
            continue
        for index, title in columns.items():
            cell = row[index].strip() if index < len(row) else ""
            if re.fullmatch(r"-?[0-9.,]+%?", cell):
                *parts, last = re.split(r"[,.]", cell)
                cell = ".".join(["".join(parts), last]) if parts else last
            grades.setdefault(title, {})[row[1]] = cell
    return grades, new
