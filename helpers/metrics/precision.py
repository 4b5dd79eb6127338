"""Share of the predictions of a class that are right, macro-averaged by default, as scikit-learn counts it."""

import datasets
import evaluate
import numpy as np
from sklearn.metrics import precision_score


class Precision(evaluate.Metric):
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
        score = precision_score(
            references,
            predictions,
            labels=labels,
            pos_label=pos_label,
            average=average,
            sample_weight=sample_weight,
            zero_division=zero_division,
        )
        # With average=None there is one number for each class.
        return {"precision": float(score) if np.ndim(score) == 0 else score}
