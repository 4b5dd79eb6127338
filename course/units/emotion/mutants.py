"""Typical wrong answers of the unit `emotion`: each must lose points.

A mutant is the reference with one mistake: (grade id, what is wrong, old text, new text, the rule groups that it loses).
"""

# Some mistakes leave no rule of a function.
SAYS_NAMES = ("every text", "batches", "long texts", "names", "mode", "strings")
TRAINS = ("classes", "learned", "splits", "settings", "scores")

MUTANTS = [
    ("encode_tweets", "every tweet is padded to 60, as in the seed", "truncation=True", 'truncation=True, padding="max_length"', ("short texts",)),
    ("encode_tweets", "padded to the longest of the batch", "truncation=True", "truncation=True, padding=True", ("short texts",)),
    ("encode_tweets", "not truncated", "truncation=True, max_length=max_length", "", ("long texts",)),
    ("encode_tweets", "truncated to the model's limit", ", max_length=max_length)", ")", ("long texts",)),
    ("encode_tweets", "always 60", "max_length=max_length)", "max_length=60)", ("long texts",)),
    ("encode_tweets", "another limit where none is given", "max_length=60):", "max_length=128):", ("long texts",)),
    ("encode_tweets", "only the first text", 'batch["text"]', 'batch["text"][:1]', ("every text",)),
    ("encode_tweets", "no special tokens", "truncation=True", "truncation=True, add_special_tokens=False", ("every text",)),
    ("encode_tweets", "the other columns stay", "return tokenizer(", "return dict(batch) | tokenizer(", ("fields",)),
    ("encode_tweets", "special tokens come on top of the limit", "max_length=max_length)", "max_length=max_length + 2)", ("long texts",)),
    ("compute_metrics", "weighted F1", 'average="macro"', 'average="weighted"', ("F1", "absent classes")),
    ("compute_metrics", "micro F1", 'average="macro"', 'average="micro"', ("F1", "absent classes")),
    ("compute_metrics", "absent classes are left out", "labels=list(classes), ", "", ("absent classes",)),
    ("compute_metrics", "absent classes count one", "zero_division=0", "zero_division=1", ("absent classes",)),
    ("compute_metrics", "a class too few", "labels=list(classes)", "labels=list(classes)[1:]", ("F1", "absent classes")),
    ("compute_metrics", "argmax over the tweets", "axis=-1", "axis=0", ("fields", "accuracy", "F1", "absent classes")),
    ("compute_metrics", "NumPy numbers instead of floats", '"accuracy": float(', '"accuracy": np.float64(', ("fields",)),
    ("compute_metrics", "nested as in seed 000", '"f1": float(', '"f1": dict(f1=', ("fields", "F1", "absent classes")),
    ("compute_metrics", "in per cent", "float(accuracy_score(labels, predictions))", "100 * float(accuracy_score(labels, predictions))", ("accuracy",)),
    ("compute_metrics", "another name", '"f1": ', '"macro_f1": ', ("fields", "F1", "absent classes")),
    ("predict_emotions", "a string is read letter by letter", "isinstance(texts, str)", "False", ("strings",)),
    ("predict_emotions", "ValueError instead of TypeError", "raise TypeError", "raise ValueError", ("strings",)),
    ("predict_emotions", "the model stays in training mode", "model.eval()", "pass", ("mode",)),
    ("predict_emotions", "padding is not masked", "model(**batch)", 'model(input_ids=batch["input_ids"])', ("every text",)),
    ("predict_emotions", "names of the unit, whatever the model says", "model.config.id2label[i]", "label_names[i]", ("names",)),
    ("predict_emotions", "numbers instead of names", "model.config.id2label[i]", "i", SAYS_NAMES),
    ("predict_emotions", "all texts at once", "32", "10**6", ("batches",)),
    ("predict_emotions", "one text at a time", "32", "1", ("batches",)),
    ("predict_emotions", "only the first batch", "return names", "return names[:32]", ("every text",)),
    ("predict_emotions", "the last batch is lost when it is not full", "return names", "return names[: len(names) // 32 * 32 or None]", ("every text",)),
    ("predict_emotions", "sorted by length and not put back", "zip(rows, best.tolist())", "enumerate(best.tolist(), start)", ("every text",)),
    ("predict_emotions", "not truncated", ", truncation=True, max_length=60", "", ("long texts",)),
    ("predict_emotions", "truncated to the model's limit", ", max_length=60", "", ("long texts",)),
    ("predict_emotions", "gradients are computed", "torch.no_grad()", "torch.enable_grad()", ("mode",)),
    ("predict_emotions", "no texts are an error", "model.eval()", "model.eval()\n    tokenizer(texts[0])", ("every text",)),
    ("predict_emotions", "the lowest logit wins", "argmax", "argmin", SAYS_NAMES),
    ("train_stance", "three classes, whatever the data say", 'dataset["train"].features["label"].names', '["none", "against", "favor"]', ("classes",)),
    ("train_stance", "as many classes as occur, as in the seed", '.features["label"].names', '.features["label"].names[: len(set(dataset["train"]["label"]))]', ("classes",)),
    ("train_stance", "scores on the validation split", 'trainer.evaluate(encoded["test"])', "trainer.evaluate()", ("scores",)),
    ("train_stance", "not trained", "trainer.train()", "pass", ("learned", "splits")),
    ("train_stance", "trained on the validation split", 'training.by_length(encoded["train"]', 'training.by_length(encoded["validation"]', ("learned", "splits")),
    ("train_stance", "the test split decides during training", 'eval_dataset=encoded["validation"]', 'eval_dataset=encoded["test"]', ("splits",)),
    ("train_stance", "settings of the first task", 'profiles.load("stance"', 'profiles.load("emotion"', ("settings",)),
    ("train_stance", "the learning rate of the library", "learning_rate=profile.learning_rate", "learning_rate=5e-5", ("settings",)),
    ("train_stance", "batches of another size", "per_device_train_batch_size=profile.batch_size,", "per_device_train_batch_size=2,", ("settings",)),
    ("train_stance", "names with a prefix", "{name: scores", '{f"eval_{name}": scores', ("scores",)),
    ("train_stance", "only the scores", "return trainer, {", "return {", TRAINS),
    ("train_stance", "the trainer comes last", 'return trainer, {name: scores[f"eval_{name}"] for name in ("accuracy", "f1")}', 'return {name: scores[f"eval_{name}"] for name in ("accuracy", "f1")}, trainer', TRAINS),
]  # fmt: skip
