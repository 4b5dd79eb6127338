"""The first cell of a notebook: title, summary, goals, time, data, prerequisites.

In: a unit's front matter, translated, and the builder's words. Out: one cell.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course.build.read import Unit

GOALS = "**When you are done, you can**"
COLUMNS = "| **Time** | **Training** | **Data** |"
MINUTES = "{minutes} minutes"
PREREQUISITES = "**Prerequisites:** {prerequisites}."
TEXTS = (GOALS, COLUMNS, MINUTES, PREREQUISITES)
TEMPLATE = """\
{title}

{summary}

{goals_head}

{goals}

{columns}
| --- | --- | --- |
| {minutes} | {training} | {data} |

{prerequisites}"""


def texts(unit: Unit) -> list[str]:
    """What a reader sees of the front matter, field by field."""
    return [
        f"# {unit.title}",
        unit.summary.strip(),
        "\n".join(f"- {goal}" for goal in unit.goals),
        unit.training,
        unit.data.strip(),
        unit.prerequisites,
    ]


def parts(unit: Unit) -> list[NotebookNode]:
    """The `texts`, a cell each, to be translated."""
    return [new_markdown_cell(text) for text in texts(unit)]


def cell(unit: Unit, translated: list[NotebookNode], words: dict[str, str]) -> NotebookNode:
    """The cell made of the translated `parts`; `words` maps the texts above to their translation."""
    title, summary, goals, training, data, prerequisites = (part.source for part in translated)
    source = TEMPLATE.format(
        title=title,
        summary=summary,
        goals_head=words[GOALS],
        goals=goals,
        columns=words[COLUMNS],
        minutes=words[MINUTES].format(minutes=unit.minutes),
        training=training,
        data=data,
        prerequisites=words[PREREQUISITES].format(prerequisites=prerequisites),
    )
    return new_markdown_cell(source)
