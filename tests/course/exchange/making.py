"""A small course of two units, one of them in two languages; and archives in the forms of the platforms."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import nbformat

from course.exchange.collect import collect
from course.exchange.request import Request, Row
from course.folder import Folder
from course.grade.submission.building import build

TIME = (2026, 3, 1, 12, 0, 0)
TEXTS = {
    "sums-en": "# Small sums: how numbers are added in this course, step by step",
    "sums-ru": "# Маленькие суммы: как в этом курсе складывают числа, шаг за шагом",
    "words-en": "# Small words: how words are counted in this course, step by step",
}
STUB = "    # YOUR CODE HERE\n    raise NotImplementedError()"


def notebook(assignment: str, written: str = "", *, solved: bool = False, bare: bool = False) -> bytes:
    """A notebook of the small course; `bare`: Colab or a person took metadata and ids away."""
    unit, _, language = assignment.partition("-")
    made = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "course": {"unit": unit, "language": language, "tests": "outside"},
        }
    )
    body = "    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION" if solved else STUB
    source = f"def {unit}(x):\n{body}"
    cells = [
        ("title", nbformat.v4.new_markdown_cell(TEXTS[assignment]), None),
        ("lesson", nbformat.v4.new_code_cell(f"# a cell of the lesson on {unit}\nnumbers = [1, 2, 3]"), None),
        (unit, nbformat.v4.new_code_cell(written or source), {"solution": True, "grade": False, "locked": False}),
        (f"test_{unit}", nbformat.v4.new_code_cell(f"assert {unit}(1) == 1"), {"solution": False, "grade": True}),
    ]
    for name, cell, settings in cells:
        cell.id = f"{unit}-{name}".replace("_", "-")
        if settings:
            points = {"points": 2, "locked": True} if settings["grade"] else {}
            cell.metadata["nbgrader"] = {"schema_version": 3, "task": False, "grade_id": name} | settings | points
        made.cells.append(cell)
    content = json.loads(nbformat.writes(made))
    if bare:
        content["metadata"] = {}
        content["cells"] = [{**cell, "metadata": {}, "id": f"c{i}"} for i, cell in enumerate(content["cells"])]
    return json.dumps(content, ensure_ascii=False).encode()


def answer(mark: str, unit: str = "sums") -> str:
    """An answer that differs from others by its mark."""
    return f"def {unit}(x):\n    return x + 0 * {len(mark)}  # {mark}"


def sums(mark: str, assignment: str = "sums-en", **options) -> bytes:
    """Somebody's notebook."""
    return notebook(assignment, answer(mark, assignment.partition("-")[0]), **options)


class _Unlabelled(zipfile.ZipInfo):
    """A member whose name is in some encoding: Python itself would write UTF-8, and say so."""

    def __init__(self, name: bytes, time: tuple):
        super().__init__(name.decode("cp437"), time)
        self.bare = name
        self.compress_type = zipfile.ZIP_DEFLATED

    def _encodeFilenameFlags(self):
        return self.bare, self.flag_bits


def zipped(*members: tuple) -> bytes:
    """A zip: name (or its bytes, without the label of UTF-8), content, and time of each member, if it has one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data, *time in members:
            info = zipfile.ZipInfo("x", time[0] if time else TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(name, zipfile.ZipInfo):
                info = name
            elif isinstance(name, bytes):
                info = _Unlabelled(name, info.date_time)
            else:
                info.filename = name
            file.writestr(info, data)
    return buffer.getvalue()


@dataclasses.dataclass(frozen=True)
class Course:
    """A course folder, and what a teacher does there."""

    root: Path

    def put(self, name: str, data: bytes) -> Path:
        """A file that was downloaded."""
        path = self.root.parent / "downloads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def collect(self, name: str, *sources: Path, **options) -> list[Row]:
        """Collect; returns all rows."""
        request = Request(
            folder=Folder.at(self.root),
            name=name,
            sources=sources,
            build=lambda kind, read: build(kind.source, kind.release, read),
            **options,
        )
        return [row for rows in collect(request) for row in rows]

    def collected(self, name: str, *members: tuple, archive: str = "nlp-sums-77.zip", **options) -> list[Row]:
        """Collect from an archive with these members."""
        return self.collect(name, self.put(archive, zipped(*members)), **options)

    def tree(self) -> dict[str, bytes]:
        """All files that were written, by path."""
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        names = {path.relative_to(self.root).as_posix(): path for path in paths}
        return {name: path.read_bytes() for name, path in names.items() if not name.startswith(("source", "release"))}

    def placed(self) -> set[str]:
        """The notebooks that would be graded."""
        return {name for name in self.tree() if name.endswith(".ipynb") and "/.attempts/" not in name}


def statuses(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Student, assignment and status of each row, in order."""
    return sorted((row.student or row.entry, row.assignment, row.status) for row in rows)
