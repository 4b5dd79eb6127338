"""Typical wrong answers of the unit `ner`: each must lose the points of its rules and no others.

A mutant is the reference with one mistake: (grade id, what is wrong, old text, new text, the rule groups that it loses).
They are replacements and not copies, so a reference that changes takes its mutants along, or the test says that a
text is gone.
"""

BUILD = "return AutoModelForTokenClassification.from_pretrained("
RANDOM_WEIGHTS = """\
from transformers import AutoConfig

    def untrained(*arguments, **keywords):
        config = AutoConfig.from_pretrained(*arguments, **keywords)
        return AutoModelForTokenClassification.from_config(config)

    return untrained("""

MUTANTS = [
    ("preprocess_ner_dataset", "special tokens get O", "labels.append(-100)", "labels.append(0)", ("special tokens",)),
    ("preprocess_ner_dataset", "B is not turned to I", "tag + 1 if is_later_piece_of_b else tag", "tag", ("pieces",)),
    (
        "preprocess_ner_dataset",
        "later pieces are ignored",
        "labels.append(tag + 1 if is_later_piece_of_b else tag)",
        "labels.append(-100 if word == previous else tag)", ("pieces",),
    ),
    ("preprocess_ner_dataset", "off by one word", '["ner_tags"][word]', '["ner_tags"][max(word - 1, 0)]', ("pieces", "long sentences", "empty words")),
    ("preprocess_ner_dataset", "even tags move, too", "word == previous and tag % 2 == 1", "word == previous", ("pieces",)),
    ("preprocess_ner_dataset", "long sentences are not truncated", ", truncation=True", "", ("long sentences",)),
    ("preprocess_ner_dataset", "the words stay in the result", "{**encoded,", "{**example, **encoded,", ("four fields",)),
    (
        "preprocess_ner_dataset",
        "empty words shift the tags",
        'tag = example["ner_tags"][word]',
        "shift = sum(not tokenizer.tokenize(w) for w in example['tokens'][:word])\n"
        '            tag = example["ner_tags"][word - shift]', ("empty words",),
    ),
    ("build_model", "the names are missing", "        id2label=dict(enumerate(label_names)),\n", "", ("names of the tags",)),
    ("build_model", "the way back is missing", "label2id={name: index for", "label2id={str(index): index for", ("names of the tags",)),
    ("build_model", "one tag too many", "dict(enumerate(label_names))", 'dict(enumerate([*label_names, "PAD"]))', ("one logit per tag", "names of the tags")),
    ("build_model", "names of CoNLL, whatever was asked", "dict(enumerate(label_names))", '{0: "O", 1: "B-PER", 2: "I-PER"}', ("one logit per tag", "names of the tags")),
    ("build_model", "random weights, not those of the checkpoint", BUILD, RANDOM_WEIGHTS, ("pretrained body",)),
    (
        "build_model",
        "classifies sentences, not tokens",
        "AutoModelForTokenClassification",
        "AutoModelForSequenceClassification", ("one logit per tag", "pretrained body"),
    ),
    (
        "calculate_metrics",
        "precision and recall swapped",
        'float(scores[f"overall_{name}"]) for name in',
        'float(scores["overall_" + {"precision": "recall", "recall": "precision"}.get(name, name)]) for name in', ("precision and recall",),
    ),
    ("calculate_metrics", "-100 is kept", "np.asarray(labels) != -100", "np.asarray(labels) > -1000", ("padding",)),
    ("calculate_metrics", "tags outside names are left out, too", "np.asarray(labels) != -100", "np.asarray(labels) > 0", ("padding",)),
    ("calculate_metrics", "argmax over the wrong axis", "axis=-1", "axis=1", ("four numbers", "whole entities", "precision and recall", "padding")),
    ("calculate_metrics", "NumPy numbers instead of floats", "float(scores", "np.float64(scores", ("four numbers",)),
    ("calculate_metrics", "accuracy for everything", 'scores[f"overall_{name}"]', 'scores["overall_accuracy"]', ("whole entities", "precision and recall")),
    (
        "calculate_metrics",
        "predictions and references swapped",
        "predictions=[[label_names[i] for i in row[keep]] for row, keep in zip(predictions, kept)],\n        references",
        "references=[[label_names[i] for i in row[keep]] for row, keep in zip(predictions, kept)],\n        predictions", ("precision and recall",),
    ),
    ("do_ner", "fails on the first I-tag", 'if prefix == "I" and entity_class == open_class', 'if prefix == "I"', ("joining",)),
    ("do_ner", "the last piece decides", "(first_start, end, first_tag)", "(first_start, end, tag)", ("words",)),
    ("do_ner", "an entity ends inside a word", "(first_start, end, first_tag)", "(first_start, spans.get(word, (0, end))[1], first_tag)", ("words",)),
    ("do_ner", "off by one character", '{"class": entity_class, "start": start, "end": end}', '{"class": entity_class, "start": start, "end": end + 1}', ("offsets",)),
    ("do_ner", "I of another class continues", 'prefix == "I" and entity_class == open_class', 'prefix == "I" and open_class', ("joining",)),
    ("do_ner", "B continues an open entity", 'prefix == "I" and entity_class', 'prefix in "BI" and entity_class', ("joining",)),
    ("do_ner", "O does not close", "        open_class = entity_class", "        open_class = entity_class or open_class", ("joining",)),
    ("do_ner", "only the first window", 'enumerate(windows["input_ids"])', 'enumerate(windows["input_ids"][:1])', ("long texts",)),
    ("do_ner", "windows do not overlap", "stride=limit // 4", "stride=0", ("long texts",)),
    ("do_ner", "the tokenizer's limit alone", "min(tokenizer.model_max_length, model.config.max_position_embeddings)", "tokenizer.model_max_length", ("long texts",)),
    ("do_ner", "no list for a text without words", "    entities = []\n", "    if not spans:\n        return {\"text\": text}\n    entities = []\n", ("empty text",)),
    ("do_ner", "the model stays in training mode", "model.eval()", "pass", ("model",)),
    ("do_ner", "names of CoNLL, whatever the model says", "model.config.id2label[i]", "['O', 'B-PER', 'I-PER', 'B-ORG', 'I-ORG', 'B-LOC', 'I-LOC', 'B-MISC', 'I-MISC'][i]", ("model",)),
    ("do_ner", "the text comes back in lower case", "return {\"text\": text,", "return {\"text\": text.lower(),", ("offsets",)),
]  # fmt: skip
