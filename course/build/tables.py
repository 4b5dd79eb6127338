"""Tables of words: TOML files with a section for each language, which `helpers.language.words` reads.

In: a table and a language. Out: what a person has to write in it, in sentences; or the table with a place for it. Pages
speak by them, and what stands together in each language stands together in the file. An entry that is empty or missing
is English on a page, so a language may be half ready there.
"""

import tomllib
from pathlib import Path

import tomlkit

from course import ROOT
from course.build.catalog import lost
from helpers.language import LANGUAGES, TABLE

FOLDERS = ("course", "helpers", "tests/bench")


def paths(root: Path = ROOT) -> list[Path]:
    """The tables of words of the course."""
    found = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.toml"))
    return [path for path in found if path.name != TABLE.name and "en" in _read(path)]


def problems(path: Path, language: str) -> list[str]:
    """One sentence for every entry of a language that is missing, empty, left over, or has lost something."""
    sections = _read(path)
    english, own = _entries(sections["en"]), _entries(sections.get(language, {}))
    found = [f"missing: {name}" for name in english if name not in own]
    found += [f"obsolete: {name}" for name in own if name not in english]
    for name in english.keys() & own.keys():
        if not own[name]:
            found.append(f"untranslated: {name}")
        else:
            found += [f"{problem}: {name}" for problem in lost(english[name], own[name])]
    found += [f"there is no language {code!r}" for code in sections if code not in LANGUAGES]
    return sorted(found)


def update(path: Path, language: str) -> int:
    """Give a language an empty entry for each that it lacks; the rest stays as it is. Returns how many are empty."""
    text = path.read_text(encoding="utf-8")
    document = tomlkit.parse(text)
    if language not in document:
        document.add(tomlkit.nl())
        document.add(language, tomlkit.table())
    _add_missing(document["en"], document[language])
    made = tomlkit.dumps(document).rstrip() + "\n"
    if made != text:
        path.write_text(made, encoding="utf-8")
    return sum(not entry for entry in _entries(document[language]).values())


def _add_missing(english, own) -> None:
    for name, entry in english.items():
        if isinstance(entry, dict):
            if name not in own:
                own.add(name, tomlkit.table())
            _add_missing(entry, own[name])
        elif name not in own:
            own.add(name, [""] * len(entry) if isinstance(entry, list) else "")


def _read(path: Path) -> dict:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _entries(section, above: str = "") -> dict[str, str]:
    """The texts of a section by their names: `errors.404.1` is the first of a list."""
    found = {}
    if isinstance(section, list):
        section = {str(number): entry for number, entry in enumerate(section, start=1)}
    for name, entry in section.items():
        found |= _entries(entry, f"{above}{name}.") if isinstance(entry, dict | list) else {above + name: entry}
    return found
