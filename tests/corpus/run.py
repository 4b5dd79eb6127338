"""An adversarial suite for notebook autograders: run the cases with a grader, and say which it gets right.

    python tests/corpus/run.py course
    python tests/corpus/run.py nbgrader --case fork-bomb
    python tests/corpus/run.py otter --python ../otter/bin/python --json results.json

README.md beside this file describes the cases and how a runner for another grader is added.
"""

import argparse
import dataclasses
import importlib
import json
import sys
from pathlib import Path

from suite import table
from suite.cases import HOME, load
from suite.judging import Finding
from suite.runners import RUNNERS, Unavailable

PLAIN = "as-the-teacher-would"  # who gives that no points does not work, and says nothing by the other cases
README, RESULTS = HOME / "README.md", HOME / "results.json"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 1 where a case is wrong, 2 where the grader cannot be run."""
    options = _parser().parse_args(arguments)
    if options.rest and not options.json:
        _parser().error("--rest needs --json FILE")
    if options.grader == "table":
        README.write_text(readme(options.json or RESULTS), encoding="utf-8")
        return 0
    cases = [case for case in load() if not options.case or case.name in options.case]
    if unknown := set(options.case or ()) - {case.name for case in cases}:
        _parser().error(f"there is no case {', '.join(sorted(unknown))}")
    if options.rest:
        cases = [case for case in cases if case.name not in known(options.json, options.grader)]
    module, _, function = RUNNERS[options.grader].partition(":")
    runner = importlib.import_module(f"suite.runners.{module}")
    wanted = {case.name for case in cases}
    cases = [*(case for case in load() if case.name == PLAIN), *(case for case in cases if case.name != PLAIN)]
    findings = []
    version = runner.version(options.python)
    try:
        for finding in getattr(runner, function)(cases, options.python):
            if finding.case == PLAIN and finding.word != "right":
                raise Unavailable(f"{version} gives plain right answers no points: {finding.why}")
            if finding.case not in wanted:
                continue
            findings.append(finding)
            print(f"{finding.word:6} {finding.kind}/{finding.case} {finding.why}".rstrip(), flush=True)
            if options.json:
                save(options.json, options.grader, version, finding)
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{table.terminal(options.grader, findings)}")
    return int(any(finding.word == "wrong" for finding in findings))


def known(path: Path, grader: str) -> dict[str, dict]:
    """Case → what the file has of the grader's finding."""
    return {each["case"]: each for each in _kept(path).get(grader, {}).get("findings", ())}


def save(path: Path, grader: str, version: str, finding: Finding) -> None:
    """Put a finding into the file, beside those of other cases and graders."""
    findings = known(path, grader) | {finding.case: dataclasses.asdict(finding)}
    order = [findings[case.name] for case in load() if case.name in findings]
    kept = _kept(path) | {grader: {"version": version, "findings": order}}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _kept(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def readme(path: Path) -> str:
    """README.md with its tables made anew, of the results in this file and of the code."""
    kept = _kept(path)
    results = {name: [Finding(**each) for each in kept[name]["findings"]] for name in RUNNERS if name in kept}
    made = table.markdown(results, {name: kept[name]["version"] for name in results}, load())
    return _between(_between(README.read_text(encoding="utf-8"), "results", made), "operations", table.operations())


def _between(text: str, mark: str, new: str) -> str:
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{new}\n{end}{rest.partition(end)[2]}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grader", choices=[*RUNNERS, "table"], help="whom to try; table: write those of README.md anew")
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case; may be given several times")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the grader (this one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the findings there, beside those of others")
    parser.add_argument("--rest", action="store_true", help="only the cases of which that file has no finding")
    return parser


if __name__ == "__main__":
    sys.exit(main())
