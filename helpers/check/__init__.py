"""Is this notebook ready to hand in? `check.this_notebook()` in its last cell, `python -m helpers.check` on a terminal.

In: a student's notebook, saved in a file or open in Colab. Out: in the notebook's language, which answers are there,
whether the notebook runs from top to bottom in a fresh process and what the tests in it say, and what the grader will
take from it. It needs nothing of the teacher's and no network.

`reading` finds and reads the notebook, `cells` says what stands in it, `fresh` runs it, `report` judges and `saying`
puts that into words.
"""

from pathlib import Path

from helpers.check import reading


def this_notebook() -> None:
    """Check the notebook in which this is called, and print what was found."""
    from helpers import language
    from helpers.check import saying

    if not reading.somebody_is_there():
        return
    try:
        notebook = reading.this_one()
        language.use(notebook.language)
        _check(notebook)
    except reading.CheckError as error:
        print(error)
    except KeyboardInterrupt:
        print(saying.stopped())


def notebook(path: str | Path) -> None:
    """Check the notebook in a file, and print what was found."""
    from helpers import language

    try:
        found = reading.from_file(Path(path))
        with language.speaking(found.language):
            _check(found)
    except reading.CheckError as error:
        print(error)


def _check(notebook: reading.Notebook) -> None:
    from helpers.check import report, saying

    print(saying.heading(notebook), flush=True)
    print("\n" + saying.text(report.examine(notebook, with_bar=True)))
