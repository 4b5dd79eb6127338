"""The `.po` files: kept in step with the text, and checked.

In: a unit's messages and its catalogue in one language. Out: an updated catalogue, or the list of what is wrong with
it. Translators edit `course/units/<unit>/<language>.po`, in Poedit or in any editor; what the builder writes into every
notebook is translated once, in `course/locale/`, and what `helpers` say in `helpers/locale/`.
"""

import csv
import difflib
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import polib

from course.build import header, helpers_messages
from course.build.expand import builder_cells
from course.build.read import UNITS, Unit, languages_of, read_unit, unit_names
from course.build.translate import messages

COURSE = Path(__file__).parents[1]
GLOSSARY = COURSE / "glossary.csv"
BUILDER = "course"  # beside the units' names in `course messages`
SIMILAR = 0.6  # from this likeness on, an old translation is offered as a draft (fuzzy)
KEPT = {
    "inline code": re.compile(r"`[^`]+`"),
    "formula": re.compile(r"\$[^$]+\$"),
    "link or image": re.compile(r"\]\(([^)]*)\)"),
    "HTML tag": re.compile(r"</?[a-z][^>]*>"),
    "table bar": re.compile(r"\|"),
    "placeholder": re.compile(r"\{[a-z0-9_]+(?:![rsa])?(?::[^{}]*)?\}"),
    "bold mark": re.compile(r"\*\*"),
    "line break": re.compile(r"\n"),  # what follows it would be a block, or a line of code, of its own
}


def names() -> list[str]:
    """What has catalogues: the units, `helpers`, and `course`, which are the builder's texts."""
    return [*unit_names(), helpers_messages.NAME, BUILDER]


def unit_messages(unit: Unit) -> list[str]:
    """Everything of a unit that is translated: header and cells."""
    return messages([*header.parts(unit), *unit.cells])


def builder_messages() -> list[str]:
    """What the builder writes into every notebook."""
    return messages(builder_cells())


def messages_of(name: str) -> list[str]:
    """The messages of one of `names`. Raises `UnitError`."""
    if name == helpers_messages.NAME:
        return helpers_messages.messages()
    return builder_messages() if name == BUILDER else unit_messages(read_unit(name))


def languages_wanted(name: str, languages: Iterable[str]) -> list[str]:
    """Those of the languages in which one of `names` must be ready: a unit in those of its folder, the rest in all."""
    shared = name in (helpers_messages.NAME, BUILDER)
    return [language for language in languages if shared or language in languages_of(name)]


def path_of(name: str, language: str) -> Path:
    """The catalogue of one of `names` in one language."""
    if name == helpers_messages.NAME:
        return helpers_messages.path_of(language)
    return (COURSE / "locale" if name == BUILDER else UNITS / name) / f"{language}.po"


def label(name: str, language: str) -> str:
    """The catalogue as it is called in sentences: its path in the repository."""
    folder = f"{name}/locale" if name in (helpers_messages.NAME, BUILDER) else f"course/units/{name}"
    return f"{folder}/{language}.po"


def table_of(catalogue: polib.POFile) -> dict[str, str]:
    """Return message → translation of the finished entries: fuzzy ones are not published."""
    return {entry.msgid: entry.msgstr for entry in catalogue if entry.translated()}


def update(ids: list[str], old: polib.POFile, language: str) -> polib.POFile:
    """Return a catalogue with exactly these messages, in their order.

    Finished translations are kept. A message that is new but like one that has gone takes its translation
    over as a draft, marked fuzzy, with the old text beside it.
    """
    entries = {entry.msgid: entry for entry in old if not entry.obsolete}
    gone = [msgid for msgid in entries if msgid not in set(ids)]
    new = polib.POFile(wrapwidth=100)
    new.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
    }
    for msgid in ids:
        if msgid in entries:
            new.append(entries[msgid])
            continue
        like = difflib.get_close_matches(msgid, gone, n=1, cutoff=SIMILAR)
        entry = polib.POEntry(msgid=msgid)
        if like and entries[like[0]].msgstr:
            entry.msgstr, entry.previous_msgid, entry.flags = entries[like[0]].msgstr, like[0], ["fuzzy"]
        new.append(entry)
    return new


def load(path: Path) -> polib.POFile:
    """Return the catalogue, an empty one where there is no file yet."""
    return polib.pofile(str(path), wrapwidth=100) if path.is_file() else polib.POFile()


def problems(ids: list[str], catalogue: polib.POFile, language: str) -> list[str]:
    """One sentence for everything that keeps a catalogue from being published."""
    entries = {entry.msgid: entry for entry in catalogue if not entry.obsolete}
    found = [f"missing: {_short(msgid)}" for msgid in ids if msgid not in entries]
    found += [f"obsolete: {_short(msgid)}" for msgid in entries if msgid not in set(ids)]
    found += [f"obsolete: {_short(entry.msgid)}" for entry in catalogue.obsolete_entries()]
    for msgid, entry in entries.items():
        if entry.fuzzy:
            found.append(f"fuzzy: {_short(msgid)}")
        elif not entry.msgstr:
            found.append(f"untranslated: {_short(msgid)}")
        else:
            found += [f"{problem}: {_short(msgid)}" for problem in entry_problems(msgid, entry.msgstr, language)]
    return found


def entry_problems(message: str, translation: str, language: str) -> list[str]:
    """What a translation lost or added: inline code, formulas, links, tags, and terms of the glossary.

    >>> entry_problems("Call `map`.", "Вызови `filter`.", "ru")
    ['inline code differs (`filter`, `map`)']
    """
    found = lost(message, translation)
    said = KEPT["placeholder"].sub("", message)
    folded = said.casefold()
    for term, stems in glossary(language).items():
        if term.casefold() in folded and _term(term).search(said) and not _any_stem(stems, translation):
            found.append(f"the glossary's word for {term!r} is missing ({' or '.join(stems)})")
    return found


def lost(message: str, translation: str) -> list[str]:
    """What a translation lost or added that is the same in every language."""
    found = []
    for what, pattern in KEPT.items():
        ours, theirs = Counter(pattern.findall(message)), Counter(pattern.findall(translation))
        if ours != theirs:
            different = sorted(((ours - theirs) + (theirs - ours)).elements())
            found.append(f"{what} differs ({', '.join(dict.fromkeys(different))})")
    return found


@cache
def glossary(language: str) -> dict[str, list[str]]:
    """English term → the stems of its translation, one of which must occur wherever the term does.

    Terms without stems in a language's column `<language>_stems` are for reading, not for checking; so are all of them
    in a language without such a column.
    """
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stems = f"{language}_stems"
    return {row["en"]: row[stems].split("|") for row in rows if row.get(stems)}


@cache
def _term(term: str) -> re.Pattern:
    return re.compile(rf"\b{re.escape(term)}s?\b", re.I)


def _any_stem(stems: list[str], text: str) -> bool:
    return any(stem.casefold() in text.casefold() for stem in stems)


def _short(message: str) -> str:
    line = message.replace("\n", " ")
    return line if len(line) <= 72 else line[:71] + "…"
