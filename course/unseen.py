"""Labelled texts that no student has, and a student's model to be asked about them.

In: a unit and a language. Out: its rows of `course/units/<unit>/unseen.<language>.jsonl`. Hidden tests of a training
put the student's weights into a model of their own (`with_weights_of`) and ask that: what a student's `predict` says
about data that the student has proves nothing. These files are never in `helpers` and never in a release.
"""

import json
from pathlib import Path

from course.grade.judge.weights import OtherModel, has_body_of, with_weights_of

__all__ = ["OtherModel", "has_body_of", "rows", "with_weights_of"]
UNITS = Path(__file__).with_name("units")


def rows(unit: str, language: str = "en") -> list[dict]:
    """The labelled texts of a unit, with the fields that its dataset has, labels by name; the English ones
    where a language has none of its own.
    """
    path = UNITS / unit / f"unseen.{language}.jsonl"
    path = path if path.is_file() else path.with_name("unseen.en.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
