"""Right answers of the unit `reviews` that are not the reference: each must keep all points.

In: nothing. Out: `RIGHT`, a list of (grade id, how it came about, source). `hint 2` is an answer by someone who has the
text and the second hint, word for word; the others read the text in another sensible way.
"""

RIGHT = [
    (
        "encode_reviews",
        "hint 2",
        """\
def encode_reviews(batch, tokenizer):
    return tokenizer(batch["text"], truncation=True)
""",
    ),
    (
        "encode_reviews",
        "one text after the other, with the limit by name",
        """\
def encode_reviews(batch, tokenizer):
    fields = {name: [] for name in tokenizer.model_input_names}
    for text in batch["text"]:
        encoded = tokenizer(text, truncation=True, max_length=tokenizer.model_max_length, padding=False)
        for name in fields:
            fields[name].append(encoded[name])
    return fields
""",
    ),
    (
        "compute_metrics",
        "hint 2",
        """\
def compute_metrics(eval_pred):
    logits, labels = eval_pred
    return {"accuracy": float(np.mean(np.argmax(logits, axis=-1) == labels))}
""",
    ),
    (
        "compute_metrics",
        "the metric of hint 1",
        """\
def compute_metrics(eval_pred):
    logits, labels = eval_pred
    predictions = np.argmax(logits, axis=1)
    return metrics.load("accuracy").compute(predictions=predictions, references=labels)
""",
    ),
    (
        "compute_metrics",
        "scikit-learn, on lists",
        """\
def compute_metrics(eval_pred):
    from sklearn.metrics import accuracy_score

    predictions = [1 if row[1] > row[0] else 0 for row in eval_pred[0]]
    return {"accuracy": float(accuracy_score(eval_pred[1], predictions))}
""",
    ),
    (
        "training",
        "hint 2",
        """\
model = reviews.build_model(checkpoint)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=compute_metrics,
)
trainer.train()
""",
    ),
    (
        "review_rating",
        "hint 2",
        """\
def review_rating(p_positive):
    import math

    if not 0 <= p_positive <= 1:
        raise ValueError("no probability")
    return max(1, math.floor(10 * p_positive + 0.5))
""",
    ),
    (
        "review_rating",
        "int of a sum, nan on its own",
        """\
import math


def review_rating(p_positive):
    if math.isnan(p_positive) or p_positive < 0 or p_positive > 1:
        raise ValueError(f"{p_positive} is no probability")
    return int(p_positive * 10 + 0.5) or 1
""",
    ),
    (
        "review_rating",
        "exact decimals",
        """\
from decimal import ROUND_HALF_UP, Decimal


def review_rating(p_positive):
    if not (p_positive >= 0 and p_positive <= 1):
        raise ValueError("not between 0 and 1")
    stars = (10 * Decimal(p_positive)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return max(int(stars), 1)
""",
    ),
    (
        "score_reviews",
        "hint 2",
        """\
def score_reviews(texts, model, tokenizer):
    import torch

    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    encoded = [tokenizer(text, truncation=True, max_length=limit) for text in texts]
    by_length = sorted(range(len(encoded)), key=lambda i: len(encoded[i]["input_ids"]))
    scores = np.zeros(len(encoded))
    model.eval()
    for start in range(0, len(encoded), 32):
        rows = by_length[start : start + 32]
        batch = tokenizer.pad([encoded[i] for i in rows], return_tensors="pt").to(model.device)
        with torch.no_grad():
            logits = model(**batch).logits
        scores[rows] = logits.float().softmax(dim=-1)[:, 1].cpu().numpy()
    return scores
""",
    ),
    (
        "score_reviews",
        "texts sorted by their letters, the longest first, in batches of 20",
        """\
import torch


def score_reviews(texts, model, tokenizer):
    model.eval()
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    scores = np.empty(len(texts), dtype=np.float32)
    order = np.argsort([-len(text) for text in texts], kind="stable").tolist()
    for chunk in (order[i : i + 20] for i in range(0, len(order), 20)):
        batch = tokenizer(
            [texts[i] for i in chunk], padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = model(**batch.to(model.device)).logits
        scores[chunk] = torch.softmax(logits, dim=1)[:, 1].cpu().numpy()
    return scores
""",
    ),
    (
        "score_reviews",
        "scores by a dictionary, softmax by hand",
        """\
def score_reviews(texts, model, tokenizer):
    import torch

    model.eval()
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    numbered = sorted(enumerate(texts), key=lambda pair: len(tokenizer(pair[1], verbose=False)["input_ids"]))
    score_of = {}
    while numbered:
        now, numbered = numbered[:64], numbered[64:]
        batch = tokenizer(
            [text for _, text in now], padding="longest", truncation=True, max_length=limit, return_tensors="pt"
        )
        with torch.no_grad():
            z = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.numpy()
        e = np.exp(z - z.max(axis=1, keepdims=True))
        for (number, _), row in zip(now, e / e.sum(axis=1, keepdims=True)):
            score_of[number] = float(row[1])
    return np.array([score_of[number] for number in range(len(texts))], dtype=float)
""",
    ),
    (
        "evaluate_scores",
        "hint 2",
        """\
def evaluate_scores(labels, scores):
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    return {
        "roc_auc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
        "f1": float(f1_score(labels, np.asarray(scores) >= 0.5, zero_division=0)),
    }
""",
    ),
    (
        "evaluate_scores",
        "F1 and ROC AUC by hand",
        """\
def evaluate_scores(labels, scores):
    from sklearn.metrics import average_precision_score

    positive = [score for label, score in zip(labels, scores) if label == 1]
    negative = [score for label, score in zip(labels, scores) if label == 0]
    pairs = [(high > low) + (high == low) / 2 for high in positive for low in negative]
    hits = sum(score >= 0.5 for score in positive)
    called = hits + sum(score >= 0.5 for score in negative)
    return {
        "f1": float(2 * hits / (called + len(positive))),
        "roc_auc": float(sum(pairs) / len(pairs)),
        "average_precision": float(average_precision_score(labels, scores)),
    }
""",
    ),
    (
        "evaluate_scores",
        "decisions as whole numbers, without zero_division",
        """\
import sklearn.metrics as m


def evaluate_scores(labels, scores):
    decisions = [int(score >= 0.5) for score in scores]
    result = dict(
        roc_auc=m.roc_auc_score(labels, scores),
        average_precision=m.average_precision_score(labels, scores),
        f1=m.f1_score(labels, decisions) if any(decisions) else 0,
    )
    return {name: float(value) for name, value in result.items()}
""",
    ),
]
