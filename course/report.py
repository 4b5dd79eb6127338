"""A page with the marks of graded assignments: pictures for a first look, a table for the details.

In: verdicts. Out: one HTML file without scripts or links to elsewhere.
"""

import base64
import html
import io
from pathlib import Path

from course.verdict import Verdict

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Marks</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }}
table {{ border-collapse: collapse; margin: 1rem 0; }} th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #ddd; }}
td {{ text-align: right; }} td:first-child, td.text, th {{ text-align: left; }}
.failed {{ background: #fbdcc8; }} .passed {{ background: #cfe6f5; }} .manual {{ background: #eee; }}
img {{ max-width: 100%; }} div.wide {{ overflow-x: auto; }}
</style>
<h1>Marks</h1>
<p>{summary}</p>
<img alt="{alt}" src="data:image/png;base64,{picture}">
{tables}
"""
MARK = {"passed": "✓", "failed": "✗", "partial": "◐", "manual": "…"}


def write_report(verdicts: list[Verdict], target: Path) -> None:
    """Write the page for these verdicts; marks are read as they are, nothing is graded again."""
    graded = [verdict for verdict in verdicts if verdict.score is not None]
    waiting = sum(cell.status == "manual" for verdict in verdicts for cell in verdict.cells)
    summary = f"{len(verdicts)} submissions, {len(graded)} with marks; {waiting} written answers wait for a person."
    assignments = dict.fromkeys(verdict.assignment for verdict in verdicts)
    tables = "\n".join(_table(name, [v for v in verdicts if v.assignment == name]) for name in assignments)
    alt = "; ".join(f"{v.student} ({v.assignment}): {_score(v)}" for v in verdicts)
    page = PAGE.format(summary=summary, alt=html.escape(alt, quote=True), picture=_picture(verdicts), tables=tables)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")


def _score(verdict: Verdict) -> str:
    return verdict.verdict if verdict.score is None else f"{verdict.score:g} of {verdict.max_score:g}"


def _table(assignment: str, verdicts: list[Verdict]) -> str:
    ids = list(dict.fromkeys(cell.grade_id for verdict in verdicts for cell in verdict.cells))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["student", "score", *ids, "seconds", "cause"])
    rows = "".join(_row(verdict, ids) for verdict in verdicts)
    return f'<h2>{html.escape(assignment)}</h2><div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _row(verdict: Verdict, ids: list[str]) -> str:
    cells = {cell.grade_id: cell for cell in verdict.cells}
    columns = [f"<td>{html.escape(verdict.student)}</td><td>{_score(verdict)}</td>"]
    for grade_id in ids:
        cell = cells.get(grade_id)
        if cell is None:
            columns.append("<td></td>")
            continue
        score = "" if cell.score is None else f" {cell.score:g}/{cell.max_score:g}"
        columns.append(f'<td class="{cell.status}" title="{html.escape(cell.message)}">{MARK[cell.status]}{score}</td>')
    columns.append(f'<td>{verdict.seconds:.1f}</td><td class="text">{html.escape(verdict.cause)}</td>')
    return f"<tr>{''.join(columns)}</tr>"


def _picture(verdicts: list[Verdict]) -> str:
    """Bars of the scores, one a submission, as PNG in base64."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.8 + 0.35 * len(verdicts)), dpi=100, layout="constrained")
    axes = figure.subplots()
    names = [f"{v.student} · {v.assignment}" for v in verdicts]
    drawn = axes.barh(range(len(names)), [v.score or 0 for v in verdicts], color="#0072B2")
    axes.bar_label(drawn, [_score(v) for v in verdicts], padding=4)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_xlim(0, max([1, *(v.max_score for v in verdicts)]) * 1.15)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
