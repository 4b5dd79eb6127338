"""Right answers of the unit `toxicity` that are not the reference: each must get all points.

(grade id, how it came about, source). «hint 2» is what a student writes who has the text and
hint 2, and nothing else.
"""

RIGHT = [
    (
        "preprocess_dataset",
        "hint 2",
        """
def preprocess_dataset(
    example, tokenizer, *, prefix="toxic: ", id2label={0: "no", 1: "yes"}, max_length=512
):
    encoded = tokenizer(prefix + example["user_input"], truncation=True, max_length=max_length)
    answer = tokenizer(text_target=id2label[example["toxicity"]])
    labels = answer["input_ids"]
    return {
        "input_ids": encoded["input_ids"],
        "attention_mask": encoded["attention_mask"],
        "labels": labels,
    }
""",
    ),
    (
        "preprocess_dataset",
        "labels in the tokenizer's own dictionary",
        """
def preprocess_dataset(
    example, tokenizer, *, prefix="toxic: ", id2label={0: "no", 1: "yes"}, max_length=512
):
    text = f"{prefix}{example['user_input']}"
    encoded = tokenizer(text, max_length=max_length, truncation=True, padding=False)
    encoded["labels"] = tokenizer(id2label[example["toxicity"]]).input_ids
    return encoded
""",
    ),
    (
        "preprocess_dataset",
        "truncated by hand, with the end mark",
        """
def preprocess_dataset(
    example, tokenizer, *, prefix="toxic: ", id2label={0: "no", 1: "yes"}, max_length=512
):
    ids = tokenizer.encode(prefix + example["user_input"])
    if len(ids) > max_length:
        ids = ids[: max_length - 1] + [tokenizer.eos_token_id]
    labels = tokenizer.encode(id2label[example["toxicity"]])
    return dict(input_ids=ids, attention_mask=[1] * len(ids), labels=labels)
""",
    ),
    (
        "compute_metric",
        "hint 2",
        """
from sklearn.metrics import precision_recall_fscore_support


def compute_metric(eval_predictions, tokenizer, *, toxic="yes"):
    preds, labels = eval_predictions
    ids = preds
    ids = np.where(ids == -100, tokenizer.pad_token_id, ids)
    preds = np.array(
        [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    )
    ids = labels
    ids = np.where(ids == -100, tokenizer.pad_token_id, ids)
    labels = np.array(
        [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    )
    accuracy = float(np.mean(preds == labels))
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels == toxic, preds == toxic, average="binary", zero_division=0
    )
    return {
        "accuracy": accuracy,
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }
""",
    ),
    (
        "compute_metric",
        "counted by hand",
        """
def compute_metric(eval_predictions, tokenizer, *, toxic="yes"):
    preds, labels = eval_predictions

    def texts(rows):
        answers = []
        for row in rows:
            row = [int(number) for number in row if number != -100]
            answers.append(tokenizer.decode(row, skip_special_tokens=True).strip())
        return answers

    preds, labels = texts(preds), texts(labels)
    right = sum(pred == label for pred, label in zip(preds, labels))
    hits = sum(pred == label == toxic for pred, label in zip(preds, labels))
    precision = hits / preds.count(toxic) if toxic in preds else 0.0
    recall = hits / labels.count(toxic) if toxic in labels else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"accuracy": right / len(preds), "precision": precision, "recall": recall, "f1": f1}
""",
    ),
    (
        "compute_metric",
        "with sklearn's single functions",
        """
def compute_metric(eval_predictions, tokenizer, *, toxic="yes"):
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    ids = [np.where(part < 0, tokenizer.pad_token_id, part) for part in eval_predictions]
    texts = [tokenizer.batch_decode(part, skip_special_tokens=True) for part in ids]
    preds, labels = ([text.strip() for text in part] for part in texts)
    found, wanted = [text == toxic for text in preds], [text == toxic for text in labels]
    return {
        "accuracy": float(accuracy_score(labels, preds)),
        "precision": float(precision_score(wanted, found, zero_division=0)),
        "recall": float(recall_score(wanted, found, zero_division=0)),
        "f1": float(f1_score(wanted, found, zero_division=0)),
    }
""",
    ),
    (
        "build_model",
        "hint 2",
        """
from transformers import AutoModelForSeq2SeqLM


def build_model(checkpoint):
    model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint)
    model.generation_config.max_new_tokens = 8
    model.generation_config.num_beams = 1
    model.generation_config.do_sample = False
    return model
""",
    ),
    (
        "build_model",
        "T5's own class, and a new generation config",
        """
def build_model(checkpoint):
    from transformers import GenerationConfig, T5ForConditionalGeneration

    model = T5ForConditionalGeneration.from_pretrained(checkpoint)
    model.generation_config = GenerationConfig.from_pretrained(
        checkpoint, max_new_tokens=8, num_beams=1, do_sample=False
    )
    return model
""",
    ),
    (
        "training",
        "hint 2",
        """
model = build_model(checkpoint)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=balanced,
    eval_dataset=tokenized["validation"],
    data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
    compute_metrics=partial(compute_metric, tokenizer=tokenizer, toxic=id2label[1]),
)
trainer.train()
""",
    ),
    (
        "training",
        "a function for the metric, arguments in another order",
        """
def metric_of(pair):
    return compute_metric(pair, tokenizer, toxic=id2label[1])


fresh = build_model(checkpoint)
trainer = training.make_trainer(
    profile,
    fresh,
    tokenizer,
    compute_metrics=metric_of,
    data_collator=DataCollatorForSeq2Seq(tokenizer=tokenizer, model=fresh),
    train_dataset=balanced,
    eval_dataset=tokenized["validation"],
)
result = trainer.train()
result
""",
    ),
    (
        "is_toxic",
        "hint 2",
        """
def is_toxic(text, labels2bool, model, tokenizer, prefix):
    encoded = tokenizer(prefix + text, truncation=True, return_tensors="pt").to(model.device)
    model.eval()
    generated = model.generate(**encoded, max_new_tokens=16, num_beams=1, do_sample=False)
    answer = tokenizer.decode(generated[0], skip_special_tokens=True).strip()
    if answer not in labels2bool:
        raise ValueError(answer)
    return labels2bool[answer]
""",
    ),
    (
        "is_toxic",
        "torch imported, the limit named, a KeyError caught",
        """
import torch


def is_toxic(text, labels2bool, model, tokenizer, prefix):
    limit = tokenizer.model_max_length
    inputs = tokenizer([prefix + text], truncation=True, max_length=limit, return_tensors="pt")
    model.eval()
    with torch.inference_mode():
        output = model.generate(
            input_ids=inputs.input_ids.to(model.device),
            attention_mask=inputs.attention_mask.to(model.device),
            max_new_tokens=16,
            do_sample=False,
            num_beams=1,
        )
    answer = tokenizer.batch_decode(output, skip_special_tokens=True)[0].strip()
    try:
        return labels2bool[answer]
    except KeyError:
        raise ValueError(f"Unknown answer: {answer}. Known: {list(labels2bool)}") from None
""",
    ),
    (
        "is_toxic",
        "greedy by hand",
        """
def is_toxic(text, labels2bool, model, tokenizer, prefix):
    import torch

    model.eval()
    encoded = tokenizer(prefix + text, truncation=True, return_tensors="pt").to(model.device)
    written = [model.config.decoder_start_token_id]
    with torch.no_grad():
        for _ in range(16):
            ids = torch.tensor([written], device=model.device)
            logits = model(**encoded, decoder_input_ids=ids).logits
            written.append(int(logits[0, -1].argmax()))
            if written[-1] == tokenizer.eos_token_id:
                break
    answer = tokenizer.decode(written, skip_special_tokens=True).strip()
    if answer in labels2bool:
        return bool(labels2bool[answer])
    raise ValueError("The model answered " + repr(answer))
""",
    ),
]
