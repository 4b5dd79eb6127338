"""What was measured, and the tables of the READMEs that show it.

    python tests/bench/results.py runs/ner-en/results.json --machine "2 shared CPU cores"

adds a run of `course run` to results.json (it replaces an earlier one of the same unit, language, profile, data and
model on the same machine) and writes the tables anew; without a file it only writes the tables. Under `seeds` stands
what the material reports from which a unit grew. `--grading` adds what `grading.py --json` measured, instead of an
earlier class of the same size on the same machine. No number of a table is typed by hand.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import nbformat

from course import ROOT
from course.build.opening import BADGE, notebook_url
from course.build.read import LANGUAGES, in_order, languages_of, read_unit, unit_names
from course.build.write import repository
from helpers.language import BY_CODE, words
from tests.bench import goals

RESULTS = Path(__file__).with_name("results.json")
READMES = {
    code: path
    for code in LANGUAGES
    if (path := ROOT / "README.md" if code == "en" else ROOT / "course" / f"README.{code}.md").is_file()
}
WORDS = words(Path(__file__).with_suffix(".toml"))
REAL = {
    "massive": "MASSIVE",
    "conll2003": "CoNLL-2003",
    "conll2002/es": "CoNLL-2002",
    "wikineural/ru": "WikiNEuRal",
    "toxic_chat": "ToxicChat",
    "textdetox/ru": "TextDetox",
    "textdetox/es": "TextDetox",
    "tweet_eval/emotion": "TweetEval",
    "brighter/rus": "BRIGHTER",
    "brighter/esp": "BRIGHTER",
    "imdb": "IMDB",
    "kinopoisk": "Kinopoisk",
    "muchocine": "MuchoCine",
}


def main() -> int:
    """Add runs, write the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="results.json of a run")
    parser.add_argument("--machine", help="what it ran on; by default what the run says of its device")
    parser.add_argument("--data", help="what the data were, where the run did not have all of them")
    parser.add_argument("--grading", type=Path, help="figures of grading.py; needs --machine")
    parser.add_argument("--benches", type=Path, nargs="*", default=[], help="ladder.json, training.json, …")
    options = parser.parse_args()
    record = json.loads(RESULTS.read_text(encoding="utf-8"))
    if options.grading:
        if not options.machine:
            parser.error("--grading needs --machine: a class takes as long as its machine lets it.")
        new = json.loads(options.grading.read_text(encoding="utf-8")) | {"machine": options.machine}
        record["grading"] = [known for known in record["grading"] if _size(known) != _size(new)] + [new]
        record["grading"].sort(key=_size)
    if missing := [str(path) for path in (*options.runs, *options.benches) if not path.is_file()]:
        parser.error(f"There is no {missing[0]}: a bench writes it with --json, a run with `course run`.")
    for path in options.benches:
        record["benches"][path.stem] = goals.shrunk(json.loads(path.read_text(encoding="utf-8")))
    for path in options.runs:
        run = json.loads(path.read_text(encoding="utf-8"))
        run |= {"machine": options.machine or run["device"]} | ({"data": options.data} if options.data else {})
        record["runs"] = [known for known in record["runs"] if _key(known) != _key(run)] + [run]
    record["runs"].sort(key=_key)
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for language, path in READMES.items():
        path.write_text(with_tables(path.read_text(encoding="utf-8"), language), encoding="utf-8")
    return 0


def _key(run: dict) -> tuple:
    return tuple(run[name] for name in ("unit", "profile", "checkpoint", "language", "data", "machine"))


def _size(grading: dict) -> tuple:
    return grading["machine"], grading["assignment"], grading["students"]


def with_tables(text: str, language: str) -> str:
    """A README with its tables as they must be."""
    record, said = json.loads(RESULTS.read_text(encoding="utf-8")), WORDS[language]
    tables = {
        "units": unit_rows(language),
        "results": result_rows(language),
        "grading": grading_rows(language),
        "goals": goals.goal_rows(record, said),
        "ladder": goals.ladder_rows(record, said),
        "foretold": goals.foretold_rows(record, said),
        "database": goals.database_rows(record),
        "overload": goals.overload_rows(record, said),
    }
    for name, rows in tables.items():
        head = WORDS[language][name]
        if name == "units":
            head = [*head[:2], *(of.name for of in BY_CODE.values()), *head[2:]]
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        text, count = re.subn(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", rf"\1{table}\n\2", text, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"The README has no place for the table: <!-- {name} --> … <!-- /{name} -->.")
    return text


def unit_rows(language: str, address: str | None = None) -> list[list[str]]:
    """One line a unit in the recommended order, with links to its notebooks.

    They are badges for Colab if the course has an `address` on GitHub, by default the `repository` of pyproject.toml.
    """
    address = repository() if address is None else address
    root = "" if language == "en" else "../"
    rows = []
    for unit in in_order(unit_names()):
        of = language if language in languages_of(unit) else "en"
        notebook = nbformat.read(ROOT / "release" / f"{unit}-{of}" / f"{unit}.ipynb", as_version=4)
        title = re.search(r"^# (.+)$", "\n".join(cell.source for cell in notebook.cells), re.MULTILINE).group(1)
        links = [_link(unit, other, address, root) for other in LANGUAGES]
        rows.append([f"`{unit}`", title, *links, str(read_unit(unit).minutes)])
    return rows


def _link(unit: str, language: str, address: str, root: str) -> str:
    """How a unit is opened in a language; a dash where it is not there in it."""
    if language not in languages_of(unit):
        return "–"
    said = WORDS[language]["open"]
    if address:
        return f"[![{said}]({BADGE})]({notebook_url(address, unit, language)})"
    return f"[{said}]({root}release/{unit}-{language}/{unit}.ipynb)"


def result_rows(language: str) -> list[list[str]]:
    """One line a run, in the recommended order of the units; beside it a simple model, and what the seed reports."""
    record = json.loads(RESULTS.read_text(encoding="utf-8"))
    units, rows = in_order(sorted({run["unit"] for run in record["runs"]})), []
    for run in sorted(record["runs"], key=lambda run: units.index(run["unit"])):
        shown = record["shown"][run["unit"]]
        seed = record["seeds"].get(run["unit"], {}) if (run["profile"], run["language"]) == ("full", "en") else {}
        data = run["data"] if run["data"] not in ("samples", "real") else WORDS[language]["samples"]
        if run["data"] == "real":
            data = REAL[run["settings"]["dataset"]]
        rows.append(
            [
                f"`{run['unit']}-{run['language']}`",
                f"{run['profile']}, {run['checkpoint']}",
                data,
                _machine(run, language),
                f"{run['seconds']:.0f}",
                _scores(run["metrics"], shown),
                _scores(run["baseline"], shown),
                _scores(seed, shown),
            ]
        )
    return rows


def grading_rows(language: str) -> list[list[str]]:
    """One line a class, graded by nbgrader and by this course in one run."""
    names = ("nbgrader_seconds", "course_seconds", "ratio", "floor_seconds")
    return [
        [
            WORDS[language]["classes"][figures["assignment"]].format(count=figures["students"]),
            _machine(figures, language),
            *(f"{figures[name]:.4g}" if name in figures else "–" for name in names),
        ]
        for figures in json.loads(RESULTS.read_text(encoding="utf-8"))["grading"]
    ]


def _machine(run: dict, language: str) -> str:
    return WORDS[language]["machines"].get(run["machine"], run["machine"])


def _scores(metrics: dict[str, float], shown: list[str]) -> str:
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in shown if name in metrics) or "–"


if __name__ == "__main__":
    sys.exit(main())
