"""Moodle: its grading worksheet, filled, and the zip of feedback files.

In: the worksheet as a teacher downloaded it, what goes back. Out: the same file with grades and feedback comments; and
zips for «Upload multiple feedback files in a zip». The rules are those of Moodle's `mod/assign/feedback/offline`
(`importgradeslib.php`, `locallib.php`) and `mod/assign/feedback/file/importziplib.php`.
"""

import dataclasses
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from course.exchange import matching, returning, sheet
from course.exchange.matching import Found, Lines
from course.exchange.returning import Back, Filled, ReturnError, Row
from course.exchange.sheet import Sheet

NEEDED = {"identifier": "Identifier", "grade": "Grade"}
NO = frozenset({"no", "нет"})  # what stands under «Grade can be changed»
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tabulator"}
COMMENT = re.compile(r'<div class="course-feedback">.*?</div>', re.DOTALL)  # ours among what a person has written
ZIP = "feedback{}.zip"
MAX_ZIP = 48 << 20  # bytes of one zip: many sites take no more than 50 MB at once
MAX_NAME = 200  # bytes of a folder's name: Moodle's file system has 255 for it
FOLDER = re.compile(r"[^_/\\]+_(?P<number>\d+)_assignsubmission_file_?")
UNFIT = re.compile(r'[\x00-\x1f\x7f_/\\:*?"<>|]')  # in a name: Moodle's own separator, and what a zip must not hold
MADE = (1980, 1, 1, 0, 0, 0)  # the same marks make the same zip


@dataclasses.dataclass(frozen=True)
class Parcel:
    """The pages of a student, and the number and name that they have in Moodle's assignment."""

    number: str
    name: str
    back: Back


@dataclasses.dataclass(frozen=True)
class Worksheet:
    """A filled worksheet, and the pages that go back with it."""

    filled: Filled
    parcels: tuple[Parcel, ...]


def fill(path: Path, backs: Sequence[Back], with_open: bool = False) -> Worksheet:
    """Fill a worksheet. Raises `ReturnError`, `TableError`, `OSError`."""
    filling = _Filling(sheet.read(path), path, with_open)
    lines = Lines.of(filling.sheet, "moodle", path.name)
    matched = lines.match(backs)
    rows, parcels = [], []
    for back in backs:
        found = matched[back.student.id]
        if not found.rows and not back.assignment:
            continue
        rows.append(filling.student(back, found))
        if rows[-1].status in ("entered", "same", "unmarked"):
            parcels += [_parcel(filling, lines, back, index) for index in found.rows]
    taken = {index for found in matched.values() for index in found.rows}
    rows += [
        Row("", one.name or filling.sheet.table.value(filling.sheet.table.rows[index], "identifier"), "", "unknown")
        for index, one in lines.people.items()
        if index not in taken
    ]
    if not taken:
        raise ReturnError(f"Nobody of these students is in {path}: is it another assignment's?")
    return Worksheet(Filled(filling.bytes(), tuple(rows), tuple(filling.notes())), tuple(parcels))


def write_zips(parcels: Iterable[Parcel], folder: Path) -> list[Path]:
    """Write the pages as `feedback.zip`, and further zips where one would be larger than sites take. Earlier ones of
    this name are replaced."""
    parcels = [parcel for parcel in parcels if parcel.back.pages]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as home:
        made = list(_packed(parcels, Path(home)))
        for old in folder.glob(ZIP.format("*")):
            old.unlink()
        return [path.replace(folder / path.name) for path in made]


def _packed(parcels: Sequence[Parcel], home: Path) -> Iterator[Path]:
    position, number = 0, 1
    while position < len(parcels):
        path = home / ZIP.format(f"-{number}" if number > 1 else "")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            while position < len(parcels) and (archive.start_dir < MAX_ZIP):
                for page in parcels[position].back.pages:
                    info = zipfile.ZipInfo(f"{_prefix(parcels[position])}{page.name}", MADE)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    info.external_attr = 0o644 << 16
                    archive.writestr(info, page.read_bytes())
                position += 1
        number += 1
        yield path


def _prefix(parcel: Parcel) -> str:
    """What stands before a file's name: the folder in which the submission came in, if Moodle finds the number in it;
    else a name in the form without folders, which all versions take."""
    for arrival in parcel.back.arrivals:
        found = FOLDER.fullmatch(arrival.folder)
        is_fit = found and arrival.folder.isprintable() and len(arrival.folder.encode()) <= MAX_NAME
        if is_fit and found["number"] == parcel.number:
            return f"{arrival.folder}/"
    name = " ".join(UNFIT.sub(" ", parcel.name).encode()[: MAX_NAME // 2].decode("utf-8", "ignore").split())
    return f"{name.strip('.~ ') or 'student'}_{parcel.number}_assignsubmission_file_"


def _parcel(filling: "_Filling", lines: Lines, back: Back, index: int) -> Parcel:
    number = next(number for number, place in lines.numbers.items() if place == index)
    return Parcel(number, lines.people[index].name or "participant", back)


class _Filling:
    """A worksheet that is being filled."""

    def __init__(self, read: Sheet, path: Path, with_open: bool):
        self.sheet, self.table, self.with_open = read, read.table, with_open
        for field, head in NEEDED.items():
            if field not in self.table.fields:
                raise ReturnError(
                    f"{path} is no grading worksheet of Moodle's: it has no column «{head}». Download it from the "
                    "assignment: «Download grading worksheet»."
                )
        if "maximum" not in self.table.fields:
            raise ReturnError(f"{path} has no maximum grade: the assignment is graded by a scale, or not with points.")
        numbers = [self.value(index, field) for index in range(len(self.table.rows)) for field in ("grade", "maximum")]
        self.decimal = returning.decimal_sign(numbers)
        self.cells: dict[tuple[int, int], str] = {}
        self.scales: dict[tuple[float, float], None] = {}

    def value(self, index: int, field: str) -> str:
        return self.table.value(self.table.rows[index], field)

    def bytes(self) -> bytes:
        return self.sheet.filled(self.cells)

    def notes(self) -> Iterator[str]:
        """What is to be known of all."""
        for most, maximum in self.scales:
            yield (
                f"The worksheet's maximum is {returning.number(maximum)}, the assignment has {returning.number(most)} "
                "points: the marks are converted."
            )
        if (self.table.separator, self.table.encoding) not in ((",", "utf-8"), (",", "utf-8-sig")):
            name = SEPARATORS.get(self.table.separator, self.table.separator)
            encoding = self.table.encoding.removesuffix("-sig").upper()
            yield f"Moodle asks when you upload the worksheet: the encoding is {encoding}, the separator is the {name}."

    def student(self, back: Back, found: Found) -> Row:
        """Enter the grade of a student, if there is one."""
        if held := matching.held(back, found, self.with_open):
            return held
        results = [self._line(back, index) for index in found.rows]
        return next((result for result in results if result.status != "same"), results[0])

    def _line(self, back: Back, index: int) -> Row:
        maximum, before = returning.parsed(self.value(index, "maximum")), self.value(index, "grade")
        if self.value(index, "changeable").casefold() in NO:
            return returning.row(back, "locked", "The worksheet says that the grade cannot be changed.", before)
        if maximum is None:
            return returning.row(back, "locked", "The worksheet has no maximum grade for them.", before)
        said, score = [], returning.scaled(back.mark, maximum)
        if score != back.mark.score:
            self.scales[back.mark.max_score, maximum] = None
        if score > maximum:
            said.append(f"{returning.points(back.mark)}: Moodle takes no more than the maximum.")
            score = maximum
        fraction = re.split(r"[.,]", self.value(index, "maximum"))[1:]
        grade = returning.number(score, self.decimal, least=len(fraction[0]) if fraction else 0)
        is_new = returning.is_new(before, grade)
        if is_new:
            self.cells[index, self.table.fields["grade"]] = grade
            said += [f"The grade was {before}."] if returning.parsed(before) is not None else []
        is_new |= self._comment(back.comment, index)
        return returning.row(back, "entered" if is_new else "same", " ".join(said), grade)

    def _comment(self, comment: str, index: int) -> bool:
        """Enter the comment in place of an earlier one of ours; what a person has written stays before it. Returns
        whether that is new."""
        column = self.table.fields.get("comment")
        if column is None or not comment:
            return False
        row = self.table.rows[index]
        before = row[column] if column < len(row) else ""
        if COMMENT.search(before):
            fresh = COMMENT.sub(lambda _: comment, before, count=1)
        else:
            fresh = f"{before}\n{comment}" if before.strip() else comment
        if fresh != before:
            self.cells[index, column] = fresh
        return fresh != before
