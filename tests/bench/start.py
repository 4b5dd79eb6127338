"""How long does it take to begin? All notebooks built, `import helpers`, `course --help`, a notebook run offline.

    python tests/bench/start.py --repeats 3
    python tests/bench/start.py --notebooks ner-en emotion-ru --json start.json

Everything runs in processes of its own, so nothing is warm but the disk; of several runs the median counts. An import
counts over a bare Python, which is started in turn with it. The build is `course build --check`: all units in all
languages, source and release, are made in memory and compared with what is there. Notebooks run by `course run` with
the profile `offline`, once, and only where they are named, for each takes up to a minute.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course import ROOT
from course.commands import positive

BUILD, IMPORT, HELP, NOTEBOOK = "course build, all units", "import helpers", "course --help", "course run"
GOALS = {BUILD: 15.0, IMPORT: 0.15, HELP: 0.3, NOTEBOOK: 60.0}  # seconds


def seconds_of(arguments: list[str], accepted: tuple[int, ...] = (0,)) -> float:
    """Run Python with these arguments; ends this program with what it said where the exit status is another."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode not in accepted:
        sys.exit(f"python {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return seconds


def in_turn(commands: dict[str, list[str]], repeats: int) -> dict[str, float]:
    """The median seconds of each command; they take turns, so that noise hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, arguments in commands.items():
            taken[name].append(seconds_of(arguments))
    return {name: statistics.median(found) for name, found in taken.items()}


def run_notebook(name: str, out: str) -> float:
    """Seconds of a notebook such as `ner-en` from top to bottom, its kernel's start included; it lies in `out` then."""
    unit, _, language = name.rpartition("-")
    return seconds_of(["-m", "course.cli", "run", unit, "--lang", language, "--profile", "offline", "--out", out])


def main() -> None:
    """Measure, print the figures beside the goals, write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--repeats", type=positive, default=9, help="of the short ones; the build has three at most (9)"
    )
    parser.add_argument("--notebooks", nargs="*", default=[], metavar="UNIT-LANG", help="`all` for every one")
    parser.add_argument("--out", type=Path, help="folder for the notebooks that ran and their results.json")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    built = sorted(path.name for path in (ROOT / "source").glob("*-*"))
    names = built if options.notebooks == ["all"] else options.notebooks
    if unknown := set(names) - set(built):
        parser.error(f"There is no notebook {min(unknown)!r}: choose of {', '.join(built)}.")
    found = []

    def note(what: str, kind: str, seconds: float) -> None:
        verdict = "reached" if seconds <= GOALS[kind] else "missed"
        found.append({"what": what, "seconds": round(seconds, 3), "goal": GOALS[kind]})
        print(f"{what:>24}  {seconds:>7.3f} s  goal {GOALS[kind]:>6} s  {verdict}", flush=True)

    print(f"on {os.cpu_count()} cores")
    short = in_turn(
        {"bare": ["-c", ""], IMPORT: ["-c", "import helpers"], HELP: ["-m", "course.cli", "--help"]}, options.repeats
    )
    print(f"{'bare Python':>24}  {short['bare']:>7.3f} s")
    note(f"{IMPORT}, over bare", IMPORT, short[IMPORT] - short["bare"])
    note(HELP, HELP, short[HELP])
    builds = [seconds_of(["-m", "course.cli", "build", "--check"], (0, 1)) for _ in range(min(3, options.repeats))]
    note(BUILD, BUILD, statistics.median(builds))
    with tempfile.TemporaryDirectory() as passing:
        for name in names:
            note(f"{NOTEBOOK} {name}", NOTEBOOK, run_notebook(name, str(options.out or passing)))
    if options.json:
        record = {"cores": os.cpu_count(), "bare_python_seconds": round(short["bare"], 3), "found": found}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
