"""The cases, read from `cases/<kind>/*.toml`: what is done to a submission, and what is right.

In: a folder. Out: `Case` objects, checked; or `Malformed`, which says in which case the mistake is. README.md describes
the format.
"""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import operations

HOME = Path(__file__).parents[1]
CASES = HOME / "cases"
KINDS = ("attack", "damage", "idiom")
EXERCISES = ("mean", "scale", "count_words", "evens")
POINTS = 4.0  # for each of them
ESSAY = "why"
PERSON = "person"  # in place of points: a person marks it
AIMS = ("points", "neighbours", "files", "time", "printed", "page")
FORMATS = ("nbgrader", "notebook")  # what a case may need of the grader's own format


class Malformed(Exception):
    """A case that does not keep to the format."""


@dataclasses.dataclass(frozen=True)
class Right:
    """What a fair and safe grader makes of a case.

    `points`: exercise → points, or "person"; where an exercise is not named, all its points are right. `refused`:
    nothing can be graded, and the grader has to say why. `not_printed` are texts that no output of a cell outside of
    the tests may hold, `not_on_page` those that the page for the student may not hold as markup.
    """

    points: Mapping[str, float | str]
    refused: bool = False
    not_printed: tuple[str, ...] = ()
    not_on_page: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """One submission. `start`: "answered" (all answers are right) or "released" (nothing is answered) before `do`.

    `aims` of an attack: by what one sees that it has succeeded. `needs`: of which format it speaks, if it means nothing
    in another one.
    """

    kind: str
    name: str
    about: str
    do: tuple[Mapping, ...]
    right: Right
    start: str = "answered"
    aims: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def load(folder: Path = CASES) -> list[Case]:
    """All cases, in the order of kinds, files and lines. Raises `Malformed`."""
    cases = [case for kind in KINDS for path in sorted((folder / kind).glob("*.toml")) for case in _of_file(kind, path)]
    seen: set[str] = set()
    for case in cases:
        _require(case.name not in seen, case.name, "the name is there twice")
        seen.add(case.name)
    return cases


def _of_file(kind: str, path: Path) -> Iterator[Case]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    _require(set(content) == {"case"}, path.name, "a file holds [[case]] and nothing else")
    for fields in content["case"]:
        yield _case(kind, dict(fields))


def _case(kind: str, fields: dict) -> Case:
    name = str(fields.get("name", "a case without a name"))
    known = {field.name for field in dataclasses.fields(Case)} - {"kind"}
    _require(set(fields) <= known, name, f"unknown: {sorted(set(fields) - known)}")
    _require({"name", "about"} <= set(fields), name, "`name` and `about` are needed")
    right = _right(name, fields.pop("right", {}))
    do = tuple(fields.pop("do", ()))
    lists = {key: tuple(fields.pop(key, ())) for key in ("aims", "needs")}
    case = Case(kind=kind, do=do, right=right, **lists, **fields)
    _require(case.start in ("answered", "released"), name, "`start` is answered or released")
    _require(set(case.aims) <= set(AIMS), name, f"`aims` are of {AIMS}")
    _require(set(case.needs) <= set(FORMATS), name, f"`needs` are of {FORMATS}")
    _require(bool(case.aims) == (kind == "attack"), name, "attacks have `aims`, and no others")
    for operation in case.do:
        if trouble := operations.problem(operation):
            raise Malformed(f"{name}: {trouble}")
    return case


def _right(name: str, fields: dict) -> Right:
    known = {field.name for field in dataclasses.fields(Right)}
    _require(set(fields) <= known, name, f"unknown in `right`: {sorted(set(fields) - known)}")
    points = {exercise: _points(name, value) for exercise, value in fields.get("points", {}).items()}
    _require(set(points) <= {*EXERCISES, ESSAY}, name, "`right.points` names an exercise that there is not")
    texts = {key: tuple(fields.get(key, ())) for key in ("not_printed", "not_on_page")}
    return Right(points, bool(fields.get("refused", False)), **texts)


def _points(name: str, value: object) -> float | str:
    _require(value == PERSON or type(value) in (int, float), name, f"{value!r} are no points")
    return value if value == PERSON else float(value)


def _require(kept: bool, name: str, sentence: str) -> None:
    if not kept:
        raise Malformed(f"{name}: {sentence}")
