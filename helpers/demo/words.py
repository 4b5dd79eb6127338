"""What the page says, in the languages of the course: `words.toml`."""

import dataclasses
from pathlib import Path

from helpers import language


@dataclasses.dataclass(frozen=True)
class Words:
    """The texts of one language. `errors` maps a status to a title and a sentence."""

    language: str
    title: str
    lead: str
    lead_foreign: str
    label: str
    placeholder: str
    button: str
    positive: str
    negative: str
    rating: str
    probability: str
    percent: str
    truncated: str
    empty: str
    too_long: str
    note: str
    back: str
    errors: dict[int, tuple[str, str]]


def _words(code: str, entries: dict) -> Words:
    errors = {int(status): tuple(texts) for status, texts in entries["errors"].items()}
    return Words(code, **{**entries, "errors": errors})


LANGUAGES = {
    code: _words(code, entries) for code, entries in language.words(Path(__file__).with_suffix(".toml")).items()
}
