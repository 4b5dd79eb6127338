"""`course build`: the units' texts become notebooks."""

import sys

from course import ROOT

HELP = "Make source/ and release/ from the units' texts."
EXAMPLE = "course build ner --lang ru"


def arguments(parser) -> None:
    parser.add_argument("unit", nargs="*", metavar="UNIT", help="which units (all, if none is named)")
    parser.add_argument("--lang", choices=("en", "ru", "es"), help="one language only")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")


def run(options) -> int:
    from course.build import read, write

    languages = (options.lang,) if options.lang else read.LANGUAGES
    found = []
    for name in options.unit or read.unit_names():
        if options.check:
            unit = read.read_unit(name)
            found += [problem for language in languages for problem in _stale(unit, language)]
        else:
            changed = write.write(write.build_unit(name, languages), ROOT)
            print(f"{name}: {', '.join(changed) if changed else 'nothing has changed'}")
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
