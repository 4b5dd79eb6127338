"""Share of the members of a class that were found, macro-averaged by default, as scikit-learn counts it."""

import datasets
import evaluate
import numpy as np
from sklearn.metrics import recall_score


class Recall(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            features=datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}),
        )

    def _compute(
        self,
        predictions,
        references,
        labels=None,
        pos_label=1,
        average="macro",
        sample_weight=None,
        zero_division=0,
    ):
        # A class that was never predicted counts as zero, without a warning on stderr, unless asked otherwise.
        score = recall_score(
            references,
            predictions,
            labels=labels,
            pos_label=pos_label,
            average=average,
            sample_weight=sample_weight,
            zero_division=zero_division,
        )
        # With average=None there is one number for each class.
        return {"recall": float(score) if np.ndim(score) == 0 else score}
