"""Tables and marked texts as HTML that Jupyter and Colab show as it is.

In: texts, tags, scores. Out: HTML; what comes from a text is escaped.
"""

import dataclasses
import html

from helpers import language
from helpers.show.palette import PALETTE

RESULTS_MIME = "application/vnd.course.results+json"


def _chip(text: str, label: str, classes: list[str]) -> str:
    colour = PALETTE[classes.index(label) % len(PALETTE)]
    return (
        f'<span style="background:{colour}30;border-bottom:3px solid {colour};border-radius:3px;padding:1px 4px">'
        f'{html.escape(text)} <small style="font-weight:bold">{html.escape(label)}</small></span>'
    )


def entities(result: dict) -> None:
    """The text with its entities underlined and named; `result` is what `do_ner` returns."""
    from IPython.display import HTML, display

    text, parts, done = result["text"], [], 0
    classes = ["PER", "ORG", "LOC", "MISC"]
    classes += sorted({entity["class"] for entity in result["entities"]} - set(classes))
    for entity in result["entities"]:
        parts.append(html.escape(text[done : entity["start"]]))
        parts.append(_chip(entity["text"], entity["class"], classes))
        done = entity["end"]
    parts.append(html.escape(text[done:]))
    display(HTML(f'<div style="line-height:2.2;white-space:pre-wrap">{"".join(parts)}</div>'))


def token_strip(tokens: list[str], **rows: list[str]) -> None:
    """Tokens side by side, and under each token one line per keyword: `token_strip(words, ner_tags=tags)`.

    Tags other than `O` are coloured by class; a tag that differs from the first row's is framed.
    """
    from IPython.display import HTML, display

    first = next(iter(rows.values()))
    classes = ["PER", "ORG", "LOC", "MISC"]
    classes += sorted({str(t).partition("-")[2] for row in rows.values() for t in row} - set(classes))
    lines = [_cells("th", "tokens", [(html.escape(token), "") for token in tokens])]
    for name, row in rows.items():
        cells = []
        for tag, reference in zip(map(str, row), map(str, first)):
            entity_class = tag.partition("-")[2]
            colour = PALETTE[classes.index(entity_class) % len(PALETTE)]
            style = f"background:{colour}30;" if tag[:2] in ("B-", "I-") else ""
            style += "outline:2px dashed #D55E00;" if tag != reference else ""
            cells.append((html.escape(tag), style))
        lines.append(_cells("td", name, cells))
    display(HTML(f'<div style="overflow-x:auto"><table>{"".join(lines)}</table></div>'))


def _cells(tag: str, name: str, cells: list[tuple[str, str]]) -> str:
    style = "text-align:center;padding:2px 6px;"
    row = "".join(f'<{tag} style="{style}{extra}">{text}</{tag}>' for text, extra in cells)
    return f'<tr><th style="text-align:left">{html.escape(name)}</th>{row}</tr>'


def texts(texts: list[str], most: int = 500, **columns: list) -> None:
    """Texts one below the other, with a column of names or numbers for each keyword: `texts(worst, label=labels)`.

    Long texts are cut after `most` characters.
    """
    from IPython.display import HTML, display

    names = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    lines = [f'<tr>{names}<th style="text-align:left">text</th></tr>']
    for text, *values in zip(texts, *columns.values()):
        cells = [f"{value:.3f}" if isinstance(value, float) else html.escape(str(value)) for value in values]
        cells = "".join(f'<td style="vertical-align:top">{cell}</td>' for cell in cells)
        text = html.escape(text[:most] + ("…" if len(text) > most else ""))
        lines.append(f'<tr>{cells}<td style="text-align:left;white-space:pre-wrap;max-width:44em">{text}</td></tr>')
    display(HTML(f"<table>{''.join(lines)}</table>"))


def table(rows: dict[str, dict[str, float]]):
    """A table of scores, one row a key, numbers with four digits."""
    import pandas as pd

    return pd.DataFrame(rows).T.style.format(precision=4, na_rep="–")


def settings(profile) -> None:
    """What a reader wants to know of a run: which version of it, on what data, with which model, and where."""
    from helpers import models

    shown = {
        "profile": profile.name,
        "data": profile.data,
        "checkpoint": profile.checkpoint,
        "epochs": profile.epochs,
        "device": models.hardware(),
    }
    examples(**{"": list(shown), " ": list(shown.values())})


def examples(**columns: list) -> None:
    """Rows of data as they are: `examples(text=texts, label=names)`, one column a keyword."""
    from IPython.display import HTML, display

    style = "text-align:left;white-space:pre-wrap;overflow-wrap:anywhere;max-width:38em;padding:3px 10px"
    head = "".join(f'<th style="{style}">{html.escape(name)}</th>' for name in columns)
    rows = [
        "".join(f'<td style="{style}">{html.escape(str(value))}</td>' for value in row)
        for row in zip(*columns.values())
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    display(HTML(f'<div style="overflow-x:auto"><table><tr>{head}</tr>{body}</table></div>'))


def pieces(texts: list[str], tokenizers: dict[str, object]) -> None:
    """The word pieces of each text, their number in front, in one column for each name of a tokenizer."""
    cut = {name: [tokenizer.tokenize(text) for text in texts] for name, tokenizer in tokenizers.items()}
    examples(text=texts, **{name: [f"{len(found)}: {' '.join(found)}" for found in rows] for name, rows in cut.items()})


def heatmap(values, rows: list[str], columns: list[str] | None = None, digits: int = 2) -> None:
    """A table of shares or cosines: a cell is the darker, the nearer it is to 1; columns are those of the rows."""
    from IPython.display import HTML, display

    lowest = float(min(map(min, values)))
    lines = [_cells("th", "", [(html.escape(name), "font-weight:normal;") for name in columns or rows])]
    for name, row in zip(rows, values):
        cells = []
        for value in map(float, row):
            depth = (value - lowest) / max(1 - lowest, 1e-9)
            ink = "white" if depth > 0.9 else "black"
            cells.append((f"{value:.{digits}f}", f"background:rgba(0,114,178,{depth:.2f});color:{ink};"))
        lines.append(_cells("td", name, cells))
    display(HTML(f'<div style="overflow-x:auto"><table>{"".join(lines)}</table></div>'))


def results(profile, metrics: dict[str, float], baseline: dict[str, float] | None = None) -> None:
    """The final numbers, as a table for people and as JSON for `course run`, which collects them.

    `baseline` holds what a simple model reaches in some of these metrics, on the same texts.
    """
    from importlib.metadata import version

    from IPython.display import display

    from helpers import models

    with language.speaking("en"):  # programs read the record
        device = models.hardware()
    metrics = {name: float(value) for name, value in metrics.items()}
    baseline = {name: float(value) for name, value in (baseline or {}).items()}
    packages = ("torch", "transformers", "datasets", "evaluate")
    record = {
        "unit": profile.unit,
        "profile": profile.name,
        "data": profile.data,
        "checkpoint": profile.checkpoint,
        "settings": dataclasses.asdict(profile),
        "metrics": metrics,
        "baseline": baseline,
        "device": device,
        "versions": {name: version(name) for name in packages},
    }
    rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{v:.4f}</td></tr>" for k, v in metrics.items())
    display(
        {
            "text/html": f"<table>{rows}</table>",
            "text/plain": "\n".join(f"{k}: {v:.4f}" for k, v in metrics.items()),
            RESULTS_MIME: record,
        },
        raw=True,
    )
