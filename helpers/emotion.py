"""Reference functions of the unit `emotion`: what a tweet feels, and where it stands.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the
notebook's solution. Emotions and stances are classes of whole texts, so a label is one number a tweet.
"""

import time
from pathlib import Path

from helpers.language import words

MEANINGS = Path(__file__).with_name("emotion.toml")


def encode_tweets(batch, tokenizer, max_length=60):
    """Tokenize the tweets of a batch.

    `batch["text"]` is a list of n texts. Returns the tokenizer's fields, each a list of n lists: cut off after
    `max_length` tokens, special ones included, else as long as the tweet. Padding is left to the batch of the training.
    """
    return tokenizer(batch["text"], truncation=True, max_length=max_length)


def compute_metrics(eval_pred):
    """Accuracy, and F1 as the mean over all k classes.

    `eval_pred` is `(logits [n, k], labels [n])`. Returns a flat dictionary of floats. A class that is never right
    counts zero, also one that does not occur at all, so the mean is always taken over the same classes.
    """
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score

    logits, labels = eval_pred
    predictions = np.argmax(logits, axis=-1)
    classes = range(np.shape(logits)[-1])
    return {
        "accuracy": float(accuracy_score(labels, predictions)),
        "f1": float(f1_score(labels, predictions, labels=list(classes), average="macro", zero_division=0)),
    }


def predict_emotions(texts, model, tokenizer):
    """Return the name of the best class of every text, in the order of the texts.

    `texts` is a list of str; nothing in, nothing out. A bare string would be read letter by letter, so it is a
    `TypeError`. Names come from `model.config.id2label`; texts are cut off as in training. Texts of like length share a
    batch, so that little is padded.
    """
    import torch

    if isinstance(texts, str):
        raise TypeError("predict_emotions takes a list of texts: put the string in square brackets.")
    encoded = [tokenizer(text, truncation=True, max_length=60) for text in texts]
    by_length = sorted(range(len(encoded)), key=lambda row: len(encoded[row]["input_ids"]))
    names = [""] * len(encoded)
    model.eval()
    for start in range(0, len(by_length), 32):
        rows = by_length[start : start + 32]
        batch = tokenizer.pad([encoded[row] for row in rows], return_tensors="pt").to(model.device)
        with torch.no_grad():
            best = model(**batch).logits.argmax(dim=-1)
        for row, i in zip(rows, best.tolist()):
            names[row] = model.config.id2label[i]
    return names


def train_stance(dataset, checkpoint):
    """The whole recipe again, from the tweets to the scores on the test split.

    `dataset` is a `DatasetDict` with `text` and `label` in train, validation and test; `checkpoint` the name of a
    model or its folder. Number and names of the classes are read from the data, also of a class that has no
    tweet there. Returns `(trainer, {"accuracy", "f1"})`.
    """
    from tempfile import TemporaryDirectory

    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

    from helpers import models, profiles, training

    profile = profiles.load("stance", checkpoint=checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(models.fetch(checkpoint))
    encoded = dataset.map(encode_tweets, batched=True, fn_kwargs={"tokenizer": tokenizer}, remove_columns=["text"])
    names = dataset["train"].features["label"].names
    set_seed(profile.seed)
    model = build_classifier(checkpoint, names)
    training.adapt(model, profile)
    with TemporaryDirectory() as output_dir:
        arguments = TrainingArguments(
            output_dir=output_dir,
            num_train_epochs=profile.epochs,
            per_device_train_batch_size=profile.batch_size,
            learning_rate=profile.learning_rate,
            lr_scheduler_type=profile.schedule,
            warmup_steps=profile.warmup,
            weight_decay=profile.weight_decay,
            label_smoothing_factor=profile.label_smoothing,
            train_sampling_strategy="sequential",
            save_strategy="no",
            report_to="none",
            seed=profile.seed,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=training.by_length(encoded["train"], profile.batch_size),
            eval_dataset=encoded["validation"],
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=compute_metrics,
            optimizers=(training.make_optimizer(profile, model), None),
        )
        trainer.train()
        scores = trainer.evaluate(encoded["test"])
    return trainer, {name: scores[f"eval_{name}"] for name in ("accuracy", "f1")}


def build_classifier(checkpoint, label_names):
    """Return the checkpoint with a fresh classifier for whole texts, whose config knows the classes by name."""
    from transformers import AutoModelForSequenceClassification

    from helpers import models

    return AutoModelForSequenceClassification.from_pretrained(
        models.fetch(checkpoint),
        num_labels=len(label_names),
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
    )


def baseline_predictions(train, texts):
    """Return the classes that two simple baselines predict, by name, as int arrays.

    `train` has `text` and `label`. `majority` always says the most frequent class; `TF-IDF` weighs words by
    how rare they are and puts logistic regression on top: it knows words, but neither their order nor their likeness.
    """
    from sklearn.dummy import DummyClassifier

    from helpers import baselines

    known, classes = list(train["text"]), list(train["label"])
    fitted = {
        "majority": DummyClassifier(strategy="most_frequent").fit(known, classes),
        "TF-IDF": baselines.tfidf(known, classes),
    }
    return {name: model.predict(list(texts)) for name, model in fitted.items()}


def padding_cost(texts, model, tokenizer, max_length=60, batch_size=32, repeats=1):
    """Measure what padding costs: the same tweets, padded in three ways.

    `max_length` pads every tweet to that length, `longest` each batch to its longest tweet, `sorted` does so after
    bringing tweets of like length together. Returns for each the seconds of a forward pass over all tweets, the best of
    `repeats`, and the share of padding among the tokens.
    """
    import torch

    encoded = encode_tweets({"text": list(texts)}, tokenizer, max_length)
    rows = [dict(zip(encoded, row)) for row in zip(*encoded.values())]
    by_length = sorted(rows, key=lambda row: len(row["input_ids"]))
    model.eval()
    costs = {}
    for name, order in {"max_length": rows, "longest": rows, "sorted": by_length}.items():
        padding = "max_length" if name == "max_length" else "longest"
        batches = [
            tokenizer.pad(order[at : at + batch_size], padding=padding, max_length=max_length, return_tensors="pt")
            for at in range(0, len(order), batch_size)
        ]
        batches = [batch.to(model.device) for batch in batches]
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            with torch.no_grad():
                for batch in batches:
                    model(**batch)[0].cpu()  # a GPU has finished when the numbers are here
            seconds.append(time.perf_counter() - started)
        masks = torch.cat([batch["attention_mask"].flatten() for batch in batches]).float()
        costs[name] = {"seconds": min(seconds), "padding": 1 - masks.mean().item()}
    return costs


def worst_errors(logits, labels, count=5):
    """Return `(row, score)` of the wrong predictions of which the model was surest, the surest first.

    `score` is the softmax probability of the predicted class.
    """
    import numpy as np

    logits, labels = np.asarray(logits, dtype=float), np.asarray(labels)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    scores = np.where(logits.argmax(axis=1) == labels, -1.0, probabilities.max(axis=1))
    return [(int(row), float(scores[row])) for row in np.argsort(-scores, kind="stable")[:count] if scores[row] >= 0]


def with_meaning(label_names, language):
    """The names of classes for people: behind a name stands what it means in a language, where that is another word.

    >>> with_meaning(["joy", "sadness"], "es")
    ['joy (alegría)', 'sadness (tristeza)']
    """
    meanings = words(MEANINGS)[language]
    return [name if meanings.get(name, name) == name else f"{name} ({meanings[name]})" for name in label_names]


def normalized(texts, tokenizers):
    """The texts as each tokenizer sees them before it cuts them: a column for each, for `show.examples`."""
    normalizers = {name: tokenizer.backend_tokenizer.normalizer for name, tokenizer in tokenizers.items()}
    return {name: [normalizer.normalize_str(text) for text in texts] for name, normalizer in normalizers.items()}


def probabilities(texts, model, tokenizer):
    """How sure a model is of each class: the softmax of its logits, `[n, k]`, of the n texts of a list."""
    import torch

    model.eval()
    batch = tokenizer(texts, truncation=True, max_length=60, padding=True, return_tensors="pt").to(model.device)
    with torch.no_grad():
        return model(**batch).logits.softmax(dim=-1).tolist()
