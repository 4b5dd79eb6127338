"""Right answers of the unit `ner` that are not the reference: each must get all points.

In a row: grade id, how it came about, source. "hint 2" is written as a student writes who has the text and the
second hint, and nothing else.
"""

RIGHT = [
    (
        "preprocess_ner_dataset",
        "hint 2",
        """\
def preprocess_ner_dataset(example, tokenizer):
    encoded = tokenizer(example["tokens"], is_split_into_words=True, truncation=True)
    tags = example["ner_tags"]
    labels = []
    previous = None
    for word in encoded.word_ids():
        if word is None:
            labels.append(-100)
        elif word != previous:
            labels.append(tags[word])
        else:
            labels.append(tags[word] + tags[word] % 2)
        previous = word
    return {**encoded, "labels": labels}""",
    ),
    (
        "preprocess_ner_dataset",
        "the tokenizer's own object with one more field, names instead of numbers",
        """\
def preprocess_ner_dataset(example, tokenizer):
    inputs = tokenizer(example["tokens"], truncation=True, is_split_into_words=True)
    word_ids = inputs.word_ids(batch_index=0)
    inputs["labels"] = [
        -100
        if word is None
        else example["ner_tags"][word]
        if i == 0 or word_ids[i - 1] != word or not label_names[example["ner_tags"][word]].startswith("B-")
        else label_names.index("I-" + label_names[example["ner_tags"][word]][2:])
        for i, word in enumerate(word_ids)
    ]
    return inputs""",
    ),
    (
        "preprocess_ner_dataset",
        "by the places of the words",
        """\
import math


def preprocess_ner_dataset(example, tokenizer):
    limit = min(tokenizer.model_max_length, math.inf)
    encoded = tokenizer(example["tokens"], is_split_into_words=True, truncation=True, max_length=limit)
    labels = [-100] * len(encoded["input_ids"])
    for word, tag in enumerate(example["ner_tags"]):
        places = [place for place, other in enumerate(encoded.word_ids()) if other == word]
        for place in places:
            labels[place] = tag + 1 if place != places[0] and tag in (1, 3, 5, 7) else tag
    fields = ("input_ids", "token_type_ids", "attention_mask")
    return dict({field: encoded[field] for field in fields}, labels=labels)""",
    ),
    (
        "build_model",
        "hint 2",
        """\
from transformers import AutoModelForTokenClassification


def build_model(checkpoint, label_names):
    id2label = dict(enumerate(label_names))
    label2id = {name: number for number, name in id2label.items()}
    return AutoModelForTokenClassification.from_pretrained(
        checkpoint, num_labels=len(label_names), id2label=id2label, label2id=label2id
    )""",
    ),
    (
        "build_model",
        "by a config of its own, no number",
        """\
def build_model(checkpoint, label_names):
    import transformers

    config = transformers.AutoConfig.from_pretrained(
        checkpoint,
        id2label={i: label_names[i] for i in range(len(label_names))},
        label2id=dict(zip(label_names, range(len(label_names)))),
    )
    return transformers.AutoModelForTokenClassification.from_pretrained(checkpoint, config=config)""",
    ),
    (
        "build_model",
        "the names afterwards",
        """\
def build_model(checkpoint, label_names):
    from transformers import AutoModelForTokenClassification

    model = AutoModelForTokenClassification.from_pretrained(checkpoint, num_labels=len(label_names))
    model.config.id2label = dict(enumerate(label_names))
    model.config.label2id = {name: number for number, name in enumerate(label_names)}
    return model.eval()""",
    ),
    (
        "calculate_metrics",
        "hint 2",
        """\
def calculate_metrics(eval_predictions, label_names):
    logits, labels = eval_predictions
    best = np.argmax(logits, axis=-1)
    predictions, references = [], []
    for i in range(len(labels)):
        kept = labels[i] != -100
        predictions.append([label_names[number] for number in best[i][kept]])
        references.append([label_names[number] for number in labels[i][kept]])
    scores = seqeval.compute(predictions=predictions, references=references)
    return {
        "precision": float(scores["overall_precision"]),
        "recall": float(scores["overall_recall"]),
        "f1": float(scores["overall_f1"]),
        "accuracy": float(scores["overall_accuracy"]),
    }""",
    ),
    (
        "calculate_metrics",
        "rounded as in the table, the metric loaded anew",
        """\
def calculate_metrics(eval_predictions, label_names):
    logits, labels = eval_predictions
    pairs = [
        [(label_names[p], label_names[l]) for p, l in zip(row, true) if l != -100]
        for row, true in zip(logits.argmax(-1).tolist(), labels.tolist())
    ]
    scores = metrics.load("seqeval").compute(
        predictions=[[p for p, _ in row] for row in pairs], references=[[l for _, l in row] for row in pairs]
    )
    return {name: round(scores["overall_" + name], 4) for name in ("precision", "recall", "f1", "accuracy")}""",
    ),
    (
        "calculate_metrics",
        "seqeval itself",
        """\
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score


def calculate_metrics(eval_predictions, label_names):
    logits, labels = map(np.asarray, eval_predictions)
    kept = [row >= 0 for row in labels]
    said = [np.array(label_names)[row[mask]].tolist() for row, mask in zip(logits.argmax(axis=2), kept)]
    true = [np.array(label_names)[row[mask]].tolist() for row, mask in zip(labels, kept)]
    measures = dict(precision=precision_score, recall=recall_score, f1=f1_score)
    scores = {name: float(measure(true, said, zero_division=0)) for name, measure in measures.items()}
    return {"accuracy": float(accuracy_score(true, said)), **scores}""",
    ),
    (
        "training",
        "hint 2",
        """\
model = build_model(checkpoint, label_names)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=partial(calculate_metrics, label_names=label_names),
)
trainer.train()""",
    ),
    (
        "training",
        "a function for the metrics, a collator of its own",
        """\
def compute(pair):
    return calculate_metrics(pair, label_names)


trainer = training.make_trainer(
    profile,
    build_model(checkpoint, label_names),
    tokenizer,
    compute_metrics=compute,
    data_collator=DataCollatorForTokenClassification(tokenizer=tokenizer),
    eval_dataset=tokenized["validation"],
    train_dataset=tokenized["train"].shuffle(seed=1),
)
trainer.train()""",
    ),
    (
        "do_ner",
        "hint 2",
        """\
def do_ner(text, model, tokenizer):
    import torch

    model.eval()
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    windows = tokenizer(
        text,
        truncation=True,
        max_length=limit,
        stride=limit // 4,
        return_overflowing_tokens=True,
        return_offsets_mapping=True
    )
    words = {}
    for i in range(len(windows["input_ids"])):
        ids = windows["input_ids"][i]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids], device=model.device)).logits[0]
        tags = [model.config.id2label[number] for number in logits.argmax(dim=-1).tolist()]
        found = {}
        for position, word in enumerate(windows.word_ids(i)):
            if word is None:
                continue
            start, end = windows["offset_mapping"][i][position]
            if word in found:
                found[word][2] = end
            else:
                context = min(position, len(ids) - 1 - position)
                tag = tags[position]
                found[word] = [context, start, end, tag]
        for word in found:
            if word not in words or found[word][0] > words[word][0]:
                words[word] = found[word]

    entities = []
    open_class = None
    for context, start, end, tag in words.values():
        prefix, _, name = tag.partition("-")
        if prefix == "I" and name == open_class:
            entities[-1]["end"] = end
            entities[-1]["text"] = text[entities[-1]["start"] : end]
        elif tag != "O":
            entities.append({"class": name, "text": text[start:end], "start": start, "end": end})
        open_class = None if tag == "O" else name
    return {"text": text, "entities": entities}""",
    ),
    (
        "do_ner",
        "the first window that begins a word counts, all windows in one batch",
        """\
def do_ner(text, model, tokenizer):
    from itertools import groupby

    import torch

    if not text.strip():
        return dict(text=text, entities=[])
    batch = tokenizer(
        text,
        max_length=min(model.config.max_position_embeddings, tokenizer.model_max_length),
        truncation=True,
        stride=20,
        padding=True,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    model.eval()
    with torch.inference_mode():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    words = {}
    for i, (numbers, offsets) in enumerate(zip(logits.argmax(-1).tolist(), batch["offset_mapping"].tolist())):
        for word, number, (start, end) in zip(batch.word_ids(i), numbers, offsets):
            if word is not None and word not in words:
                words[word] = [start, end, model.config.id2label[number]]
            elif word is not None:
                words[word][1] = max(end, words[word][1])
    entities = []
    last = "O"
    for word, (start, end, tag) in sorted(words.items()):
        if tag.startswith("I-") and last[2:] == tag[2:]:
            entities[-1]["end"] = end
        elif tag != "O":
            entities.append({"start": start, "end": end, "class": tag[2:]})
        last = tag
    for entity in entities:
        entity["text"] = text[entity["start"] : entity["end"]]
    return {"entities": entities, "text": text}""",
    ),
    (
        "do_ner",
        "windows by hand, of whole words",
        """\
import torch


def do_ner(text, model, tokenizer):
    room = min(tokenizer.model_max_length, model.config.max_position_embeddings) - 2
    pieces = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False)
    ids, words, offsets = pieces["input_ids"], pieces.word_ids(), pieces["offset_mapping"]
    training = model.training
    model.eval()
    tags = {}
    for start in range(0, max(len(ids), 1), room // 2):
        part = [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]
        with torch.no_grad():
            best = model(torch.tensor([part])).logits[0, 1:-1].argmax(-1)
        for place, number in enumerate(best, start):
            tags.setdefault(place, model.config.id2label[int(number)])
    model.train(training)
    entities, before = [], None
    for place, word in enumerate(words):
        begin, end = offsets[place]
        if place and words[place - 1] == word:
            if before is not None:
                entities[-1]["end"] = end
            continue
        prefix, _, kind = tags[place].partition("-")
        if prefix == "O":
            before = None
            continue
        if prefix == "B" or kind != before:
            entities.append({"class": kind, "text": "", "start": begin, "end": end})
        entities[-1]["end"], before = end, kind
    for entity in entities:
        entity["text"] = text[slice(entity["start"], entity["end"])]
    return {"text": text, "entities": entities}""",
    ),
]
