"""The tables of README.md, and that of one run for a terminal.

In: findings, grader → finding of each case; the operations. Out: text. Numbers are counted here and nowhere else.
"""

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence

from .cases import KINDS, Case
from .judging import WORDS, Finding
from .operations import OPERATIONS


def counts(findings: Sequence[Finding], kind: str) -> Counter:
    """Word → how many cases of the kind."""
    return Counter(finding.word for finding in findings if finding.kind == kind)


def terminal(grader: str, findings: Sequence[Finding]) -> str:
    """Counts by kind, then each case that is not right, with the reason."""
    lines = [f"{grader:10}" + "".join(f"{word:>8}" for word in WORDS)]
    for kind in KINDS:
        found = counts(findings, kind)
        lines.append(f"{kind:10}" + "".join(f"{found[word]:>8}" for word in WORDS))
    odd = [finding for finding in findings if finding.word not in ("right", "n.a.")]
    lines += ["", *(f"{finding.word:6} {finding.kind}/{finding.case}: {finding.why}".rstrip(": ") for finding in odd)]
    return "\n".join(lines).rstrip()


def markdown(results: Mapping[str, Sequence[Finding]], names: Mapping[str, str], cases: Sequence[Case]) -> str:
    """Graders × kinds, then the cases that some grader gets wrong. `names`: grader → its name with the version."""
    lines = ["| grader | kind | " + " | ".join(WORDS) + " | not run |", "| --- | --- |" + " ---: |" * (len(WORDS) + 1)]
    of_kind = Counter(case.kind for case in cases)
    for grader, findings in results.items():
        for kind in KINDS:
            found = counts(findings, kind)
            numbers = [*(found[word] for word in WORDS), of_kind[kind] - found.total()]
            lines.append(f"| {names[grader]} | {kind} | " + " | ".join(map(str, numbers)) + " |")
    lines += ["", "| case | " + " | ".join(results) + " |", "| --- |" + " --- |" * len(results)]
    words = {grader: {finding.case: finding for finding in findings} for grader, findings in results.items()}
    for case in cases:
        row = [found[case.name].word if case.name in found else "–" for found in words.values()]
        if {"wrong", "asks"} & set(row):
            lines.append(f"| {case.kind}: {case.name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def operations() -> str:
    """Each operation with its arguments (in brackets: those that may be left out) and what it does."""
    lines = ["| op | arguments | what it does |", "| --- | --- | --- |"]
    for name, function in OPERATIONS.items():
        given = list(inspect.signature(function).parameters.values())[1:]
        arguments = ", ".join(f"`{one.name}`" if one.default is one.empty else f"[`{one.name}`]" for one in given)
        lines.append(f"| `{name}` | {arguments} | {' '.join(inspect.getdoc(function).split())} |")
    return "\n".join(lines)
