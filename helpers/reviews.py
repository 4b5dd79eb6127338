"""Reference functions of the unit `reviews`: from a film review to a probability, a rating and the curves.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the
notebook's solution. Label 1 is `pos`, so column 1 of logits and probabilities speaks for a positive review.
"""


def encode_reviews(batch, tokenizer):
    """Tokenize the reviews of `batch["text"]`, each truncated to the model's limit, none padded.

    Returns the tokenizer's fields, lists of lists of unequal length. Padding is left to the batch in which a review
    is trained: there it is as short as it can be.
    """
    return dict(tokenizer(list(batch["text"]), truncation=True))


def compute_metrics(eval_pred):
    """Accuracy of `(logits [n, 2], labels [n])`, as a flat dictionary of one float."""
    import numpy as np

    from helpers import metrics

    logits, labels = eval_pred
    predictions = np.argmax(logits, axis=-1)
    accuracy = metrics.load("accuracy").compute(predictions=predictions, references=labels)
    return {"accuracy": float(accuracy["accuracy"])}


def review_rating(p_positive):
    """The rating from 1 to 10 that a probability stands for: ten times as much, rounded half up, at least 1.

    Raises `ValueError` outside [0, 1] and for NaN. Python's own `round` takes halves to the even number: 0.25 would
    become 2, and 0.45 become 4.

    >>> review_rating(0.25), review_rating(0.05), review_rating(0.0), review_rating(1.0)
    (3, 1, 1, 10)
    """
    import math

    if not 0 <= p_positive <= 1:  # NaN compares to nothing
        raise ValueError(f"A probability lies between 0 and 1, this is {p_positive}.")
    return max(1, math.floor(10 * float(p_positive) + 0.5))


def score_reviews(texts, model, tokenizer):
    """The probability of a positive review for every text, a float array `[n]` in the order of the texts.

    Long reviews are truncated to the limit of tokenizer and model, none is left out. Texts of like length share a
    batch, so that little is padded.
    """
    import numpy as np
    import torch

    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    encoded = [tokenizer(text, truncation=True, max_length=limit) for text in texts]
    by_length = sorted(range(len(encoded)), key=lambda i: len(encoded[i]["input_ids"]))
    scores = np.zeros(len(encoded))
    model.eval()
    for start in range(0, len(by_length), 32):
        rows = by_length[start : start + 32]
        batch = tokenizer.pad([encoded[i] for i in rows], return_tensors="pt").to(model.device)
        with torch.no_grad():
            logits = model(**batch).logits
        scores[rows] = logits.float().softmax(dim=-1)[:, 1].cpu().numpy()
    return scores


def evaluate_scores(labels, scores):
    """ROC AUC, average precision and F1 of `scores [n]` against `labels [n]` of 0 and 1, a dictionary of floats.

    The first two look at all thresholds; F1 counts a score of 0.5 or more as positive.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    return {
        "roc_auc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
        "f1": float(f1_score(labels, np.asarray(scores) >= 0.5, zero_division=0)),
    }


def tfidf_baseline(train, texts):
    """P(positive) for every text by logistic regression on TF-IDF, which knows words but not their order.

    `train` holds `text` and `label`. It is what a transformer must beat, and it learns in a second.
    """
    from helpers import baselines

    return baselines.tfidf(train["text"], train["label"]).predict_proba(list(texts))[:, 1]


def share_of_new_words(train_texts, texts):
    """What share of the words of `texts` the TF-IDF of `tfidf_baseline` has not met in the training texts.

    >>> share_of_new_words(["A dull film."], ["The dullest film"])
    0.6666666666666666
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    return _share_of_new(train_texts, texts, TfidfVectorizer().build_analyzer())


def share_of_new_pieces(train_texts, texts, tokenizer):
    """The same of a tokenizer's pieces: what share of those of `texts` does not occur in the training texts."""
    return _share_of_new(train_texts, texts, tokenizer.tokenize)


def _share_of_new(train_texts, texts, cut):
    known = {part for text in train_texts for part in cut(text)}
    parts = [part for text in texts for part in cut(text)]
    return sum(part not in known for part in parts) / len(parts)


def reading_cost(texts, tokenizer):
    """What a tokenizer makes of reviews, as a dictionary of floats.

    `tokens_per_100_words`, special ones not counted, where words are what stands between spaces; `words_before_limit`,
    how many of them fit into the tokenizer's limit on average; and `share_read` of a review's tokens, the mean of all.
    """
    limit = tokenizer.model_max_length - tokenizer.num_special_tokens_to_add()
    sizes = [len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) for text in texts]
    fertility = sum(sizes) / sum(len(text.split()) for text in texts)
    return {
        "tokens_per_100_words": 100 * fertility,
        "words_before_limit": limit / fertility,
        "share_read": sum(min(1, limit / size) for size in sizes) / len(sizes),
    }


def build_model(checkpoint):
    """Return the checkpoint with a fresh head for the two polarities, whose config knows them by name."""
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        checkpoint, num_labels=2, id2label={0: "neg", 1: "pos"}, label2id={"neg": 0, "pos": 1}
    )
