"""The marks of graded assignments: a page with pictures and tables, a table for spreadsheets, lines for programs.

In: verdicts. Out: one HTML file without scripts or links to elsewhere; CSV; JSON lines. Nothing is graded again.
"""

import base64
import csv
import html
import io
import re
from collections import Counter
from pathlib import Path

from course.verdict import NO_ANSWER, Verdict, printable

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Marks</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }}
table {{ border-collapse: collapse; margin: 1rem 0; }} th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #ddd; }}
td {{ text-align: right; }} td:first-child, td.text, th {{ text-align: left; }} td.text {{ min-width: 16rem; }}
.failed {{ background: #fbdcc8; }} .passed {{ background: #cfe6f5; }} .manual {{ background: #eee; }}
img {{ max-width: 100%; }} div.wide {{ overflow-x: auto; }}
</style>
<h1>Marks</h1>
<p>{summary}</p>
<img alt="{alt}" src="data:image/png;base64,{picture}">
{tables}
"""
FORMULA = re.compile(r"((?:^|[;,|\t\r\n])\s*)([=+\-@＝＋－＠])")
MARK = {"passed": "✓", "failed": "✗", "partial": "◐", "manual": "…"}
COLUMNS = ("student", "assignment", "verdict", "cause", "flags", "score", "max_score", "seconds", "sandbox")
WAYS = {"outside": "judged outside of the student's process", "inside": "judged inside it, watched"}
WAYS |= {"person": "judged by a person"}
SANDBOXES = {"bwrap": "in bubblewrap", "docker": "in Docker", "rlimits": "WITHOUT a sandbox, under rlimits only"}


def write_report(verdicts: list[Verdict], target: Path) -> None:
    """Write the page for these verdicts."""
    graded = [verdict for verdict in verdicts if verdict.score is not None]
    waiting = sum(cell.status == "manual" for verdict in verdicts for cell in verdict.cells)
    kinds = sorted({SANDBOXES.get(verdict.sandbox, verdict.sandbox) for verdict in verdicts if verdict.sandbox})
    summary = (
        f"{len(verdicts)} submissions, {len(graded)} with marks; {waiting} written answers wait for a person. "
        f"Grading took {sum(verdict.seconds for verdict in verdicts):.0f} s of work"
        + (f"; students' code ran {' and '.join(kinds)}." if kinds else ".")
    )
    assignments = dict.fromkeys(verdict.assignment for verdict in verdicts)
    tables = "\n".join(_section(name, [v for v in verdicts if v.assignment == name]) for name in assignments)
    alt = "; ".join(f"{v.student} ({v.assignment}): {_score(v)}" for v in verdicts)
    page = PAGE.format(
        summary=html.escape(summary), alt=html.escape(alt, quote=True), picture=_picture(verdicts), tables=tables
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")


def write_csv(verdicts: list[Verdict], target: Path) -> None:
    """Write a row per submission, with a column for the points of each cell.

    UTF-8 with a byte order mark, which spreadsheets need to show Cyrillic; no cell can act as a formula.
    """
    ids = _grade_ids(verdicts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(_safe, [*COLUMNS, *ids]))
        for verdict in verdicts:
            points = {cell.grade_id: cell.score for cell in verdict.cells}
            fields = [getattr(verdict, name) for name in COLUMNS]
            fields[COLUMNS.index("flags")] = " ".join(verdict.flags)
            writer.writerow(map(_safe, [*fields, *map(points.get, ids)]))


def write_json(verdicts: list[Verdict], target: Path) -> None:
    """Write the verdicts, one JSON object a line."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(verdict.as_json() + "\n" for verdict in verdicts), encoding="utf-8")


def _safe(value):
    """The value for a spreadsheet, which would calculate what begins like a formula.

    Not only the value as a whole: where semicolons or tabs part cells, a part of it is a cell, too.

    >>> _safe("=1+1"), _safe("a;=1+1"), _safe("anna"), _safe(-1.5)
    ("'=1+1", "a;'=1+1", 'anna', -1.5)
    """
    return FORMULA.sub(r"\1'\2", value) if isinstance(value, str) else value


def pass_rates(verdicts: list[Verdict]) -> list[tuple[str, float]]:
    """Grade id and share of submissions that passed it, the hardest cell first; written answers are left out."""
    passed: dict[str, list[bool]] = {}
    for verdict in verdicts:
        for cell in verdict.cells:
            if cell.status != "manual" and cell.message != NO_ANSWER:
                passed.setdefault(cell.grade_id, []).append(cell.status == "passed")
    rates = [(grade_id, sum(found) / len(found)) for grade_id, found in passed.items()]
    return sorted(rates, key=lambda rate: rate[1])


def _score(verdict: Verdict) -> str:
    return verdict.verdict if verdict.score is None else f"{verdict.score:g} of {verdict.max_score:g}"


def _grade_ids(verdicts: list[Verdict]) -> list[str]:
    return list(dict.fromkeys(cell.grade_id for verdict in verdicts for cell in verdict.cells))


def _section(assignment: str, verdicts: list[Verdict]) -> str:
    ids = _grade_ids(verdicts)
    names = ["student", "score", *ids, "seconds", "flags", "cause"]
    judged = Counter(cell.judged for verdict in verdicts for cell in verdict.cells if cell.judged)
    ways = "; ".join(f"{WAYS[way]}: {judged[way]} cells" for way in WAYS if judged[way])
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = "".join(_row(verdict, ids) for verdict in verdicts)
    rates = [f"<li>{html.escape(name)}: {share:.0%} passed</li>" for name, share in pass_rates(verdicts)]
    hardest = f"<p>Hardest cells first:</p><ol>{''.join(rates)}</ol>" if rates else ""
    table = f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    return f"<h2>{html.escape(assignment)}</h2><p>{html.escape(ways)}</p>{table}{hardest}"


def _row(verdict: Verdict, ids: list[str]) -> str:
    cells = {cell.grade_id: cell for cell in verdict.cells}
    columns = [f"<td>{html.escape(verdict.student)}</td><td>{_score(verdict)}</td>"]
    for grade_id in ids:
        cell = cells.get(grade_id)
        if cell is None:
            columns.append("<td></td>")
            continue
        score = "" if cell.score is None else f" {cell.score:g}/{cell.max_score:g}"
        title = " · ".join(filter(None, [cell.judged and f"judged {cell.judged}", cell.message]))
        columns.append(f'<td class="{cell.status}" title="{html.escape(title)}">{MARK[cell.status]}{score}</td>')
    columns.append(f'<td>{verdict.seconds:.1f}</td><td class="text">{html.escape(" ".join(verdict.flags))}</td>')
    columns.append(f'<td class="text">{_cause(verdict)}</td>')
    return f"<tr>{''.join(columns)}</tr>"


def _cause(verdict: Verdict) -> str:
    """The cause; where there is more to say than fits on a line, all of it below."""
    short = html.escape(verdict.cause)
    if not verdict.notes or " ".join(verdict.notes) in verdict.cause:
        return short
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in verdict.notes)
    return f"<details><summary>{short}</summary><ul>{notes}</ul></details>"


def _picture(verdicts: list[Verdict]) -> str:
    """Bars of the scores, one a submission, as PNG in base64."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.8 + 0.35 * len(verdicts)), dpi=100, layout="constrained")
    axes = figure.subplots()
    names = [printable(f"{v.student} · {v.assignment}") for v in verdicts]
    drawn = axes.barh(range(len(names)), [v.score or 0 for v in verdicts], color="#0072B2")
    axes.bar_label(drawn, [_score(v) for v in verdicts], padding=4)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_xlim(0, max([1, *(v.max_score for v in verdicts)]) * 1.15)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
