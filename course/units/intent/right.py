"""Right answers of the unit `intent` that are not the reference: none may lose a point.

Each is (grade id, how it came about, source). Those of "hint 2" are what somebody writes who
has read the text of the exercise and its second hint, and nothing else.
"""

RIGHT = [
    (
        "label_maps",
        "hint 2",
        """
def label_maps(names):
    if len(set(names)) < len(names):
        raise ValueError("A name stands there twice.")
    id2label = dict(enumerate(names))
    label2id = {name: number for number, name in id2label.items()}
    return label2id, id2label
""",
    ),
    (
        "label_maps",
        "a loop that looks for doubles",
        """
def label_maps(names):
    label2id, id2label = {}, {}
    for i in range(len(names)):
        if names[i] in label2id:
            raise ValueError(f"{names[i]} is there twice")
        label2id[names[i]] = i
        id2label[i] = names[i]
    return [label2id, id2label]
""",
    ),
    (
        "encode_utterances",
        "hint 2",
        """
def encode_utterances(batch, tokenizer):
    return tokenizer(batch["text"], truncation=True)
""",
    ),
    (
        "encode_utterances",
        "every default written out",
        """
def encode_utterances(batch, tokenizer):
    texts = list(batch["text"])
    limit = tokenizer.model_max_length
    return dict(tokenizer(texts, truncation=True, padding=False, max_length=limit))
""",
    ),
    (
        "encode_utterances",
        "one request after the other",
        """
def encode_utterances(batch, tokenizer):
    encoded = [tokenizer(text, truncation="longest_first") for text in batch["text"]]
    return {field: [one[field] for one in encoded] for field in encoded[0]}
""",
    ),
    (
        "compute_metrics",
        "hint 2",
        """
def compute_metrics(eval_pred):
    from scipy.special import softmax

    logits, labels = eval_pred
    predictions = np.argmax(logits, axis=-1)
    probabilities = softmax(logits, axis=-1)
    scores = {}
    for name in ("accuracy", "precision", "recall"):
        scores |= metrics.load(name).compute(predictions=predictions, references=labels)
    scores |= metrics.load("roc_auc").compute(
        prediction_scores=probabilities, references=labels
    )
    return scores
""",
    ),
    (
        "compute_metrics",
        "the keywords of evaluate",
        """
import scipy.special


def compute_metrics(eval_pred):
    logits, labels = eval_pred
    predictions = logits.argmax(axis=-1)
    probabilities = scipy.special.softmax(logits, axis=1)
    macro = {"average": "macro", "zero_division": 0}
    pair = {"predictions": predictions, "references": labels}
    area = metrics.load("roc_auc").compute(
        prediction_scores=probabilities, references=labels, multi_class="ovo", average="macro"
    )
    return {
        "accuracy": metrics.load("accuracy").compute(**pair)["accuracy"],
        "precision": metrics.load("precision").compute(**pair, **macro)["precision"],
        "recall": metrics.load("recall").compute(**pair, **macro)["recall"],
        "roc_auc": area["roc_auc"],
    }
""",
    ),
    (
        "compute_metrics",
        "scikit-learn and a softmax of one's own",
        """
from sklearn.metrics import accuracy_score, precision_score, recall_score


def compute_metrics(eval_pred):
    logits, labels = eval_pred
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    predictions = probabilities.argmax(axis=-1)
    macro = {"average": "macro", "zero_division": 0}
    return {
        "accuracy": float(accuracy_score(labels, predictions)),
        "precision": float(precision_score(labels, predictions, **macro)),
        "recall": float(recall_score(labels, predictions, **macro)),
        **metrics.load("roc_auc").compute(prediction_scores=probabilities, references=labels),
    }
""",
    ),
    (
        "compute_metrics",
        "softmax of torch",
        """
def compute_metrics(eval_pred):
    import torch

    logits, labels = eval_pred
    probabilities = torch.softmax(torch.tensor(logits), dim=-1).numpy()
    predictions = np.argmax(logits, axis=-1)
    pair = {"predictions": predictions, "references": labels}
    roc_auc = metrics.load("roc_auc")
    result = {}
    result.update(metrics.load("accuracy").compute(**pair))
    result.update(metrics.load("precision").compute(**pair, average="macro"))
    result.update(metrics.load("recall").compute(**pair, average="macro"))
    result.update(roc_auc.compute(prediction_scores=probabilities, references=labels))
    return result
""",
    ),
    (
        "training",
        "hint 2",
        """
model = intent.build_model(checkpoint, label2id, id2label)
trainer = training.make_trainer(
    profile, model, tokenizer,
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=compute_metrics,
)
trainer.train()
""",
    ),
    (
        "predict_intent",
        "hint 2",
        """
def predict_intent(text, model, tokenizer):
    import torch

    model.eval()
    encoded = tokenizer(text, truncation=True, return_tensors="pt").to(model.device)
    with torch.no_grad():
        probabilities = model(**encoded).logits[0].softmax(dim=-1)
    best = probabilities.argmax().item()
    return {"label": model.config.id2label[best], "score": probabilities[best].item()}
""",
    ),
    (
        "predict_intent",
        "a batch of one, and NumPy",
        """
from scipy.special import softmax
import torch


@torch.inference_mode()
def predict_intent(text, model, tokenizer):
    model.eval()
    batch = tokenizer([text], truncation=True, padding=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    logits = model(input_ids=ids, attention_mask=mask).logits
    row = softmax(logits.numpy(), axis=-1)[0]
    number = int(np.argmax(row))
    return {"label": model.config.id2label[number], "score": float(row[number])}
""",
    ),
    (
        "predict_intent",
        "the highest and its place at once",
        """
def predict_intent(text, model, tokenizer):
    import torch
    import torch.nn.functional as F

    model = model.eval()
    inputs = tokenizer(text, return_tensors="pt", truncation=True)
    inputs = {name: values.to(model.device) for name, values in inputs.items()}
    with torch.no_grad():
        outputs = model(**inputs)
    score, number = F.softmax(outputs.logits.double(), dim=-1).max(dim=-1)
    return dict(score=float(score), label=model.config.id2label[int(number)])
""",
    ),
    (
        "out_of_scope_threshold",
        "hint 2",
        """
def out_of_scope_threshold(scores, keep=0.95):
    if len(scores) == 0 or not 0 < keep <= 1:
        raise ValueError("no scores, or no share")
    ordered = sorted(scores, reverse=True)
    for count, score in enumerate(ordered, start=1):
        if count / len(scores) >= keep:
            return float(score)
""",
    ),
    (
        "out_of_scope_threshold",
        "hint 1 and math.ceil",
        """
import math


def out_of_scope_threshold(scores, keep=0.95):
    if not len(scores) or keep <= 0 or keep > 1:
        raise ValueError
    ordered = sorted(scores, reverse=True)
    return float(ordered[math.ceil(keep * len(scores)) - 1])
""",
    ),
    (
        "out_of_scope_threshold",
        "how many may be lost",
        """
def out_of_scope_threshold(scores, keep=0.95):
    scores = np.sort(np.asarray(scores, dtype=float))
    if scores.size == 0:
        raise ValueError("scores is empty")
    if not (keep > 0 and keep <= 1):
        raise ValueError("keep must be a share")
    return scores[int(len(scores) * (1 - keep))]
""",
    ),
    (
        "out_of_scope_threshold",
        "every score is tried",
        """
def out_of_scope_threshold(scores, keep=0.95):
    if not 0 < keep <= 1:
        raise ValueError("keep")
    array = np.array(scores)
    return float(max(score for score in array if np.mean(array >= score) >= keep))
""",
    ),
    (
        "is_out_of_scope",
        "hint 2",
        """
def is_out_of_scope(probabilities, threshold):
    below = np.max(probabilities, axis=-1) < threshold
    if np.ndim(below) == 0:
        return bool(below)
    return below
""",
    ),
    (
        "is_out_of_scope",
        "all are below",
        """
def is_out_of_scope(probabilities, threshold):
    rows = np.array(probabilities)
    if rows.ndim == 1:
        return bool(np.all(rows < threshold))
    return np.array([bool(np.all(row < threshold)) for row in rows])
""",
    ),
]
