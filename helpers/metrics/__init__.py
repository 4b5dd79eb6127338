"""Metrics as local `evaluate` modules: they load with no network and no account.

`load("seqeval").compute(predictions=…, references=…)` is used like `evaluate.load("seqeval")`, whose script
would be downloaded. The numbers are scikit-learn's and seqeval's own. In the modules every import stands on
a line of its own, because evaluate's parser reads them so.
"""

from functools import cache
from pathlib import Path

from helpers.language import gettext as _

HERE = Path(__file__).parent
NAMES = ("accuracy", "precision", "recall", "roc_auc", "seqeval")


@cache
def load(name: str):
    """Return the metric of that name, one of `NAMES`; anything else is a `ValueError`."""
    if name not in NAMES:
        raise ValueError(_("There is no metric {name!r}: choose one of {known}.", name=name, known=", ".join(NAMES)))
    import evaluate

    return evaluate.load(str(HERE / f"{name}.py"))
