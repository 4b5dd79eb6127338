"""The rooms of `course` know each other only where DESIGN.md says so: data flows one way, and imports do."""

import ast

import pytest

from course import ROOT

COURSE = ROOT / "course"
ROOMS = ("build", "exchange", "grade", "pages", "run")


def imported(path) -> set[str]:
    """The rooms of `course` that a module imports, wherever it does."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    names |= {
        f"course.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "course"
        for alias in node.names
    }
    return {parts[1] for name in names if (parts := name.split("."))[0] == "course" and parts[1:]} & {*ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_another(room):
    paths = [COURSE / "run.py"] if room == "run" else sorted((COURSE / room).rglob("*.py"))
    assert paths
    found = {path.relative_to(COURSE).as_posix(): imported(path) - {room} for path in paths}
    assert {path: rooms for path, rooms in found.items() if rooms} == {}
