"""Pictures by Matplotlib: Okabe and Ito's colours, which never carry meaning alone.

In: labels, lengths, metrics, weights. Out: a figure with a text alternative, for readers who do not see it. Names from
the data and the code (`labels`, `eval_loss`, a tag) stand on it as they are, words in the reader's language.
"""

from helpers.language import gettext as _
from helpers.show.alternative import in_words
from helpers.show.palette import PALETTE

NO_SCORES = {"eval_loss", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second"}
LINES = [("-", "o"), ("--", "s"), ("-.", "^"), (":", "D")]  # of curves that share a picture


def _axes(width=8.0, height=3.6):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(width, height), dpi=100, layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finish(figure):
    """Show the figure once: the inline backend would show it a second time as the cell's value."""
    import matplotlib.pyplot as plt
    from IPython.display import display

    figure.draw_without_rendering()  # only now do the ticks have their labels
    display(figure, metadata={"image/png": {"alt": in_words(figure)}})
    plt.close(figure)


def bars(counts: dict[str, float], name: str = "") -> None:
    """Horizontal bars, one a key, with the value at the end of each."""
    figure, axes = _axes(height=0.8 + 0.35 * len(counts))
    drawn = axes.barh(list(counts), list(counts.values()), color=PALETTE[0])
    axes.bar_label(drawn, padding=4)
    axes.invert_yaxis()
    axes.set_xlabel(name)
    axes.margins(x=0.1)
    axes.xaxis.get_major_locator().set_params(integer=all(float(value).is_integer() for value in counts.values()))
    _finish(figure)


def histogram(values, name: str, limit: int | None = None) -> None:
    """How often each length occurs; `limit` draws the model's limit as a dashed line."""
    figure, axes = _axes()
    width = max(1, (max(values) - min(values)) // 60)  # a bar must stay wider than its edge
    axes.hist(values, bins=range(min(values), max(values) + width + 1, width), color=PALETTE[0], edgecolor="white")
    axes.set_xlabel(name)
    if limit:
        axes.axvline(limit, color=PALETTE[1], linestyle="--")
        axes.annotate(f" {limit}", (limit, axes.get_ylim()[1]), ha="right", va="top", color=PALETTE[1])
    _finish(figure)


def score_histogram(scores: dict[str, list[float]], name: str, threshold: float | None = None) -> None:
    """Shares of scores between 0 and 1, one outline a key; `threshold` is drawn as a dotted line."""
    import numpy as np

    figure, axes = _axes()
    edges = np.linspace(0, 1, 21)
    for (key, values), colour, hatch in zip(scores.items(), PALETTE, ["", "//", ".."]):
        weights = np.full(len(values), 1 / max(len(values), 1))
        axes.hist(
            values, edges, weights=weights, histtype="stepfilled", edgecolor=colour, facecolor=f"{colour}40",
            linewidth=2, hatch=hatch, label=key,
        )  # fmt: skip
    if threshold is not None:
        label = _("threshold {value:.3f}", value=threshold)
        axes.axvline(threshold, color="black", linestyle=":", linewidth=2, label=label)
    axes.set_xlabel(name)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend()
    _finish(figure)


def history(trainer) -> None:
    """Loss and scores of every epoch that the trainer has logged.

    A later `trainer.evaluate` of other data is logged for the last epoch once more: the first entry is the training's.
    """
    first = {}
    for entry in trainer.state.log_history:
        if "eval_loss" in entry:
            first.setdefault(entry["epoch"], entry)
    evaluations = list(first.values())
    losses = [entry for entry in trainer.state.log_history if "loss" in entry]
    figure, axes = _axes()
    axes.plot([e["epoch"] for e in losses], [e["loss"] for e in losses], "o--", color=PALETTE[1], label="loss")
    epochs = [e["epoch"] for e in evaluations]
    axes.plot(epochs, [e["eval_loss"] for e in evaluations], "s-", color=PALETTE[3], label="eval_loss")
    scores = [name for name in evaluations[0] if name.startswith("eval_") and name not in NO_SCORES] if epochs else []
    for name, marker, colour in zip(scores, "^DvP", (PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[5])):
        axes.plot(epochs, [e[name] for e in evaluations], f"{marker}-", color=colour, label=name)
    axes.set_xlabel(_("epoch"))
    axes.set_ylim(bottom=0)
    axes.legend()
    _finish(figure)


def confusion(labels: list[str], predictions: list[str], names: list[str]) -> None:
    """Rows are the right tags, columns the predicted ones; each row adds up to 1, each cell says its count."""
    import numpy as np
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predictions, labels=names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _axes(height=5.2, width=7.6)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, count, ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predictions")
    axes.set_ylabel("labels")
    _finish(figure)


def roc(labels, scores: dict[str, object]) -> None:
    """One ROC curve a model: `scores` maps a name to its scores of the `labels` (0 or 1); a dot marks 0.5.

    The dashed diagonal is what guessing gets. The legend names the area under each curve.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, axes = _axes(width=5.6, height=5.0)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=(0, (2, 4)))
    for (name, values), (line, marker), colour in zip(scores.items(), LINES, PALETTE):
        false_positives, true_positives, thresholds = roc_curve(labels, values, drop_intermediate=False)
        area = roc_auc_score(labels, values)
        axes.plot(false_positives, true_positives, line, color=colour, label=f"{name} (AUC {area:.3f})")
        at = (thresholds >= 0.5).nonzero()[0][-1]
        axes.plot(false_positives[at], true_positives[at], marker, color=colour)
    axes.set_xlabel(_("false positive rate"))
    axes.set_ylabel(_("true positive rate"))
    axes.set_aspect("equal")
    axes.legend(loc="lower right")
    _finish(figure)


def precision_recall(labels, scores: dict[str, object]) -> None:
    """One precision-recall curve a model, arguments as for `roc`; a dot marks 0.5.

    The dashed line is the share of positives, the precision of guessing. The legend names the average precision.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, axes = _axes(width=5.6, height=5.0)
    axes.axhline(np.mean(labels), color="grey", linestyle=(0, (2, 4)))
    for (name, values), (line, marker), colour in zip(scores.items(), LINES, PALETTE):
        precision, recall, thresholds = precision_recall_curve(labels, values)
        average = average_precision_score(labels, values)
        # The curve is one of steps: a straight line between two points would promise too much.
        axes.step(recall, precision, line, where="post", color=colour, label=f"{name} (AP {average:.3f})")
        at = int((thresholds < 0.5).sum())
        axes.plot(recall[at], precision[at], marker, color=colour)
    axes.set_xlabel(_("recall"))
    axes.set_ylabel(_("precision"))
    axes.set_ylim(0, 1.03)
    axes.legend(loc="lower left")
    _finish(figure)


def calibration(labels, scores: dict[str, object], groups: int = 5) -> None:
    """Mean score against the share of positives in groups of equal size, from the lowest scores to the highest.

    On the dashed diagonal a score means what it says; `scores` as for `roc`.
    """
    import numpy as np

    figure, axes = _axes(width=5.6, height=5.0)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=(0, (2, 4)))
    for (name, values), (line, marker), colour in zip(scores.items(), LINES, PALETTE):
        parts = np.array_split(np.argsort(values, kind="stable"), min(groups, len(values)))
        means = [np.mean(np.asarray(values)[part]) for part in parts]
        shares = [np.mean(np.asarray(labels)[part]) for part in parts]
        axes.plot(means, shares, marker + line, color=colour, label=name)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=_("mean score"), ylabel=_("share of positives"))
    axes.set_aspect("equal")
    axes.legend(loc="upper left")
    _finish(figure)


def heads(weights) -> None:
    """All heads at once: `weights [layers, heads, n, n]`, a small picture each, a row a layer; dark is much."""
    import numpy as np

    layers, count, size, _size = np.shape(weights)
    framed = np.pad(weights, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=np.nan)
    figure, axes = _axes(width=9.0, height=9.0 * layers / count + 0.6)
    axes.imshow(framed.transpose(0, 2, 1, 3).reshape(layers * (size + 2), -1), cmap="Blues", vmin=0, vmax=1)
    middles = (np.arange(max(layers, count)) + 0.5) * (size + 2)
    axes.set_xticks(middles[:count], range(count))
    axes.set_yticks(middles[:layers], range(layers))
    axes.set(xlabel=_("head"), ylabel=_("layer"))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_facecolor("lightgrey")  # of the frames
    _finish(figure)


def curves(values: dict[str, list[float]], xlabel: str, x=None) -> None:
    """Lines, one a key, over `x`, by default 0, 1, 2 and so on; `xlabel` is `layer`, `step`, `examples` or a name."""
    names = {"layer": _("layer"), "step": _("step"), "examples": _("examples per class")}
    figure, axes = _axes()
    for (name, row), (line, marker), colour in zip(values.items(), LINES, PALETTE):
        marker = marker if len(row) < 30 else ""
        axes.plot(range(len(row)) if x is None else x, row, marker + line, color=colour, label=name)
    axes.set_xlabel(names.get(xlabel, xlabel))
    axes.legend()
    _finish(figure)


def places(words: list[str], points) -> None:
    """Words on a map: `points [n, 2]`. A word stands on that side of its point where it covers least of the others."""
    figure, axes = _axes(height=5.0)
    axes.scatter(*zip(*points), color=PALETTE[0], s=14)
    axes.set(xticks=[], yticks=[])
    axes.margins(0.12)
    figure.draw_without_rendering()  # only now is it known how large things are
    taken = []
    for word, point in zip(words, points):
        tried = [
            axes.annotate(word, point, (x, y), textcoords="offset points", ha=ha, va=va)
            for x, ha in ((5, "left"), (-5, "right"))
            for y, va in ((5, "bottom"), (-5, "top"))
        ]
        best = min(tried, key=lambda label: label.get_window_extent().count_overlaps(taken))
        taken.append(best.get_window_extent())
        for label in tried:
            if label is not best:
                label.remove()
    _finish(figure)
