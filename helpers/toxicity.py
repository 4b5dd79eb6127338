"""Reference functions of the unit `toxicity`: a classifier that answers in text.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the
notebook's solution. T5 reads a text with a prefix that names the task, and writes the answer, token by token.
"""

import dataclasses
import functools
import math

from helpers import batches

PUBLISHED = "lmsys/toxicchat-t5-large-v1.0"

# What the model writes for 0 and 1, by the language of the data.
ANSWERS = {
    "en": {0: "no", 1: "yes"},
    "ru": {0: "нет", 1: "да"},
    "es": {0: "no", 1: "sí"},
}


def preprocess_dataset(example, tokenizer, *, prefix="toxic: ", id2label={0: "no", 1: "yes"}, max_length=512):
    """Tokenize a request with the task's prefix in front, and the answer that the model shall write.

    `example` holds `user_input` (str) and `toxicity` (a key of `id2label`). Returns `input_ids`, `attention_mask` and
    `labels`, lists without padding: the input has at most `max_length` tokens, and the end mark is always the last
    of them; `labels` are the token ids of the answer with its end mark.
    """
    encoded = tokenizer(prefix + example["user_input"], truncation=True, max_length=max_length)
    answer = tokenizer(text_target=id2label[example["toxicity"]])
    return {
        "input_ids": encoded["input_ids"],
        "attention_mask": encoded["attention_mask"],
        "labels": answer["input_ids"],
    }


def compute_metric(eval_predictions, tokenizer, *, toxic="yes"):
    """Accuracy of whole answers; precision, recall and F1 of the class that the answer `toxic` stands for.

    `eval_predictions` is `(preds [n, p], labels [n, l])`, token ids padded with -100 or the padding token; `preds`
    begin with the decoder's start token. An answer is right if all of it is: first tokens may agree where answers do
    not. Returns a flat dictionary of floats; precision, recall and F1 are 0 where nothing was or should have been
    found.
    """
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    def answers(ids):
        ids = np.where(np.asarray(ids) == -100, tokenizer.pad_token_id, ids)
        return np.array([text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)])

    preds, labels = map(answers, eval_predictions)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels == toxic, preds == toxic, average="binary", zero_division=0
    )
    return {
        "accuracy": float(np.mean(preds == labels)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }


def build_model(checkpoint):
    """Return an encoder-decoder that writes short answers and takes the likeliest token each time."""
    from transformers import AutoModelForSeq2SeqLM

    model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint)
    model.generation_config.max_new_tokens = 8
    model.generation_config.num_beams = 1
    model.generation_config.do_sample = False
    return model


def is_toxic(text, labels2bool, model, tokenizer, prefix):
    """Whether a text is toxic, as the model's answer says.

    `labels2bool` says what each answer means, such as `{"yes": True, "no": False}`. The prefix is the one with which
    the model was trained. Texts beyond the tokenizer's limit are truncated. Raises `ValueError` for any other answer.
    """
    import torch

    encoded = tokenizer(prefix + text, truncation=True, return_tensors="pt").to(model.device)
    model.eval()
    with torch.no_grad():
        generated = model.generate(**encoded, max_new_tokens=16, num_beams=1, do_sample=False)
    answer = tokenizer.decode(generated[0], skip_special_tokens=True).strip()
    if answer not in labels2bool:
        raise ValueError(f"The model answered {answer!r}, but an answer is one of {', '.join(map(repr, labels2bool))}.")
    return labels2bool[answer]


def are_toxic(texts, labels2bool, model, tokenizer, prefix):
    """What `is_toxic` says about each text of a list, in order; in batches, so in a fraction of the time.

    Raises the `ValueError` of the first text that gets any other answer. A bare string is a `TypeError`.
    """
    texts = batches.texts_of(texts)
    inputs = [tokenizer(prefix + text, truncation=True)["input_ids"] for text in texts]
    write = functools.partial(model.generate, max_new_tokens=16, num_beams=1, do_sample=False)
    known = batches.answered(inputs, write, model, tokenizer)
    return [is_toxic(text, labels2bool, known, tokenizer, prefix) for text in texts]


def tfidf_baseline(train, texts):
    """Guess 0 or 1 for each text by logistic regression on TF-IDF, both classes weighing the same.

    `train` holds `user_input` and `toxicity`. It is what a model must beat: it knows words, but no order.
    """
    from helpers import baselines

    return baselines.tfidf(train["user_input"], train["toxicity"], class_weight="balanced").predict(list(texts))


def pretrained_baseline(train, texts, checkpoint, *, most=300):
    """Guess 0 or 1 for each text by logistic regression on the vectors of an encoder that has read a lot before.

    The encoder is not trained. `train` is as in `tfidf_baseline`; of each text the first `most` characters are read.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from helpers import models
    from helpers.inside import load_encoder
    from helpers.transformer import embed

    encoder = load_encoder(checkpoint).to(models.device()), models.load_tokenizer(checkpoint)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300, class_weight="balanced"))
    head.fit(embed([text[:most] for text in train["user_input"]], *encoder), train["toxicity"])
    return head.predict(embed([text[:most] for text in texts], *encoder))


def scores(labels, guesses):
    """Accuracy, and precision, recall and F1 of class 1, as `compute_metric` has them, for arrays of 0 and 1."""
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(labels, guesses, average="binary", zero_division=0)
    accuracy = np.mean(np.asarray(labels) == np.asarray(guesses))
    return {"accuracy": float(accuracy), "precision": float(precision), "recall": float(recall), "f1": float(f1)}


def oversample(toxicity):
    """Return the numbers of the rows, those of toxic ones so often that both classes are about equally frequent.

    >>> oversample([0, 0, 1, 0, 0])
    [0, 1, 2, 2, 2, 2, 3, 4]
    """
    toxic = sum(toxicity)
    times = max(1, round((len(toxicity) - toxic) / max(1, toxic)))
    return [i for i, label in enumerate(toxicity) for _ in range(times if label else 1)]


def round_trip(texts, tokenizer):
    """The pieces of each text, `<unk>` where the vocabulary has none, and what they make when put together again.

    Columns for `show.examples`. Tokenizers of T5 call an unknown piece by its letters, but the model never sees them.
    """
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    return {
        "tokens": [" ".join(tokenizer.convert_ids_to_tokens(ids)) for ids in rows],
        "decoded": [tokenizer.decode(ids, skip_special_tokens=True) for ids in rows],
    }


def fertility(texts, tokenizers):
    """Pieces per word, and the share of words with an unknown piece: a row for each tokenizer, by its name."""
    from helpers import transformer

    words = [word for text in texts for word in text.split()]
    rows = {}
    for name, tokenizer in tokenizers.items():
        pieces = tokenizer(words, add_special_tokens=False)["input_ids"]
        unknown = sum(tokenizer.unk_token_id in ids for ids in pieces)
        rows[name] = {"fertility": transformer.fertility(texts, tokenizer), "unknown": unknown / len(words)}
    return rows


def at_share(labels, guesses, share):
    """Precision, recall and F1 where this share of the texts is toxic, for a model that guessed so on others.

    What the model makes of toxic texts does not depend on how many there are, nor what it makes of harmless ones; but
    the fewer toxic ones, the more of what it calls toxic is not.

    >>> at_share([1, 1, 0, 0], [1, 1, 1, 0], 0.5)["precision"]
    0.6666666666666666
    >>> at_share([1, 1, 0, 0], [1, 1, 1, 0], 0.01)["precision"]
    0.019801980198019802
    """
    import numpy as np

    labels, guesses = np.array(labels) == 1, np.array(guesses) == 1
    recall, false_alarms = guesses[labels].mean(), guesses[~labels].mean()
    found, wrong = share * recall, (1 - share) * false_alarms
    precision = found / (found + wrong) if found + wrong else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}


def passes(model, run):
    """How often encoder and decoder of a model compute while `run()` runs, as `{"encoder": 1, "decoder": 8}`."""
    counts = {"encoder": 0, "decoder": 0}

    def count(name):
        counts[name] += 1

    hooks = [getattr(model, name).register_forward_hook(lambda *_, name=name: count(name)) for name in counts]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return counts


def same_steps(profile, more_rows, fewer_rows):
    """The profile with as many steps on the smaller training data as it has on the larger: only then is it fair."""
    steps = profile.max_steps or profile.epochs * math.ceil(more_rows / profile.batch_size)
    epochs = math.ceil(steps / math.ceil(fewer_rows / profile.batch_size))
    return dataclasses.replace(profile, epochs=epochs, max_steps=steps)


@dataclasses.dataclass(frozen=True)
class Published:
    """A classifier that others have trained, on the device where it answers."""

    model: object
    tokenizer: object


def published_classifier(profile):
    """The classifier by the authors of ToxicChat, or None: three gigabytes, so only where everything is full size, and
    only for English data, of which it has learned.

    It uses T5's tokenizer, which is the same in every size and lies beside the weights of `t5-small`.
    """
    from helpers import models

    if profile.name != "full" or profile.data_language != "en":
        return None
    try:
        model = build_model(models.fetch(PUBLISHED)).to(models.device())
        return Published(model, models.load_tokenizer("t5-small"))
    except models.ModelUnavailable:
        return None


def compare_with_published(published, requests, answers):
    """Scores on some requests: of the model that gave the `answers`, and of the `published` one, where there is one."""
    if published is None:
        return None
    meaning = {"positive": True, "negative": False}
    theirs = are_toxic(requests["user_input"], meaning, published.model, published.tokenizer, "ToxicChat: ")
    yours = [answer == ANSWERS["en"][1] for answer in answers[: len(theirs)]]
    return {"yours": scores(requests["toxicity"], yours), PUBLISHED: scores(requests["toxicity"], theirs)}
