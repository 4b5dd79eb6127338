"""What a figure shows, in words: screen readers read it, and it stands where a picture is missing."""

from helpers.language import gettext as _

MOST = 12  # values of a curve that are read out one by one


def in_words(figure) -> str:
    """The names of the axes, then bars, curves, the cells of a matrix and words, as far as there are any."""
    return " ".join(_axes_in_words(axes) for axes in figure.axes)


def _axes_in_words(axes) -> str:
    names = ", ".join(filter(None, (axes.get_xlabel(), axes.get_ylabel())))
    matrix = _matrix(axes) if axes.images else _words(axes)
    said = "; ".join([*_bars(axes), *_curves(axes), *matrix])
    return ": ".join(filter(None, (names, said))) + "."


def _bars(axes) -> list[str]:
    """Bars with names, each with its length; upright ones are those of a histogram."""
    said = []
    for bars in axes.containers:
        if bars.orientation == "horizontal":
            labels = [label.get_text() for label in axes.get_yticklabels()]
            said += [f"{label} {_number(bar.get_width())}" for label, bar in zip(labels, bars)]
        else:
            filled = [bar for bar in bars if bar.get_height()]
            most = max(filled, key=lambda bar: bar.get_height())
            said.append(
                _(
                    "{count} values from {low} to {high}, most of them about {most}",
                    count=_number(sum(bar.get_height() for bar in filled)),
                    low=_number(filled[0].get_x()),
                    high=_number(filled[-1].get_x()),
                    most=_number(most.get_x()),
                )
            )
    return said


def _curves(axes) -> list[str]:
    """What the legend names: a curve with its values, of a long one where it begins, ends and reaches."""
    said = []
    for handle, label in zip(*axes.get_legend_handles_labels()):
        values = list(handle.get_ydata()) if hasattr(handle, "get_ydata") else []
        if not values or handle.get_xdata()[0] == handle.get_xdata()[-1]:
            said.append(label)
        elif len(values) <= MOST:
            said.append(f"{label}: {', '.join(map(_number, values))}")
        else:
            first, last, low, high = map(_number, (values[0], values[-1], min(values), max(values)))
            between = _("from {first} to {last}, between {low} and {high}", first=first, last=last, low=low, high=high)
            said.append(f"{label}: {between}")
    return said


def _matrix(axes) -> list[str]:
    """Each row with its cells that say something; of a picture without words the number of rows and columns."""
    columns = [label.get_text() for label in axes.get_xticklabels()]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    if not axes.texts:
        return [_("{rows} rows, {columns} columns", rows=len(rows), columns=len(columns))]
    cells = {}
    for text in axes.texts:
        column, row = map(round, text.get_position())
        cells.setdefault(row, []).append(f"{columns[column]} {text.get_text()}")
    return [f"{rows[row]} → {', '.join(found)}" for row, found in sorted(cells.items())]


def _words(axes) -> list[str]:
    """What is written on a picture; at the end of a named bar stands its length, which has been said."""
    named = any(bars.orientation == "horizontal" for bars in axes.containers)
    return [] if named else [word for text in axes.texts if (word := text.get_text().strip())]


def _number(value) -> str:
    return f"{float(value):.3g}"
