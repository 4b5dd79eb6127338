"""`python -m helpers.check NOTEBOOK`: exit code 0 if it is ready, 1 if not, 2 if it cannot be checked."""

import argparse
import json
import sys
from pathlib import Path

from helpers import language
from helpers.check import reading, report, saying

DESCRIPTION = """\
Is a notebook of the course ready to hand in? Says, in the notebook's language, which answers are there, whether it runs
from top to bottom in a fresh process, what the visible tests say, and what the grader will not take as it is.
"""
EXAMPLE = """\
example:
  python -m helpers.check ner.ipynb
"""


def main(arguments: list[str] | None = None) -> int:
    """Check one notebook; returns the exit code."""
    options = parse(arguments)
    try:
        notebook = reading.from_file(options.notebook)
        with language.speaking(notebook.language):
            return _check(notebook, as_json=options.json)
    except reading.CheckError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(saying.stopped(), file=sys.stderr)
        return 130


def _check(notebook: reading.Notebook, *, as_json: bool) -> int:
    if not as_json:
        print(saying.heading(notebook), flush=True)
    found = report.examine(notebook, with_bar=sys.stdout.isatty() and not as_json)
    print(json.dumps(saying.data(found), ensure_ascii=False, indent=2) if as_json else "\n" + saying.text(found))
    return 0 if found.is_ready else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.check",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="its file, saved")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
