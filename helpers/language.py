"""The language in which helpers speak: errors, words on pictures, the check before handing in.

In: a message in English, as it stands in the code. Out: the same in the language that was chosen for this process,
English where none was. The translations are `locale/<language>.po`, read when another language is used first.
"""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ru", "es")
CATALOGUES = Path(__file__).with_name("locale")


class UnknownLanguage(ValueError):
    """A language in which the course is not written."""


_chosen = "en"


def use(language: str) -> None:
    """Let helpers speak this language from here on in this process. Raises `UnknownLanguage`."""
    global _chosen
    if language not in LANGUAGES:
        raise UnknownLanguage(
            gettext("There is no language {name!r}: choose one of {known}.", name=language, known=", ".join(LANGUAGES))
        )
    _chosen = language


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use a language for a block only."""
    before = _chosen
    use(language)
    try:
        yield
    finally:
        use(before)


def gettext(message: str, **values) -> str:
    """Return the message in the chosen language, its placeholders replaced by the values.

    >>> gettext("There is no metric {name!r}.", name="f2")
    "There is no metric 'f2'."
    """
    translated = message if _chosen == "en" else _table(_chosen).get(message, message)
    return translated.format(**values) if values else translated


@cache
def _table(language: str) -> dict[str, str]:
    import polib

    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(CATALOGUES / f"{language}.po"))}
