"""The local `evaluate` modules: scikit-learn's and seqeval's numbers, without a network."""

import ast
from pathlib import Path

import numpy as np
import pytest
import seqeval.metrics
import sklearn.metrics

from helpers import metrics

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
MODULES = sorted(path for path in Path(metrics.__file__).parent.glob("*.py") if path.stem != "__init__")


@pytest.fixture(params=range(5))
def rng(request):
    return np.random.default_rng(request.param)


def classes(rng, size=30):
    """Random predictions and references of five classes, of which the last is never predicted."""
    return rng.integers(0, 4, size), rng.integers(0, 5, size)


def test_accuracy_is_scikit_learns(rng):
    predictions, references = classes(rng)
    score = metrics.load("accuracy").compute(predictions=predictions, references=references)
    assert score == {"accuracy": pytest.approx(sklearn.metrics.accuracy_score(references, predictions))}


@pytest.mark.parametrize("name", ["precision", "recall"])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_precision_and_recall_are_scikit_learns(rng, name, average):
    predictions, references = classes(rng)
    score = metrics.load(name).compute(predictions=predictions, references=references, average=average)
    reference = getattr(sklearn.metrics, f"{name}_score")
    assert score == {name: pytest.approx(reference(references, predictions, average=average, zero_division=0))}


@pytest.mark.parametrize("name", ["precision", "recall"])
def test_the_average_is_macro_unless_asked_otherwise(name):
    score = metrics.load(name).compute(predictions=[0, 0, 0, 1], references=[0, 0, 0, 0])
    assert score == {name: 0.5 if name == "precision" else 0.375}


@pytest.mark.parametrize("name", ["precision", "recall"])
@pytest.mark.parametrize(
    "keywords",
    [
        {"average": "macro", "zero_division": 0},
        {"average": "macro", "zero_division": 1},
        {"average": "weighted", "sample_weight": [1, 2, 3] * 10, "zero_division": 0},
        {"average": "micro", "labels": [1, 2]},
        {"average": None, "zero_division": 0},
    ],
)
def test_precision_and_recall_take_the_keywords_of_evaluate(rng, name, keywords):
    predictions, references = classes(rng)
    (score,) = metrics.load(name).compute(predictions=predictions, references=references, **keywords).values()
    expected = getattr(sklearn.metrics, f"{name}_score")(references, predictions, **keywords)
    assert np.asarray(score) == pytest.approx(np.asarray(expected))


@pytest.mark.parametrize("name", ["precision", "recall"])
def test_precision_and_recall_of_one_class(name):
    pair = {"predictions": [2, 2, 0], "references": [2, 0, 0]}
    score = metrics.load(name).compute(**pair, average="binary", pos_label=2, labels=[0, 2])
    assert score == {name: 0.5 if name == "precision" else 1.0}


def test_accuracy_takes_the_keywords_of_evaluate():
    pair = {"predictions": [1, 0, 0], "references": [1, 1, 0]}
    assert metrics.load("accuracy").compute(**pair, normalize=False) == {"accuracy": 2.0}
    assert metrics.load("accuracy").compute(**pair, sample_weight=[1, 2, 1]) == {"accuracy": 0.5}


def test_roc_auc_is_scikit_learns(rng):
    scores, references = rng.random(30), np.arange(30) % 2
    score = metrics.load("roc_auc").compute(prediction_scores=scores, references=references)
    assert score == {"roc_auc": pytest.approx(sklearn.metrics.roc_auc_score(references, scores))}


def test_roc_auc_of_several_classes_is_scikit_learns_one_vs_one(rng):
    probabilities, references = rng.dirichlet(np.ones(4), 30), np.arange(30) % 4
    score = metrics.load("roc_auc").compute(prediction_scores=probabilities, references=references)
    expected = sklearn.metrics.roc_auc_score(references, probabilities, multi_class="ovo", average="macro")
    assert score == {"roc_auc": pytest.approx(expected)}


@pytest.mark.parametrize(
    "keywords",
    [
        {"multi_class": "ovo", "average": "macro"},
        {"multi_class": "ovr", "average": "macro"},
        {"multi_class": "ovo", "average": "weighted"},
        {"multi_class": "ovr", "average": "macro", "labels": [0, 1, 2, 3], "sample_weight": [1, 2, 3] * 10},
    ],
)
def test_roc_auc_takes_the_keywords_of_evaluate(rng, keywords):
    probabilities, references = rng.dirichlet(np.ones(4), 30), np.arange(30) % 4
    score = metrics.load("roc_auc").compute(prediction_scores=probabilities, references=references, **keywords)
    assert score == {"roc_auc": pytest.approx(sklearn.metrics.roc_auc_score(references, probabilities, **keywords))}


def test_roc_auc_of_a_binary_score_takes_the_keywords_of_evaluate(rng):
    scores, references = rng.random(30), np.arange(30) % 2
    score = metrics.load("roc_auc").compute(prediction_scores=scores, references=references, max_fpr=0.5)
    assert score == {"roc_auc": pytest.approx(sklearn.metrics.roc_auc_score(references, scores, max_fpr=0.5))}


def test_roc_auc_leaves_absent_classes_out(rng):
    """scikit-learn refuses them; what remains is renormalised."""
    probabilities, references = rng.dirichlet(np.ones(5), 30), rng.choice([1, 3, 4], 30)
    score = metrics.load("roc_auc").compute(prediction_scores=probabilities, references=references)
    kept = probabilities[:, [1, 3, 4]] / probabilities[:, [1, 3, 4]].sum(axis=1, keepdims=True)
    expected = sklearn.metrics.roc_auc_score(references, kept, multi_class="ovo", average="macro")
    assert score == {"roc_auc": pytest.approx(expected)}


@pytest.mark.parametrize(("row", "references"), [([0.5, 0.5], [1, 1]), ([float("nan"), 0.5], [0, 1])])
def test_roc_auc_of_nothing_to_rank_is_nan(row, references):
    score = metrics.load("roc_auc").compute(prediction_scores=[row, row], references=references)
    assert np.isnan(score["roc_auc"])


def test_entities_are_counted_as_seqeval_counts_them(rng):
    predictions, references = (
        [[TAGS[i] for i in rng.integers(0, 5, length)] for length in (4, 9, 1)] for _ in range(2)
    )
    scores = metrics.load("seqeval").compute(predictions=predictions, references=references)
    for name in ("precision", "recall", "f1"):
        reference = getattr(seqeval.metrics, f"{name}_score")
        assert scores[f"overall_{name}"] == pytest.approx(reference(references, predictions, zero_division=0))
    assert scores["overall_accuracy"] == pytest.approx(seqeval.metrics.accuracy_score(references, predictions))


RIGHT = {
    "accuracy": {"predictions": [1, 0], "references": [1, 0]},
    "precision": {"predictions": [1, 0], "references": [1, 0]},
    "recall": {"predictions": [1, 0], "references": [1, 0]},
    "roc_auc": {"prediction_scores": [0.9, 0.1], "references": [1, 0]},
    "seqeval": {"predictions": [["B-PER"]], "references": [["B-PER"]]},
}


@pytest.mark.parametrize("name", metrics.NAMES)
def test_a_metric_loads_without_a_network(name):
    """The tests' network is closed; not even the cache of an earlier load is used here."""
    metric = metrics.load.__wrapped__(name)
    assert set(metric.compute(**RIGHT[name]).values()) == {1.0}


@pytest.mark.parametrize("name", metrics.NAMES)
def test_scores_are_plain_floats(name):
    assert {type(score) for score in metrics.load(name).compute(**RIGHT[name]).values()} == {float}


@pytest.mark.parametrize("name", metrics.NAMES)
def test_a_wrong_call_spoils_no_later_one(name):
    """A metric is loaded once a notebook, and a student's first attempt may pass lists of unequal length."""
    metric = metrics.load(name)
    first, second = RIGHT[name]
    with pytest.raises(ValueError):
        metric.compute(**{first: RIGHT[name][first], second: RIGHT[name][second] * 2})
    assert set(metric.compute(**RIGHT[name]).values()) == {1.0}


def test_unknown_metric(one_sentence):
    with one_sentence(ValueError, "'bleu'", "seqeval"):
        metrics.load("bleu")


def test_every_module_can_be_loaded_by_name():
    assert tuple(path.stem for path in MODULES) == metrics.NAMES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_import_stands_on_a_line_of_its_own(path):
    """`evaluate` reads imports line by line and misses, or misreads, whatever is longer or shorter than a line."""
    from evaluate.loading import get_imports

    imports = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert {(len(node.names), node.end_lineno - node.lineno) for node in imports} == {(1, 0)}
    modules = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert {found[1].split(".")[0] for found in get_imports(str(path))} == {name.split(".")[0] for name in modules}
