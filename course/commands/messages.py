"""`course messages`: translations follow the text."""

import sys

from course import ROOT
from helpers.language import LANGUAGES

HELP = "Keep the translations in step with the text."
EXAMPLE = "course messages --check"
WORDS = "words"  # the tables, beside the names of catalogues


def arguments(parser) -> None:
    parser.add_argument(
        "unit",
        nargs="*",
        metavar="UNIT",
        help="which units, or `helpers` (what the student's side says), `course` (what is the same in all notebooks), "
        "`words` (tables of pages); everything, if none is named",
    )
    parser.add_argument(
        "--lang",
        choices=LANGUAGES[1:],
        metavar="LANG",
        help=f"one language ({', '.join(LANGUAGES[1:])}); with --update a unit gets a catalogue of it, if it has none",
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--update", action="store_true", help="bring the .po files up to date; drafts are marked fuzzy")
    task.add_argument("--check", action="store_true", help="exit 1 and name what is missing, fuzzy, obsolete or wrong")


def run(options) -> int:
    from course.build import catalog

    task = _update if options.update else _check
    languages = [options.lang] if options.lang else LANGUAGES[1:]
    found = []
    for name in options.unit or [*catalog.names(), WORDS]:
        if name == WORDS:
            found += _tables(languages, options.update)
        else:
            is_new = options.update and options.lang
            found += task(name, languages if is_new else catalog.languages_wanted(name, languages))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def _update(name: str, languages: list[str]) -> list[str]:
    from course.build import catalog

    ids = catalog.messages_of(name)
    for language in languages:
        path = catalog.path_of(name, language)
        catalogue = catalog.update(ids, catalog.load(path), language)
        path.parent.mkdir(exist_ok=True)
        catalogue.save(str(path))
        left = len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())
        print(f"{path.name} of {name}: {len(ids)} messages, {left} to translate")
    return []


def _check(name: str, languages: list[str]) -> list[str]:
    from course.build import catalog

    ids = catalog.messages_of(name)
    return [
        f"{catalog.label(name, language)}: {problem}"
        for language in languages
        for problem in catalog.problems(ids, catalog.load(catalog.path_of(name, language)), language)
    ]


def _tables(languages: list[str], update: bool) -> list[str]:
    from course.build import tables

    found = []
    for path in tables.paths(ROOT):
        name = path.relative_to(ROOT)
        for language in languages:
            if update:
                print(f"{name}, [{language}]: {tables.update(path, language)} to translate")
            else:
                found += [f"{name}, [{language}]: {problem}" for problem in tables.problems(path, language)]
    return found
