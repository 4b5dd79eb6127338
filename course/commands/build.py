"""`course build`: the units' texts become notebooks."""

import sys

from course import ROOT
from course.commands import UsageError
from helpers.language import BY_CODE, LANGUAGES

HELP = "Make source/ and release/ from the units' texts."
EXAMPLE = "course build ner --lang ru"


def arguments(parser) -> None:
    parser.add_argument("unit", nargs="*", metavar="UNIT", help="which units (all, if none is named)")
    parser.add_argument("--lang", choices=LANGUAGES, help="one language only")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")


def run(options) -> int:
    from course import answers
    from course.build import read, write

    units = [read.read_unit(name) for name in options.unit or read.unit_names()]
    if options.lang and not any(options.lang in unit.languages for unit in units):
        names, language = ", ".join(unit.name for unit in units), BY_CODE[options.lang].english
        raise UsageError(
            f"There is no {language} of {names}: `course messages --update --lang {options.lang} {units[0].name}` "
            "makes a catalogue to translate."
        )
    found = []
    for unit in units:
        languages = [code for code in unit.languages if options.lang in (None, code)]
        if options.check:
            found += [problem for language in languages for problem in _stale(unit, language)]
        else:
            changed = write.write([write.build_language(unit, language) for language in languages], ROOT)
            print(f"{unit.name}: {', '.join(changed) if changed else 'nothing has changed'}")
            if lacks := answers.lacking(unit.name):
                print(f"{unit.name}: NOTE {lacks}")
        for path in write.abandoned(unit, ROOT):
            found.append(f"{path} is in a language that the unit has no catalogue of: add that, or delete the folder.")
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def _stale(unit, language: str) -> list[str]:
    """One sentence for each file of a language that must be built again, or for the catalogue that prevents it."""
    from course.build import write

    try:
        changed = write.differences([write.build_language(unit, language)], ROOT)
    except write.CatalogueError as error:
        return [str(error)]
    return [f"{path} is not what the text makes: run `course build` and commit the result." for path in changed]
