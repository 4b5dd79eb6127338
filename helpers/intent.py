"""Reference functions of the unit `intent`: what a user wants, and what to say when nobody can know.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the notebook's
solution. The second half of the module is the assistant of the lesson: it answers requests, also those that
it was not made for.
"""

import dataclasses
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from helpers import batches, encoders
from helpers.language import BY_CODE, words
from helpers.language import gettext as _
from helpers.profiles import Profile

WORDS_OF_REPLIES = Path(__file__).with_name("replies.toml")
LOCALES = {code: language.locale for code, language in BY_CODE.items()}

# Intents of which nothing follows for the assistant to do: the user talks to it.
CHAT = {"general_greet", "general_quirky"}

KNOWN_SHARE = 0.5  # of a word's trigrams must occur in real requests for it to look like a word


def label_maps(names):
    """Return `(label2id, id2label)` for class names in the order of their numbers.

    Two classes of one name could not be told apart in a prediction: `ValueError`.

    >>> label_maps(["alarm_set", "play_music"])
    ({'alarm_set': 0, 'play_music': 1}, {0: 'alarm_set', 1: 'play_music'})
    """
    if len(set(names)) < len(names):
        raise ValueError("Every class needs a name of its own.")
    id2label = dict(enumerate(names))
    label2id = {name: number for number, name in id2label.items()}
    return label2id, id2label


def encode_utterances(batch, tokenizer):
    """Tokenize a batch of requests, `{"text": list[str], …}`, for `Dataset.map(batched=True)`.

    Returns the tokenizer's fields, each a list of lists of unequal length: truncated to the model's limit and not
    padded. Padding belongs to the batch of the training step, which is known only later (seed 000 fixed it here, so
    every step paid for the longest of a thousand requests).
    """
    return tokenizer(batch["text"], truncation=True)


def compute_metrics(eval_pred):
    """Accuracy, precision, recall and ROC AUC from `(logits [n, k], labels [n])`, a flat dictionary of floats.

    Precision and recall are averaged over classes, zero for a class that was never predicted. ROC AUC is macro
    one-vs-one on softmax probabilities, over the classes that occur in `labels`; nan with fewer than two.
    """
    import numpy as np
    from scipy.special import softmax

    from helpers import metrics

    logits, labels = eval_pred
    predictions = np.argmax(logits, axis=-1)
    probabilities = softmax(np.asarray(logits, dtype=np.float64), axis=-1)
    scores = {}
    for name in ("accuracy", "precision", "recall"):
        scores |= metrics.load(name).compute(predictions=predictions, references=labels)
    return scores | metrics.load("roc_auc").compute(prediction_scores=probabilities, references=labels)


def predict_intent(text, model, tokenizer):
    """Return `{"label", "score"}` of a request: the most probable intent and its softmax probability."""
    import torch

    model.eval()
    encoded = tokenizer(text, truncation=True, return_tensors="pt").to(model.device)
    with torch.no_grad():
        probabilities = model(**encoded).logits[0].softmax(dim=-1)
    best = probabilities.argmax().item()
    return {"label": model.config.id2label[best], "score": probabilities[best].item()}


def predict_intents(texts, model, tokenizer):
    """What `predict_intent` returns for each text of a list, in order; in batches, so in a fraction of the time.

    A bare string is a `TypeError`.
    """
    texts = batches.texts_of(texts)
    inputs = [tokenizer(text, truncation=True)["input_ids"] for text in texts]
    known = batches.answered(inputs, lambda **batch: model(**batch).logits, model, tokenizer)
    return [predict_intent(text, known, tokenizer) for text in texts]


def out_of_scope_threshold(scores, keep=0.95):
    """Return the highest threshold that keeps at least the share `keep` of in-scope requests.

    `scores` are the highest probabilities of requests that are in scope; a request is kept if its score is at
    least the threshold. Empty scores, or a share outside (0, 1]: `ValueError`.

    >>> out_of_scope_threshold([0.2, 0.7, 0.9, 0.8], keep=0.75)
    0.7
    """
    if len(scores) == 0:
        raise ValueError("A threshold needs at least one score.")
    if not 0 < keep <= 1:
        raise ValueError(f"A share of {keep} cannot be kept: it must lie above 0 and not above 1.")
    highest_first = sorted(map(float, scores), reverse=True)
    # Counting, not keep * n: 0.55 * 100 is a little more than 55.
    kept = next(count for count in range(1, len(scores) + 1) if count / len(scores) >= keep)
    return highest_first[kept - 1]


def is_out_of_scope(probabilities, threshold):
    """Whether the highest probability lies below the threshold (Hendrycks and Gimpel 2017).

    One row `[k]` gives a `bool`, a batch `[n, k]` an array of them.

    >>> is_out_of_scope([0.2, 0.5, 0.3], 0.6)
    True
    """
    import numpy as np

    below = np.asarray(probabilities).max(axis=-1) < threshold
    return bool(below) if np.ndim(below) == 0 else below


# ---- the model


def build_model(checkpoint: str, label2id: dict[str, int], id2label: dict[int, str]):
    """Return the checkpoint with a fresh classifier of whole texts, whose config knows the classes by name."""
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        checkpoint, num_labels=len(label2id), label2id=label2id, id2label=id2label
    )


def probabilities_of(logits):
    """Return the softmax probabilities of logits `[n, k]`."""
    import numpy as np
    from scipy.special import softmax

    return softmax(np.asarray(logits, dtype=np.float64), axis=-1)


# ---- a simple baseline


def by_scenario(split, scenarios: list[str]) -> tuple[list[int], list[str]]:
    """The places of the requests whose intents belong to one of these scenarios (`alarm` of `alarm_set`), and which."""
    names = [name.partition("_")[0] for name in split.features["label"].names]
    pairs = [(place, names[label]) for place, label in enumerate(split["label"]) if names[label] in scenarios]
    return [place for place, _ in pairs], [scenario for _, scenario in pairs]


def tfidf_baseline(train, texts: list[str], letters: tuple[int, int] | None = None) -> list[int]:
    """Class numbers of texts by TF-IDF and logistic regression, learnt from `train` (`text`, `label`).

    It counts words, or with `letters` parts of words of so many letters: forms of one word share most of them.
    """
    from helpers import baselines

    known = baselines.tfidf(train["text"], train["label"], sublinear_tf=True, letters=letters, C=30)
    return known.predict(list(texts)).tolist()


# ---- one model, several languages


def encoders_at_hand(profile: Profile) -> list[str]:
    """The encoder of a run, and those of the course that this machine has as well; what is missing is named.

    A run on real data has the Hub, and takes them from there.
    """
    others = [name for name in encoders.ENCODERS if name != profile.checkpoint]
    missing = [name for name in others if profile.data != "real" and not encoders.find(name)]
    for name in missing:
        print(_("The model {name!r} is not on this machine: it is left out here.", name=name))
    return [profile.checkpoint, *(name for name in others if name not in missing)]


# ---- the assistant


@dataclasses.dataclass(frozen=True)
class Legibility:
    """What tells words from noise: the trigrams of letters of real requests, and how much such a request says.

    Short words hold a sentence together, long ones carry its meaning. So a request says as much as its two longest
    words have letters, and one that says less than `least` is not understood. That finds noise and broken-off
    requests, in any alphabet; a heap of long real words passes.
    """

    trigrams: frozenset[str]
    least: float

    def letters(self, text: str) -> int:
        """The letters of the two longest different words that look like words; 0 where there is no such word.

        >>> Legibility(frozenset(["^al", "ala", "lar", "arm", "rm$"]), 8).letters("alarm alarm xqzzt")
        5
        """
        lengths = sorted(len(word) for word in set(_words(text)) if self._looks_like_a_word(word))
        return sum(lengths[-2:])

    def _looks_like_a_word(self, word: str) -> bool:
        trigrams = _trigrams(word)
        return sum(trigram in self.trigrams for trigram in trigrams) >= KNOWN_SHARE * len(trigrams)

    def is_unintelligible(self, text: str) -> bool:
        return self.letters(text) < self.least


def learn_legibility(texts: Iterable[str], keep: float = 0.95) -> Legibility:
    """Learn from real requests; at least the share `keep` of them counts as intelligible."""
    texts = list(texts)
    known = frozenset(trigram for text in texts for word in _words(text) for trigram in _trigrams(word))
    unlimited = Legibility(known, 0)
    return Legibility(known, out_of_scope_threshold([unlimited.letters(text) for text in texts], keep))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _trigrams(word: str) -> list[str]:
    marked = f"^{word}$"
    return [marked[i : i + 3] for i in range(len(marked) - 2)]


def reply(
    request: str,
    model,
    tokenizer,
    *,
    threshold: float,
    legibility: Legibility,
    language: str = "en",
    shelf: str | Path | None = None,
) -> dict:
    """Answer a request: do it, or say kindly why not.

    Returns `{"kind", "label", "score", "text"}`. The kinds, after seed 000:

    - `intent`: the model is sure enough; `label` is what the user wants;
    - `unintelligible`: no words at all, or out of scope and not to be understood: the user is asked to repeat;
    - `no_intent`: the user only talks; the reply offers the most probable thing that the assistant can do;
    - `unknown`: the user wants something that is no intent yet. The assistant apologises, and the request is put
      aside in the file `shelf`, for people to label.
    """
    import torch

    model.eval()
    encoded = tokenizer(request, truncation=True, return_tensors="pt").to(model.device)
    with torch.no_grad():
        probabilities = model(**encoded).logits[0].softmax(dim=-1).tolist()
    ranking = sorted(model.config.id2label, key=lambda number: -probabilities[number])
    label, score = model.config.id2label[ranking[0]], probabilities[ranking[0]]
    out_of_scope = is_out_of_scope(probabilities, threshold)
    said = words(WORDS_OF_REPLIES)[language]
    if not legibility.letters(request) or (out_of_scope and legibility.is_unintelligible(request)):
        return {"kind": "unintelligible", "label": None, "score": score, "text": said["unintelligible"]}
    if label in CHAT:
        tasks = [model.config.id2label[number] for number in ranking if model.config.id2label[number] not in CHAT]
        text = said["no_intent"].format(offer=_offer(tasks[0], said)) if tasks else said["unintelligible"]
        return {"kind": "no_intent", "label": label, "score": score, "text": text}
    if not out_of_scope:
        text = said["doing"].get(label) or said["intent"].format(name=label)
        return {"kind": "intent", "label": label, "score": score, "text": text}
    if shelf is not None:
        put_aside(shelf, request, language=language, guess=label, score=score)
    return {"kind": "unknown", "label": None, "score": score, "text": said["unknown"]}


def in_words(label: str, language: str = "en") -> str:
    """What an intent means, in a language of the course; one that the table lacks keeps its name.

    >>> in_words("alarm_set"), in_words("alarm_set", "es"), in_words("transfer", "es")
    ('set an alarm', 'poner una alarma', 'transfer')
    """
    return words(WORDS_OF_REPLIES)[language]["intents"].get(label, label)


def examples(locale: str) -> list[str]:
    """Four requests in the language of a locale, one of each kind that `reply` knows."""
    language = next(code for code, known in LOCALES.items() if known == locale)
    return list(words(WORDS_OF_REPLIES)[language]["examples"])


def _offer(label: str, said: dict) -> str:
    """What the assistant can do, in the user's language; the intent's own name where the table lacks it."""
    return said["offers"].get(label.partition("_")[0], label)


def put_aside(shelf: str | Path, request: str, *, language: str, guess: str, score: float) -> None:
    """Append a request to a file of JSON lines, its `label` still null: a person fills that in.

    The line is written in one piece to a file opened for appending, so several assistants may share it.
    """
    record = {"text": request, "label": None, "language": language, "guess": guess, "score": round(score, 4)}
    line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    file = os.open(shelf, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(file, line) < len(line):
            raise OSError(_("{file} could not take a whole line: is the disk full?", file=shelf))
    finally:
        os.close(file)


def load_labelled(shelf: str | Path, names: list[str]):
    """Return the requests of a shelf that people have labelled as a `Dataset` like MASSIVE's training rows.

    Features are `id`, `text` and `label`, so it can be added to them. Names of intents that are new follow the
    known `names`, in alphabetical order. Raises `DataError` with the line where the file is not what `put_aside`
    writes.
    """
    from datasets import ClassLabel, Dataset, Features, Value

    from helpers.data import files

    rows = []
    for number, (place, record) in enumerate(files.read_json_lines(Path(shelf), ["text", "label"])):
        if record["label"] is not None:
            label = files.text(place, record["label"])
            rows.append({"id": f"aside-{number}", "text": files.text(place, record["text"]), "label": label})
    new = sorted({row["label"] for row in rows} - set(names))
    features = Features({"id": Value("string"), "text": Value("string"), "label": ClassLabel(names=[*names, *new])})
    return Dataset.from_dict({column: [row[column] for row in rows] for column in features}, features=features)
