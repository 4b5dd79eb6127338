"""Right answers of the unit `emotion` that are not the reference: (grade id, how it came about, source).

Those of «hint 2» are what a student writes who has the text and the second hint, and nothing else.
"""

RIGHT = [
    ("encode_tweets", "hint 2", """\
def encode_tweets(batch, tokenizer, max_length=60):
    return tokenizer(batch["text"], truncation=True, max_length=max_length)
"""),
    ("encode_tweets", "one text at a time, in a plain dictionary", """\
def encode_tweets(batch, tokenizer, max_length=60):
    encoded = [tokenizer(text, truncation=True, max_length=max_length) for text in batch["text"]]
    return {name: [one[name] for one in encoded] for name in tokenizer.model_input_names}
"""),
    ("encode_tweets", "arguments of the tokenizer by their long names", """\
def encode_tweets(batch, tokenizer, max_length=60):
    texts = list(batch["text"])
    return dict(tokenizer(texts, padding=False, truncation="longest_first", max_length=max_length))
"""),
    ("compute_metrics", "hint 2", """\
from sklearn.metrics import accuracy_score, f1_score


def compute_metrics(eval_pred):
    logits, labels = eval_pred
    predictions = np.argmax(logits, axis=-1)
    k = np.shape(logits)[-1]
    accuracy = float(accuracy_score(labels, predictions))
    f1 = float(f1_score(labels, predictions, labels=list(range(k)), average="macro", zero_division=0))
    return {"accuracy": accuracy, "f1": f1}
"""),
    ("compute_metrics", "by the formula of the text", """\
def compute_metrics(eval_pred):
    logits, labels = eval_pred
    predictions = logits.argmax(axis=1)
    scores = []
    for one in range(logits.shape[1]):
        r = np.sum((predictions == one) & (labels == one))
        both = np.sum(predictions == one) + np.sum(labels == one)
        scores.append(2 * r / both if both else 0)
    return {"f1": float(np.mean(scores)), "accuracy": float((predictions == labels).mean())}
"""),
    ("compute_metrics", "with torch and a confusion matrix", """\
import torch
from sklearn.metrics import confusion_matrix


def compute_metrics(eval_pred):
    logits, labels = eval_pred
    k = len(logits[0])
    predictions = torch.tensor(np.array(logits)).argmax(dim=-1).tolist()
    counts = confusion_matrix(labels, predictions, labels=range(k))
    totals = counts.sum(axis=0) + counts.sum(axis=1)
    f1 = 2 * counts.diagonal() / np.maximum(totals, 1)
    return {"accuracy": counts.trace().item() / len(predictions), "f1": f1.mean().item()}
"""),
    ("training", "hint 2", """\
model = build_classifier(checkpoint, label_names)
training.adapt(model, profile)
trainer = Trainer(
    model=model,
    args=arguments,
    train_dataset=training.by_length(tokenized["train"], profile.batch_size),
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=compute_metrics,
    optimizers=(training.make_optimizer(profile, model), None),
)
trainer.train()
"""),
    ("training", "in one call, as the other units do", """\
model = emotion.build_classifier(checkpoint, label_names)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=compute_metrics,
)
trainer.train()
"""),
    ("training", "the model without a name, the collator a new one", """\
trainer = training.make_trainer(
    profile,
    emotion.build_classifier(checkpoint, label_names),
    tokenizer,
    train_dataset=tokenized["train"].shuffle(seed=1),
    eval_dataset=tokenized["validation"],
    data_collator=DataCollatorWithPadding(tokenizer=tokenizer, padding="longest"),
    compute_metrics=lambda pair: compute_metrics(pair),
)
result = trainer.train()
"""),
    ("predict_emotions", "hint 2", """\
import torch


def predict_emotions(texts, model, tokenizer):
    if isinstance(texts, str):
        raise TypeError("Put the string in square brackets.")
    model.eval()
    names = []
    for start in range(0, len(texts), 32):
        batch = tokenizer(texts[start : start + 32], padding=True, truncation=True, max_length=60, return_tensors="pt")
        batch = batch.to(model.device)
        with torch.no_grad():
            best = model(**batch).logits.argmax(dim=-1)
        names += [model.config.id2label[i] for i in best.tolist()]
    return names
"""),
    ("predict_emotions", "with the pipeline of transformers", """\
from transformers import pipeline


def predict_emotions(texts, model, tokenizer):
    if not isinstance(texts, list):
        raise TypeError("a list, please")
    if not texts:
        return []
    classify = pipeline("text-classification", model=model.eval(), tokenizer=tokenizer, device=model.device)
    return [found["label"] for found in classify(texts, batch_size=32, truncation=True, max_length=60)]
"""),
    ("predict_emotions", "with your own encode_tweets and a collator, sorted by length and put back", """\
import torch
from transformers import DataCollatorWithPadding


@torch.inference_mode()
def predict_emotions(texts, model, tokenizer):
    if type(texts) is str:
        raise TypeError
    if not texts:
        return []
    model.eval()
    collate = DataCollatorWithPadding(tokenizer)
    rows = [encode_tweets({"text": [text]}, tokenizer, max_length=60) for text in texts]
    order = sorted(range(len(texts)), key=lambda i: len(rows[i]["input_ids"][0]))
    names = [None] * len(texts)
    for start in range(0, len(order), 32):
        some = order[start : start + 32]
        batch = collate([{name: values[0] for name, values in rows[i].items()} for i in some])
        logits = model(**batch.to(model.device)).logits.cpu().numpy()
        for i, best in zip(some, np.argmax(logits, axis=1)):
            names[i] = model.config.id2label[int(best)]
    return names
"""),
    ("train_stance", "hint 2", """\
def train_stance(dataset, checkpoint):
    profile = profiles.load("stance", checkpoint=checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(models.fetch(checkpoint))
    names = dataset["train"].features["label"].names
    encoded = dataset.map(encode_tweets, batched=True, fn_kwargs={"tokenizer": tokenizer}, remove_columns=["text"])
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
            train_sampling_strategy="sequential",
            logging_strategy="epoch",
            save_strategy="no",
            report_to="none",
            bf16=models.precision() == "bf16",
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
    result = trainer.evaluate(encoded["test"])
    return trainer, {"accuracy": result["eval_accuracy"], "f1": result["eval_f1"]}
"""),
    ("train_stance", "in one call, as the other units do", """\
def train_stance(dataset, checkpoint):
    profile = profiles.load("stance", checkpoint=checkpoint)
    tokenizer = models.load_tokenizer(checkpoint)
    names = dataset["train"].features["label"].names
    encoded = dataset.map(encode_tweets, batched=True, fn_kwargs={"tokenizer": tokenizer}, remove_columns=["text"])
    model = emotion.build_classifier(checkpoint, names)
    trainer = training.make_trainer(
        profile,
        model,
        tokenizer,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
    )
    trainer.train()
    result = trainer.evaluate(encoded["test"])
    return trainer, {"accuracy": result["eval_accuracy"], "f1": result["eval_f1"]}
"""),
    ("train_stance", "scores from predict, in a list", """\
def train_stance(dataset, checkpoint):
    labels = dataset["test"].features["label"]
    tokenizer = models.load_tokenizer(checkpoint)
    encoded = dataset.map(lambda rows: encode_tweets(rows, tokenizer), batched=True)
    settings = profiles.load("stance", profile.name, checkpoint=checkpoint)
    set_seed(settings.seed)
    trainer = training.make_trainer(
        settings,
        emotion.build_classifier(checkpoint, labels.names),
        tokenizer,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
    )
    trainer.train()
    output = trainer.predict(encoded["test"])
    return [trainer, compute_metrics((output.predictions, output.label_ids))]
"""),
]  # fmt: skip
