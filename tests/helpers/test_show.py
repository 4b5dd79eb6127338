"""Tables and plots: what arrives in the notebook."""

import io
import json
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib
import pytest

from helpers import profiles, show

SCRIPT = "<script>alert('hi')</script> & co"


@pytest.fixture
def shown(monkeypatch):
    """The list of what is displayed."""
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda value, **_: displayed.append(value))
    return displayed


class Page(HTMLParser):
    """The elements of a piece of HTML, their styles, and the text that a reader sees."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.styles, self.texts = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.styles.append(dict(attrs).get("style", ""))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)


def page(shown):
    (value,) = shown
    return Page(value.data)


# ---- entities


def entity(text, word, name):
    start = text.index(word)
    return {"class": name, "text": word, "start": start, "end": start + len(word)}


def test_entities_stand_in_the_text_with_their_class(shown):
    text = "Anna saw Rome."
    show.entities({"text": text, "entities": [entity(text, "Anna", "PER"), entity(text, "Rome", "LOC")]})
    assert page(shown).text == "Anna PER saw Rome LOC."


def test_text_without_entities_stays_as_it_is(shown):
    show.entities({"text": " two  spaces\nand a line", "entities": []})
    assert page(shown).text == " two  spaces\nand a line"


def test_classes_that_nobody_knows_are_named_and_coloured(shown):
    names = ["DRUG", "PER", *"ABCDEFGH"]  # more than the palette has colours
    text = " ".join(f"word{name}" for name in names)
    show.entities({"text": text, "entities": [entity(text, f"word{name}", name) for name in names]})
    assert [name for name in names if f"word{name} {name}" not in page(shown).text] == []


def test_html_in_a_text_is_shown_and_not_run(shown):
    text = f"{SCRIPT} said <b>Anna</b> {SCRIPT}"
    show.entities({"text": text, "entities": [entity(text, "<b>Anna</b>", "<i>PER</i>")]})
    assert page(shown).text == f"{SCRIPT} said <b>Anna</b> <i>PER</i> {SCRIPT}"
    assert set(page(shown).elements) == {"div", "span", "small"}


# ---- token_strip


def test_every_token_has_its_tags_below(shown):
    show.token_strip(["Anna", "left"], labels=["B-PER", "O"], predictions=["O", "O"])
    assert page(shown).texts == ["tokens", "Anna", "left", "labels", "B-PER", "O", "predictions", "O", "O"]


def test_a_tag_that_differs_from_the_first_row_is_framed(shown):
    show.token_strip(["Anna", "left"], labels=["B-PER", "O"], predictions=["B-LOC", "O"])
    framed = [style for style in page(shown).styles if "outline" in style]
    assert len(framed) == 1


def test_tags_that_nobody_knows_and_ignored_labels_are_shown(shown):
    show.token_strip(["[CLS]", "aspirin", "5"], labels=["-100", "B-DRUG", 7])
    assert page(shown).texts[-3:] == ["-100", "B-DRUG", "7"]


def test_html_in_a_token_is_shown_and_not_run(shown):
    show.token_strip([SCRIPT], labels=[f"B-{SCRIPT}"])
    assert page(shown).texts == ["tokens", SCRIPT, "labels", f"B-{SCRIPT}"]
    assert "script" not in page(shown).elements


# ---- results and table


@pytest.fixture
def bundle(shown):
    """What `results` displays, as MIME types and data."""
    show.results(profiles.load("ner", "offline"), {"f1": 0.51239, "<accuracy>": 1})
    return shown[0]


def test_results_carry_a_record_for_the_machine(bundle):
    record = bundle["application/vnd.course.results+json"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["metrics"] == {"f1": 0.51239, "<accuracy>": 1.0}
    assert (record["unit"], record["profile"], record["checkpoint"]) == ("ner", "offline", "all-MiniLM-L6-v2")


def test_results_name_the_machine_and_the_versions(bundle):
    record = bundle[show.RESULTS_MIME]
    assert record["device"].endswith(("fp32", "bf16"))
    assert set(record["versions"]) == {"torch", "transformers", "datasets", "evaluate"}


def test_results_are_a_table_for_people(bundle):
    assert bundle["text/plain"] == "f1: 0.5124\n<accuracy>: 1.0000"
    assert Page(bundle["text/html"]).texts == ["f1", "0.5124", "<accuracy>", "1.0000"]


def test_numpy_scores_become_numbers_in_the_record(shown):
    import numpy as np

    show.results(profiles.load("ner", "offline"), {"f1": np.float32(0.5)}, baseline={"f1": np.float32(0.25)})
    record = json.loads(json.dumps(shown[0][show.RESULTS_MIME]))
    assert (record["metrics"], record["baseline"]) == ({"f1": 0.5}, {"f1": 0.25})


def test_a_table_has_a_row_a_key_and_four_digits():
    texts = [text.strip() for text in Page(show.table({"baseline": {"f1": 0.12345}}).to_html()).texts]
    assert [text for text in texts if text] == ["f1", "baseline", "0.1235"]


# ---- examples


def test_examples_stand_in_rows_under_their_names(shown):
    show.examples(text=["so  glad\n🎉", "oh"], score=[0.5, 1])
    assert page(shown).texts == ["text", "score", "so  glad\n🎉", "0.5", "oh", "1"]
    assert page(shown).elements.count("tr") == 3


def test_html_in_an_example_is_shown_and_not_run(shown):
    show.examples(**{f"<b>{SCRIPT}": [SCRIPT]})
    assert page(shown).texts == [f"<b>{SCRIPT}", SCRIPT]
    assert set(page(shown).elements) == {"div", "table", "tr", "th", "td"}


def test_a_table_says_nothing_where_nothing_was_measured():
    texts = [text.strip() for text in Page(show.table({"a": {"f1": 0.5}, "b": {"accuracy": 1.0}}).to_html()).texts]
    assert texts.count("–") == 2 and "nan" not in texts


# ---- plots


@pytest.fixture
def drawn(shown):
    """Draw without a window; returns the axes of the one figure that was shown."""

    def draw(plot, *arguments, **options):
        import matplotlib.pyplot as plt

        plot(*arguments, **options)
        (figure,) = shown
        figure.savefig(io.BytesIO())
        assert plt.get_fignums() == []  # an open figure would be shown a second time
        return figure.axes[0]

    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield draw
    matplotlib.use(backend)


def words(axes):
    """All that can be read inside the axes and along them."""
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
    return {text.get_text().strip() for text in [*axes.texts, *labels]}


TRAINED = SimpleNamespace(
    state=SimpleNamespace(
        log_history=[
            {"epoch": 1, "loss": 2.0},
            {"epoch": 1, "eval_loss": 1.5, "eval_f1": 0.4},
            {"epoch": 2, "loss": 1.0},
            {"epoch": 2, "eval_loss": 1.25, "eval_f1": 0.75},
        ]
    )
)


@pytest.mark.parametrize(
    ("plot", "arguments", "said"),
    [
        (show.bars, ({"PER": 3, "LOC": 12}, "entities"), "entities: PER 3; LOC 12."),
        (show.histogram, ([4, 5, 6, 6, 20], "length", 60), "length: 5 values from 4 to 20, most of them about 6; 60."),
        (show.confusion, (list("aabb"), list("abbb"), ["a", "b"]), "predictions, labels: a → a 1, b 1; b → b 2."),
        (show.curves, ({"loss": [3, 2, 1.5]}, "step"), "step: loss: 3, 2, 1.5."),
        (show.curves, ({"x": [*range(40)]}, "layer"), "layer: x: from 0 to 39, between 0 and 39."),
        (show.heads, ([[[[1.0]], [[0.5]]]],), "head, layer: 1 rows, 2 columns."),
        (show.places, (["cat", "dog"], [(0, 1), (1, 0)]), "cat; dog."),
        (show.history, (TRAINED,), "epoch: loss: 2, 1; eval_loss: 1.5, 1.25; eval_f1: 0.4, 0.75."),
    ],
)
def test_a_picture_says_what_it_shows(monkeypatch, plot, arguments, said):
    """Where the notebook keeps it: with the output, as its text alternative."""
    kept = []
    monkeypatch.setattr("IPython.display.display", lambda figure, metadata: kept.append(metadata))
    plot(*arguments)
    assert kept == [{"image/png": {"alt": said}}]


@pytest.mark.parametrize(
    ("plot", "said"),
    [(show.roc, "m (AUC 0.750)"), (show.precision_recall, "m (AP 0.833)"), (show.calibration, "m: 0, 1, 0, 1")],
)
def test_curves_say_their_names_and_what_the_legend_says(monkeypatch, plot, said):
    kept = []
    monkeypatch.setattr("IPython.display.display", lambda figure, metadata: kept.append(metadata))
    plot([0, 1, 1, 0], {"m": [0.1, 0.9, 0.6, 0.7]})
    assert said in kept[0]["image/png"]["alt"]


def test_bars_have_names_and_values(drawn):
    assert {"PER", "LOC", "3", "12", "entities"} <= words(drawn(show.bars, {"PER": 3, "LOC": 12}, "entities"))


def test_a_histogram_counts_every_value(drawn):
    axes = drawn(show.histogram, [3, 3, 5], "len(input_ids)")
    assert [bar.get_height() for bar in axes.patches] == [2, 0, 1]


def test_a_histogram_shows_the_limit_in_words_too(drawn):
    assert {"len(input_ids)", "512"} <= words(drawn(show.histogram, [3, 600], "len(input_ids)", limit=512))


def test_score_histograms_show_shares_and_the_threshold(drawn):
    axes = drawn(show.score_histogram, {"massive": [0.93, 0.97, 0.42, 0.41], "out_of_scope": [0.13]}, "score", 0.5)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["massive", "out_of_scope", "threshold 0.500"]
    assert [max(height for _, height in outline.get_xy()) for outline in axes.patches[:2]] == [0.5, 1.0]
    assert "score" in words(axes)


def test_score_histograms_differ_by_more_than_colour(drawn):
    axes = drawn(show.score_histogram, {"a": [0.1], "b": [0.1], "c": [0.1]}, "score")
    assert len({outline.get_hatch() for outline in axes.patches}) == 3


def test_a_score_of_one_and_no_scores_at_all_are_no_error(drawn):
    drawn(show.score_histogram, {"massive": [1.0, 0.0], "out_of_scope": []}, "score")


def test_bars_of_counts_have_whole_numbers_on_the_axis(drawn):
    ticks = drawn(show.bars, {"a": 2, "b": 1}).get_xticks()
    assert all(float(tick).is_integer() for tick in ticks)


def test_a_history_has_loss_and_scores_of_every_epoch(drawn):
    log = [
        {"loss": 0.9, "epoch": 1.0},
        {"eval_loss": 0.8, "eval_f1": 0.2, "epoch": 1.0},
        {"loss": 0.5, "epoch": 2.0},
        {"eval_loss": 0.6, "eval_f1": 0.4, "epoch": 2.0},
        {"train_loss": 0.7, "epoch": 2.0},
        {"eval_loss": 0.1, "eval_f1": 0.9, "epoch": 2.0},  # asked for later, about other data
    ]
    axes = drawn(show.history, SimpleNamespace(state=SimpleNamespace(log_history=log)))
    assert {line.get_label(): list(line.get_ydata()) for line in axes.lines} == {
        "loss": [0.9, 0.5],
        "eval_loss": [0.8, 0.6],
        "eval_f1": [0.2, 0.4],
    }


def test_the_lines_of_a_history_differ_by_more_than_colour(drawn):
    log = [{"loss": 0.9, "epoch": 1.0}, {"eval_loss": 0.8, "eval_f1": 0.2, "epoch": 1.0}]
    axes = drawn(show.history, SimpleNamespace(state=SimpleNamespace(log_history=log)))
    assert len({line.get_marker() for line in axes.lines}) == 3


def test_a_confusion_matrix_says_every_count(drawn):
    axes = drawn(show.confusion, ["O", "O", "O", "B-PER"], ["O", "O", "B-PER", "B-PER"], ["O", "B-PER"])
    counts = {(text.get_position()[::-1], text.get_text()) for text in axes.texts}
    assert counts == {((0, 0), "2"), ((0, 1), "1"), ((1, 1), "1")}
    assert {"labels", "predictions", "O", "B-PER"} <= words(axes)


def test_a_confusion_matrix_may_have_a_class_that_never_occurs(drawn):
    axes = drawn(show.confusion, ["O"], ["O"], ["O", "B-MISC"])
    assert axes.images[0].get_array().tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_the_bars_of_a_wide_histogram_are_wider_than_their_edges(drawn):
    axes = drawn(show.histogram, [5, 1000, 3000], "len(input_ids)")
    assert len(axes.patches) < 70
    assert sum(bar.get_height() for bar in axes.patches) == 3


def test_a_history_has_every_score_of_the_unit(drawn):
    speed = {"eval_runtime": 1.0, "eval_samples_per_second": 9.0, "eval_steps_per_second": 3.0}
    log = [{"eval_loss": 0.8, "eval_accuracy": 0.7, "eval_f1": 0.6, "epoch": 1.0} | speed]
    axes = drawn(show.history, SimpleNamespace(state=SimpleNamespace(log_history=log)))
    assert [line.get_label() for line in axes.lines] == ["loss", "eval_loss", "eval_accuracy", "eval_f1"]


# ---- curves of scores

LABELS = [0, 1, 0, 1]
SCORES = {"one": [0.1, 0.4, 0.6, 0.9], "other": [0.9, 0.1, 0.8, 0.2]}
CURVES = (show.roc, show.precision_recall, show.calibration)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("curve", CURVES)
def test_curves_differ_by_more_than_colour(drawn, curve):
    axes = drawn(curve, LABELS, SCORES)
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(curves) == 2
    assert len({line.get_linestyle() for line in curves}) == 2


@pytest.mark.parametrize("curve", CURVES)
def test_curves_take_arrays_and_axes_are_named(drawn, curve):
    import numpy as np

    axes = drawn(curve, np.array(LABELS), {"one": np.array(SCORES["one"])})
    assert axes.get_xlabel() and axes.get_ylabel()
    assert legend(axes)[0].startswith("one")


def test_a_roc_curve_goes_through_its_corners_and_names_its_area(drawn):
    axes = drawn(show.roc, LABELS, {"one": SCORES["one"]})
    guess, curve, mark = axes.lines
    assert (guess.get_xdata()[0], guess.get_ydata()[-1]) == (0, 1)
    assert list(zip(curve.get_xdata(), curve.get_ydata())) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0.5, 0.5)  # at the threshold 0.5
    assert legend(axes) == ["one (AUC 0.750)"]


def test_a_precision_recall_curve_names_its_average(drawn):
    axes = drawn(show.precision_recall, LABELS, {"one": SCORES["one"]})
    guess, _, mark = axes.lines
    assert guess.get_ydata()[0] == 0.5
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0.5, 0.5)
    assert legend(axes) == ["one (AP 0.833)"]


@pytest.mark.parametrize("scores", [[0.1, 0.2, 0.3, 0.4], [0.6, 0.7, 0.8, 0.9]])
@pytest.mark.parametrize("curve", [show.roc, show.precision_recall])
def test_all_scores_may_lie_on_one_side_of_the_threshold(drawn, curve, scores):
    drawn(curve, LABELS, {"one": scores})


def test_calibration_compares_groups_of_equal_size(drawn):
    axes = drawn(show.calibration, [0, 0, 0, 1, 1, 1], {"one": [0.1, 0.3, 0.4, 0.6, 0.8, 1.0]}, groups=3)
    points = [(round(x, 6), y) for x, y in zip(axes.lines[1].get_xdata(), axes.lines[1].get_ydata())]
    assert points == [(0.2, 0), (0.5, 0.5), (0.9, 1)]


# ---- texts


def test_texts_stand_beside_their_columns(shown):
    show.texts(["first", "second"], label=["neg", "pos"], score=[0.12345, 1.0], rating=[1, 10])
    assert page(shown).texts == [
        "label",
        "score",
        "rating",
        "text",
        "neg",
        "0.123",
        "1",
        "first",
        "pos",
        "1.000",
        "10",
        "second",
    ]


def test_a_long_text_is_cut(shown):
    show.texts(["word " * 100], most=9)
    assert page(shown).texts[-1] == "word word…"


def test_html_in_texts_is_shown_and_not_run(shown):
    show.texts([SCRIPT], **{SCRIPT: [SCRIPT]})
    assert page(shown).texts == [SCRIPT, "text", SCRIPT, SCRIPT]
    assert "script" not in page(shown).elements


def test_pieces_stand_beside_their_text_with_their_number(shown, tokenizer):
    show.pieces(["a film", "unputdownable"], {"MiniLM": tokenizer})
    assert page(shown).texts == ["text", "MiniLM", "a film", "2: a film", "unputdownable", "4: un ##put ##down ##able"]


# ---- pictures of the inside of a transformer


def test_a_heat_map_is_a_table_in_which_large_numbers_are_dark(shown):
    show.heatmap([[0.0, 1.0], [0.5, 0.25]], ["<s>", "b"])
    found = page(shown)
    assert found.text == "<s>b<s>0.001.00b0.500.25"
    depths = [style.partition("rgba(0,114,178,")[2].partition(")")[0] for style in found.styles if "rgba" in style]
    assert depths == ["0.00", "1.00", "0.50", "0.25"]


def test_a_heat_map_of_equal_numbers_is_drawn_too(shown):
    show.heatmap([[0.5, 0.5]], ["a"], ["x", "y"])
    assert "0.500.50" in page(shown).text


def test_all_heads_stand_in_one_picture(shown):
    show.heads([[[[1.0, 0.0], [0.5, 0.5]]] * 3] * 2)
    (axes,) = shown[0].axes
    assert axes.get_images()[0].get_array().shape == (2 * 4, 3 * 4)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]


def test_curves_are_told_apart_without_colour(shown):
    show.curves({"one": [1, 2, 3], "other": [3, 2, 1]}, "step", [0, 5, 10])
    lines = shown[0].axes[0].get_lines()
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 2
    assert lines[0].get_xdata().tolist() == [0, 5, 10]


def test_each_word_stands_on_the_map(shown):
    show.places(["a", "b"], [(0.0, 1.0), (1.0, 0.0)])
    assert [text.get_text() for text in shown[0].axes[0].texts] == ["a", "b"]


def test_words_that_lie_close_to_each_other_can_be_read(shown):
    show.places(["Friday", "Sunday", "far"], [(0.0, 0.0), (0.02, 0.02), (1.0, 1.0)])
    first, second, _ = (text.get_window_extent() for text in shown[0].axes[0].texts)
    assert not first.overlaps(second)


def test_shares_that_are_all_small_stay_pale(shown):
    show.heatmap([[0.1, 0.12], [0.13, 0.14]], ["a", "b"])
    assert not any("color:white" in style for style in page(shown).styles)
