"""Area under the ROC curve, as scikit-learn counts it: of a binary score, or of probabilities of several classes.

Rows of class probabilities are scored macro one-vs-one (Hand and Till 2001) over the classes that occur in the
references, renormalised over these: scikit-learn itself refuses when one of the classes is absent. With fewer than
two, and where a probability is no number, there is nothing to rank: nan. Whoever asks for another average gets
scikit-learn's own, with its errors.
"""

import datasets
import evaluate
import numpy as np
from sklearn.metrics import roc_auc_score


class RocAuc(evaluate.Metric):
    def _info(self):
        references = datasets.Value("int32")
        scores = datasets.Value("float64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            features=[
                datasets.Features({"prediction_scores": scores, "references": references}),
                datasets.Features({"prediction_scores": datasets.Sequence(scores), "references": references}),
            ],
        )

    def _compute(
        self,
        prediction_scores,
        references,
        average="macro",
        max_fpr=None,
        sample_weight=None,
        labels=None,
        multi_class="ovo",
    ):
        scores = np.asarray(prediction_scores, dtype=np.float64)
        plain = (average, multi_class, labels, max_fpr, sample_weight) == ("macro", "ovo", None, None, None)
        if scores.ndim == 2 and plain:
            return {"roc_auc": _one_vs_one(scores, np.asarray(references))}
        score = roc_auc_score(
            references,
            scores,
            average=average,
            max_fpr=max_fpr,
            sample_weight=sample_weight,
            labels=labels,
            multi_class=multi_class,
        )
        return {"roc_auc": float(score) if np.ndim(score) == 0 else score}


def _one_vs_one(probabilities, references):
    """The mean over all ordered pairs of classes; as vectors, a hundred times as fast as pair by pair."""
    present, classes = np.unique(references, return_inverse=True)
    if len(present) < 2 or not np.isfinite(probabilities).all():
        return float("nan")
    kept = probabilities[:, present]
    totals = kept.sum(axis=1, keepdims=True)
    # A row that gives the classes present nothing at all prefers none of them.
    kept = np.divide(kept, totals, out=np.full_like(kept, 1 / len(present)), where=totals > 0)
    sizes = np.bincount(classes)
    areas = np.empty((len(present), len(present)))
    for one, scores in enumerate(kept.T):
        own = np.sort(scores[classes == one])
        # For every row, how many members of the class score higher; a tie counts half.
        lower_or_tied = np.searchsorted(own, scores, "left") + np.searchsorted(own, scores, "right")
        higher = len(own) - lower_or_tied / 2
        areas[one] = np.bincount(classes, higher) / (len(own) * sizes)
    return float(areas[~np.eye(len(present), dtype=bool)].mean())
