"""Precision, recall and F1 of whole entities, and accuracy of tags, as seqeval counts them."""

import datasets
import evaluate
from seqeval.metrics import accuracy_score
from seqeval.metrics import f1_score
from seqeval.metrics import precision_score
from seqeval.metrics import recall_score


class Seqeval(evaluate.Metric):
    def _info(self):
        tags = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            features=datasets.Features({"predictions": tags, "references": tags}),
        )

    def _compute(self, predictions, references):
        # zero_division keeps the value (0) and drops the warning: before the first epoch nothing is predicted.
        return {
            "overall_precision": float(precision_score(references, predictions, zero_division=0)),
            "overall_recall": float(recall_score(references, predictions, zero_division=0)),
            "overall_f1": float(f1_score(references, predictions, zero_division=0)),
            "overall_accuracy": float(accuracy_score(references, predictions)),
        }
