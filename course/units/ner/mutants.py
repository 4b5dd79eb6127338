"""Typical wrong answers of the unit `ner`: each must lose points.

A mutant is the reference with one mistake: (grade id, what is wrong, old text, new text). They are replacements and
not copies, so a reference that changes takes its mutants along, or the test says that a text is gone.
"""

MUTANTS = [
    ("preprocess_ner_dataset", "special tokens get O", "labels.append(-100)", "labels.append(0)", ()),
    ("preprocess_ner_dataset", "B is not turned to I", "tag + 1 if is_later_piece_of_b else tag", "tag", ()),
    (
        "preprocess_ner_dataset",
        "later pieces are ignored",
        "labels.append(tag + 1 if is_later_piece_of_b else tag)",
        "labels.append(-100 if word == previous else tag)", (),
    ),
    ("preprocess_ner_dataset", "off by one word", '["ner_tags"][word]', '["ner_tags"][max(word - 1, 0)]', ()),
    ("preprocess_ner_dataset", "even tags move, too", "word == previous and tag % 2 == 1", "word == previous", ()),
    ("preprocess_ner_dataset", "long sentences are not truncated", ", truncation=True", "", ()),
    ("preprocess_ner_dataset", "the words stay in the result", "{**encoded,", "{**example, **encoded,", ()),
    (
        "preprocess_ner_dataset",
        "empty words shift the tags",
        'tag = example["ner_tags"][word]',
        "shift = sum(not tokenizer.tokenize(w) for w in example['tokens'][:word])\n"
        '            tag = example["ner_tags"][word - shift]', (),
    ),
    ("build_model", "the names are missing", "        id2label=dict(enumerate(label_names)),\n", "", ()),
    ("build_model", "the way back is missing", "label2id={name: index for", "label2id={str(index): index for", ()),
    ("build_model", "one tag too many", "dict(enumerate(label_names))", 'dict(enumerate([*label_names, "PAD"]))', ()),
    ("build_model", "names of CoNLL, whatever was asked", "dict(enumerate(label_names))", '{0: "O", 1: "B-PER", 2: "I-PER"}', ()),
    (
        "build_model",
        "classifies sentences, not tokens",
        "AutoModelForTokenClassification",
        "AutoModelForSequenceClassification", (),
    ),
    (
        "calculate_metrics",
        "precision and recall swapped",
        'float(scores[f"overall_{name}"]) for name in',
        'float(scores["overall_" + {"precision": "recall", "recall": "precision"}.get(name, name)]) for name in', (),
    ),
    ("calculate_metrics", "-100 is kept", "np.asarray(labels) != -100", "np.asarray(labels) > -1000", ()),
    ("calculate_metrics", "tags outside names are left out, too", "np.asarray(labels) != -100", "np.asarray(labels) > 0", ()),
    ("calculate_metrics", "argmax over the wrong axis", "axis=-1", "axis=1", ()),
    ("calculate_metrics", "NumPy numbers instead of floats", "float(scores", "np.float64(scores", ()),
    ("calculate_metrics", "accuracy for everything", 'scores[f"overall_{name}"]', 'scores["overall_accuracy"]', ()),
    (
        "calculate_metrics",
        "predictions and references swapped",
        "predictions=[[label_names[i] for i in row[keep]] for row, keep in zip(predictions, kept)],\n        references",
        "references=[[label_names[i] for i in row[keep]] for row, keep in zip(predictions, kept)],\n        predictions", (),
    ),
    ("do_ner", "fails on the first I-tag", 'if prefix == "I" and entity_class == open_class', 'if prefix == "I"', ()),
    ("do_ner", "the last piece decides", "(first_start, end, first_tag)", "(first_start, end, tag)", ()),
    ("do_ner", "an entity ends inside a word", "(first_start, end, first_tag)", "(first_start, spans.get(word, (0, end))[1], first_tag)", ()),
    ("do_ner", "off by one character", '{"class": entity_class, "start": start, "end": end}', '{"class": entity_class, "start": start, "end": end + 1}', ()),
    ("do_ner", "I of another class continues", 'prefix == "I" and entity_class == open_class', 'prefix == "I" and open_class', ()),
    ("do_ner", "B continues an open entity", 'prefix == "I" and entity_class', 'prefix in "BI" and entity_class', ()),
    ("do_ner", "O does not close", "        open_class = entity_class", "        open_class = entity_class or open_class", ()),
    ("do_ner", "only the first window", 'enumerate(windows["input_ids"])', 'enumerate(windows["input_ids"][:1])', ()),
    ("do_ner", "windows do not overlap", "stride=limit // 4", "stride=0", ()),
    ("do_ner", "the model stays in training mode", "model.eval()", "pass", ()),
    ("do_ner", "names of CoNLL, whatever the model says", "model.config.id2label[i]", "['O', 'B-PER', 'I-PER', 'B-ORG', 'I-ORG', 'B-LOC', 'I-LOC', 'B-MISC', 'I-MISC'][i]", ()),
    ("do_ner", "offsets of lowered text without accents", "return {\"text\": text,", "return {\"text\": text.lower(),", ()),
]  # fmt: skip
