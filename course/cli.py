"""The command `course`: parses what was typed and runs one of the `commands`.

Every error that a person can cause ends as one sentence on stderr and exit code 2; a check that finds
something exits with 1.
"""

import argparse
import errno
import importlib
import sys

from course import Refusal, commands


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except _expected_errors() as error:
        print(f"course: {_in_words(error)}", file=sys.stderr)
        return 2


def _in_words(error: Exception) -> str:
    """What a person can do about it, where the system has only named it."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        place = f" for {error.filename}" if error.filename else ""
        return f"The disk has no room left{place}: make some and run the command again. What was done is kept."
    return str(error)


def _expected_errors() -> tuple[type[Exception], ...]:
    """The exceptions whose message is meant for people; OSError: a file that cannot be read or written."""
    from helpers.data import DataError
    from helpers.language import UnknownLanguage
    from helpers.models import ModelUnavailable
    from helpers.profiles import UnknownProfile

    return Refusal, DataError, ModelUnavailable, UnknownLanguage, UnknownProfile, OSError


def parser() -> argparse.ArgumentParser:
    """All commands with their options and an example each."""
    root = argparse.ArgumentParser(prog="course", description="Build, run and grade the course.")
    added = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in commands.NAMES:
        command = importlib.import_module(f"course.commands.{name.replace('-', '_')}")
        options = added.add_parser(
            name,
            help=command.HELP,
            description=command.HELP,
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(options)
        options.set_defaults(run=command.run)
    return root


if __name__ == "__main__":
    sys.exit(main())
