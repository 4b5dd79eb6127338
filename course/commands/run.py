"""`course run`: a unit from top to bottom."""

from pathlib import Path

from helpers.language import LANGUAGES

HELP = "Run a unit's notebook from top to bottom."
EXAMPLE = "course run ner --lang es -p epochs 1"


def arguments(parser) -> None:
    parser.add_argument("unit", metavar="UNIT")
    parser.add_argument("--lang", choices=LANGUAGES, default="en")
    parser.add_argument(
        "--profile",
        default="auto",
        help="offline, full, quick, or auto: full where there is a GPU, else offline (default)",
    )
    parser.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter of the notebook, such as checkpoint or epochs",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder for the notebook and results.json (runs/)"
    )


def run(options) -> int:
    from course.run import run_unit

    outcome = run_unit(
        options.unit, options.lang, profile=options.profile, parameters=dict(options.parameters), out=options.out
    )
    for name, value in outcome.metrics.items():
        print(f"{name:>12}  {value:.4f}")
    print(f"{options.unit}-{options.lang}: {outcome.seconds:.0f} s on {outcome.device}; see {outcome.folder}")
    return 0
