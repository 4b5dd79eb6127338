"""Reference functions of the unit `toxicity`: a classifier that answers in text.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the
notebook's solution. T5 reads a text with a prefix that names the task, and writes the answer, token by token.
"""


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

    `eval_predictions` is `(preds [n, p], labels [n, l])`, token ids padded with -100 or the padding token; `preds` begin with
    the decoder's start token. An answer is right if all of it is: first tokens may agree where answers do not. Returns
    a flat dictionary of floats; precision, recall and F1 are 0 where nothing was or should have been found.
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

    `labels2bool` says what each answer means, such as `{"yes": True, "no": False}`. The prefix is the one with which the
    model was trained. Texts beyond the tokenizer's limit are truncated. Raises `ValueError` for any other answer.
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


def oversample(dataset, times):
    """Return the dataset with every toxic row `times` times in it: a remedy for a class that is rare.

    Works before and after tokenizing, as long as the rows still have `toxicity`.
    """
    return dataset.select([i for i, toxic in enumerate(dataset["toxicity"]) for _ in range(times if toxic else 1)])
