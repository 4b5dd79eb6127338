"""Share of the members of a class that were found, macro-averaged by default, as scikit-learn counts it."""

import datasets
import evaluate
from sklearn.metrics import recall_score


class Recall(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            features=datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}),
        )

    def _compute(self, predictions, references, average="macro"):
        # A class that was never predicted counts as zero, without a warning on stderr.
        score = recall_score(references, predictions, average=average, zero_division=0)
        return {"recall": float(score)}
