"""`course messages`: translations follow the text."""

import sys

HELP = "Keep the translations in step with the text."
EXAMPLE = "course messages --check"


def arguments(parser) -> None:
    parser.add_argument(
        "unit", nargs="*", metavar="UNIT", help="which units, or helpers (all of them, if none is named)"
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--update", action="store_true", help="bring the .po files up to date; drafts are marked fuzzy")
    task.add_argument("--check", action="store_true", help="exit 1 and name what is missing, fuzzy, obsolete or wrong")


def run(options) -> int:
    from course.build import catalog, helpers_messages, read

    found = []
    for name in options.unit or [*read.unit_names(), helpers_messages.NAME]:
        ids = catalog.messages_of(name)
        for language in read.LANGUAGES[1:]:
            path = catalog.path_of(name, language)
            catalogue = catalog.load(path)
            if options.update:
                catalogue = catalog.update(ids, catalogue, language)
                catalogue.save(str(path))
                left = len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())
                print(f"{path.name} of {name}: {len(ids)} messages, {left} to translate")
            else:
                found += [f"{name}/{language}.po: {problem}" for problem in catalog.problems(ids, catalogue, language)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0
