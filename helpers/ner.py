"""Reference functions of the unit `ner`: from words and tags to named entities.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the
notebook's solution. `-100` is the label that PyTorch's cross-entropy ignores.
"""

from collections import Counter, defaultdict
from functools import cache, partial

from helpers import batches, models


def preprocess_ner_dataset(example, tokenizer):
    """Tokenize a sentence that comes in words and give every word piece a label.

    `example` holds `tokens` (list of str) and `ner_tags` (list of int, CoNLL's order: `O` is 0, `B-X` is
    odd, `I-X` is the next number). Returns the tokenizer's `input_ids`, `token_type_ids`,
    `attention_mask` and `labels`, four lists of one length: special tokens get -100, the first piece of a
    word its tag, later pieces of a `B-X` word `I-X`. Words that yield no piece shift nothing.
    """
    encoded = tokenizer(example["tokens"], is_split_into_words=True, truncation=True)
    labels = []
    previous = None
    for word in encoded.word_ids():
        if word is None:
            labels.append(-100)
        else:
            tag = example["ner_tags"][word]
            is_later_piece_of_b = word == previous and tag % 2 == 1
            labels.append(tag + 1 if is_later_piece_of_b else tag)
        previous = word
    return {**encoded, "labels": labels}


def build_model(checkpoint, label_names):
    """Return the checkpoint with a fresh classifier for tokens, whose config knows the labels by name."""
    from transformers import AutoModelForTokenClassification

    return AutoModelForTokenClassification.from_pretrained(
        checkpoint,
        num_labels=len(label_names),
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
    )


def calculate_metrics(eval_predictions, label_names):
    """Precision, recall and F1 of whole entities, and accuracy of tags, as seqeval counts them.

    `eval_predictions` is `(logits [n, len, k], labels [n, len])`; positions labelled -100 are left out.
    Returns a flat dictionary of floats. Precision divides by the *predicted* entities: swap predictions and
    references and it turns into recall, while F1 stays the same and hides the mistake.
    """
    import numpy as np

    from helpers import metrics

    logits, labels = eval_predictions
    predictions = np.argmax(logits, axis=-1)
    kept = np.asarray(labels) != -100
    scores = metrics.load("seqeval").compute(
        predictions=[[label_names[i] for i in row[keep]] for row, keep in zip(predictions, kept)],
        references=[[label_names[i] for i in row[keep]] for row, keep in zip(np.asarray(labels), kept)],
    )
    return {name: float(scores[f"overall_{name}"]) for name in ("precision", "recall", "f1", "accuracy")}


def do_ner(text, model, tokenizer):
    """Find the named entities of a text of any length.

    Returns `{"text": text, "entities": [{"class", "text", "start", "end"}, …]}` in order of appearance,
    with `text[start:end] == entity["text"]`. A word takes the tag of its first piece. Texts beyond the
    model's limit are read in overlapping windows; a word that lies in two takes its tag from the window
    that shows more of its surroundings.
    """
    import unicodedata

    import torch

    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    windows = tokenizer(
        text,
        truncation=True,
        max_length=limit,
        stride=limit // 4,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    # How many pieces a window begins after the one before it.
    step = limit - tokenizer.num_special_tokens_to_add() - limit // 4
    model.eval()
    pieces = {}
    for number, ids in enumerate(windows["input_ids"]):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids], device=model.device)).logits[0]
        tags = [model.config.id2label[i] for i in logits.argmax(dim=-1).tolist()]
        words, offsets = windows.word_ids(number), windows["offset_mapping"][number]
        for position, (word, span, tag) in enumerate(zip(words, offsets, tags)):
            context = min(position, len(ids) - 1 - position)
            place = number * step + position
            if word is not None and context > pieces.get(place, (-1,))[0]:
                pieces[place] = (context, word, span, tag)

    spans = {}
    for _, (_, word, (start, end), tag) in sorted(pieces.items()):
        first_start, _, first_tag = spans.get(word, (start, end, tag))
        spans[word] = (first_start, end, first_tag)

    entities = []
    open_class = None
    starts = {start for start, _, _ in spans.values()}
    for start, end, tag in spans.values():
        # An accent that the tokenizer dropped still belongs to its letter.
        while end < len(text) and unicodedata.category(text[end]) == "Mn" and end not in starts:
            end += 1
        prefix, _, entity_class = tag.partition("-")
        if prefix == "I" and entity_class == open_class:
            entities[-1]["end"] = end
        elif prefix != "O":
            entities.append({"class": entity_class, "start": start, "end": end})
        open_class = entity_class
    found = [
        {"class": e["class"], "text": text[e["start"] : e["end"]], "start": e["start"], "end": e["end"]}
        for e in entities
    ]
    return {"text": text, "entities": found}


def find_entities(texts, model, tokenizer):
    """What `do_ner` returns for each text of a list, in order; in batches, so in a fraction of the time.

    The windows of all texts go into the same batches, and `do_ner` puts them together again. A bare string is a
    `TypeError`.
    """
    texts = batches.texts_of(texts)
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    cut = partial(tokenizer, truncation=True, max_length=limit, stride=limit // 4, return_overflowing_tokens=True)
    windows = [ids for text in texts for ids in cut(text)["input_ids"]]
    known = batches.answered(windows, lambda **batch: model(**batch).logits, model, tokenizer)
    return [do_ner(text, known, tokenizer) for text in texts]


def load_tokenizer(checkpoint: str, max_length: int = 0):
    """Return the tokenizer of a checkpoint with the words of CoNLL: a punctuation mark is one of its own.

    BERT's do so anyway. Others, such as XLM-R's, end a word only at a space: `word_ids()` would count "Oslo." as one,
    and an entity would keep the full stop. They get BERT's fields as well. `max_length` as in `models.load_tokenizer`.
    """
    from tokenizers.pre_tokenizers import BertPreTokenizer

    tokenizer = models.load_tokenizer(checkpoint, max_length)
    if isinstance(tokenizer.backend_tokenizer.pre_tokenizer, BertPreTokenizer):
        return tokenizer
    tokenizer._tokenizer = _ending_words_at_punctuation(checkpoint)
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    return tokenizer


@cache
def _ending_words_at_punctuation(checkpoint: str):
    """The part of a tokenizer that is in Rust, once per process: with a large vocabulary a copy takes half a second."""
    import copy

    from tokenizers.pre_tokenizers import Punctuation, Sequence

    backend = copy.deepcopy(models.load_tokenizer(checkpoint).backend_tokenizer)  # the other is everybody's
    backend.pre_tokenizer = Sequence([Punctuation(), backend.pre_tokenizer])
    return backend


def entity_spans(tags):
    """Return the entities of a sequence of tags as `(class, first, last + 1)`, read as `do_ner` reads them.

    >>> entity_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
    """
    spans = []
    open_class = None
    for position, tag in enumerate(tags):
        prefix, _, entity_class = tag.partition("-")
        if prefix == "I" and entity_class == open_class:
            spans[-1] = (entity_class, spans[-1][1], position + 1)
        elif prefix != "O":
            spans.append((entity_class, position, position + 1))
        open_class = entity_class
    return spans


def lookup_baseline(train, sentences):
    """Tag every word as it was tagged most often in training, and unknown words `O` (id 0).

    `train` holds `tokens` and `ner_tags`; `sentences` are lists of words. Returns lists of tag ids. It is
    what a model must beat: it knows names, but no context.
    """
    counts = defaultdict(Counter)
    for words, tags in zip(train["tokens"], train["ner_tags"]):
        for word, tag in zip(words, tags):
            counts[word.lower()][tag] += 1
    usual = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    return [[usual.get(word.lower(), 0) for word in words] for words in sentences]


def tags_of_words(sentences, predictions, tokenizer, label_names):
    """Return the tag of every word, that of its first piece; `O` for a word that has none or was cut off.

    `sentences` are lists of words, as `preprocess_ner_dataset` has tokenized them; `predictions [n, len]` are the ids
    of their tokens' tags.
    """
    tags = []
    for words, ids in zip(sentences, predictions):
        found = ["O"] * len(words)
        places = tokenizer(words, is_split_into_words=True, truncation=True).word_ids()
        for place, word in reversed(list(enumerate(places))):
            if word is not None:
                found[word] = label_names[ids[place]]
        tags.append(found)
    return tags


def recall_of_words(sentences, references, guesses, known):
    """What share of the words in entities got the right class, `seen` and `new` ones by themselves.

    `references` and `guesses` are lists of tags, one a word; `known` holds the words seen in training, in small
    letters. `nan` where there are no such words.

    >>> recall_of_words([["Anna", "saw", "Oslo"]], [["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]], {"saw", "oslo"})
    {'seen': 0.0, 'new': 1.0}
    """
    hits = {"seen": [], "new": []}
    for rows in zip(sentences, references, guesses):
        for word, reference, guess in zip(*rows):
            if reference != "O":
                hits["seen" if word.lower() in known else "new"].append(guess[2:] == reference[2:])
    return {name: sum(found) / len(found) if found else float("nan") for name, found in hits.items()}
