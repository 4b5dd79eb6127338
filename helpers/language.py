"""The languages of the course, and the one in which helpers speak: errors, words on pictures, the check before
handing in.

In: a message in English, as it stands in the code. Out: the same in the language that was chosen for this process,
English where none was. `languages.toml` says which languages there are. The translations are `locale/<language>.po`,
read when another language is used first; words that belong together stand in tables of their own (`words`).
"""

import contextlib
import dataclasses
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("languages.toml")
CATALOGUES = Path(__file__).with_name("locale")


class UnknownLanguage(ValueError):
    """A language in which the course is not written."""


class LanguageTableError(ValueError):
    """An entry of `languages.toml` that lacks something."""


@dataclasses.dataclass(frozen=True)
class Language:
    """A line of `languages.toml`: `name` is the language's own, `locale` as datasets call it, such as "en-US"."""

    name: str
    english: str
    locale: str
    decimal: str


def read(path: Path = TABLE) -> dict[str, Language]:
    """Code → language, in the order of the table. Raises `LanguageTableError`."""
    wanted = [field.name for field in dataclasses.fields(Language)]
    found = {}
    for code, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if sorted(entry) != sorted(wanted):
            raise LanguageTableError(f"{path.name}: [{code}] must hold {', '.join(wanted)}, and nothing else.")
        found[code] = Language(**entry)
    return found


BY_CODE = read()
LANGUAGES = tuple(BY_CODE)
_chosen = "en"


def use(language: str) -> None:
    """Let helpers speak this language from here on in this process. Raises `UnknownLanguage`."""
    global _chosen
    _chosen = known(language)


def current() -> str:
    """The code of the language in which helpers speak."""
    return _chosen


def known(language: str) -> str:
    """Return the code of a language of the course. Raises `UnknownLanguage` for any other."""
    if language not in LANGUAGES:
        raise UnknownLanguage(
            gettext("There is no language {name!r}: choose one of {known}.", name=language, known=", ".join(LANGUAGES))
        )
    return language


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
    """Message → translation, of those that somebody has translated."""
    import polib

    path = CATALOGUES / f"{language}.po"
    entries = polib.pofile(str(path)) if path.is_file() else ()
    return {entry.msgid: entry.msgstr for entry in entries if entry.translated()}


@cache
def words(path: Path) -> dict[str, dict]:
    """A table of words, a TOML file with a section for each language → code → its entries.

    What a language lacks is English there, so every language of the course has every entry of `[en]`;
    `course messages --check` names what is missing.
    """
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    return {code: _filled(sections["en"], sections.get(code)) for code in LANGUAGES}


def _filled(english, own):
    """An entry in a language, with the English one in place of each that is missing or empty."""
    if isinstance(english, dict):
        own = own if isinstance(own, dict) else {}
        return {name: _filled(entry, own.get(name)) for name, entry in english.items()}
    return own if own and all(own) else english
