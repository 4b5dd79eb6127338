"""How long do answers for many texts take? The course's functions against loops that take one text at a time.

    python tests/bench/inference.py --texts 64 --repeats 1
    python tests/bench/inference.py --json inference.json

Each function gets texts of its own kind in their natural lengths, real ones where `$COURSE_DATA` says where they are,
else the samples of the course. `do_ner` and `is_toxic` take one text, so their list versions are measured,
`find_entities` and `are_toxic`. The models are trained by the profile `quick` before the clock starts, so that they
have something to answer.

The loops are written anew after the material: for each review a call of a pipeline that was made once, for each
sentence a forward pass, for each request a `generate`, for each tweet a forward pass over 60 tokens, padding included.
As the material brought its tweets sixteen at a time, that is measured as well. Both ways have the same model and take
turns in beginning; of each the best of the repeats counts. Where their answers differ, that is said.
"""

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import helpers  # noqa: F401  # isort: skip  (sets how threads wait, before torch is imported)
import torch
from datasets import Dataset
from transformers import (
    DataCollatorForSeq2Seq,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    pipeline,
    set_seed,
)

from course.commands import positive
from helpers import data, emotion, models, ner, profiles, reviews, toxicity, training
from helpers.profiles import Profile

GOAL = 5.0  # times as fast
CLOSE = 1e-4  # probabilities that differ by less are the same
WARM_UP = 8  # texts before the clock starts


@dataclasses.dataclass(frozen=True)
class Case:
    """Two ways to answer the same texts: each takes a list of them and returns a list of answers."""

    function: str
    against: str
    texts: list[str]
    course: Callable[[list[str]], list]
    loop: Callable[[list[str]], list]


def emotion_cases(count: int) -> list[Case]:
    """`predict_emotions` against tweets one by one and, as in the material, sixteen at a time, padded to 60 tokens."""
    profile, samples, texts = prepare("emotion", count)
    tokenizer = models.load_tokenizer(profile.checkpoint)
    model = emotion.build_classifier(profile.checkpoint, samples.features["label"].names)
    rows = samples.map(emotion.encode_tweets, batched=True, fn_kwargs={"tokenizer": tokenizer})
    train(
        profile,
        model,
        tokenizer,
        rows.select_columns(["input_ids", "attention_mask", "label"]),
        DataCollatorWithPadding,
    )

    def padded(texts, size):
        names = []
        for at in range(0, len(texts), size):
            batch = tokenizer(
                texts[at : at + size], truncation=True, max_length=60, padding="max_length", return_tensors="pt"
            )
            with torch.no_grad():
                best = model(**batch.to(model.device)).logits.argmax(dim=-1)
            names += [model.config.id2label[number] for number in best.tolist()]
        return names

    def course(texts):
        return emotion.predict_emotions(texts, model, tokenizer)

    return [
        Case("predict_emotions", "one by one, 60 tokens", texts, course, lambda texts: padded(texts, 1)),
        Case("predict_emotions", "16 at a time, 60 tokens", texts, course, lambda texts: padded(texts, 16)),
    ]


def reviews_cases(count: int) -> list[Case]:
    """`score_reviews` against calls of a pipeline."""
    profile, samples, texts = prepare("reviews", count)
    short = models.load_tokenizer(profile.checkpoint, profile.max_length, profile.truncation_side)
    model = reviews.build_model(models.fetch(profile.checkpoint))
    rows = samples.map(reviews.encode_reviews, batched=True, fn_kwargs={"tokenizer": short})
    train(profile, model, short, rows.select_columns(["input_ids", "attention_mask", "label"]), DataCollatorWithPadding)
    tokenizer = models.load_tokenizer(profile.checkpoint)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device=model.device)

    def loop(texts):
        answers = [classify(text, truncation=True)[0] for text in texts]
        return [found["score"] if found["label"] == "pos" else 1 - found["score"] for found in answers]

    def course(texts):
        return reviews.score_reviews(texts, model, tokenizer).tolist()

    return [Case("score_reviews", "a pipeline, one by one", texts, course, loop)]


def ner_cases(count: int) -> list[Case]:
    """`find_entities` against a forward pass for each sentence; a word takes the tag of its first piece."""
    profile, samples, texts = prepare("ner", count)
    tokenizer = ner.load_tokenizer(profile.checkpoint)
    model = ner.build_model(models.fetch(profile.checkpoint), data.CONLL_TAGS)
    rows = samples.map(ner.preprocess_ner_dataset, fn_kwargs={"tokenizer": tokenizer})
    rows = rows.select_columns(["input_ids", "token_type_ids", "attention_mask", "labels"])
    train(profile, model, tokenizer, rows, DataCollatorForTokenClassification)

    def find(text):
        encoded = tokenizer(text, truncation=True, return_tensors="pt")
        with torch.no_grad():
            best = model(**encoded.to(model.device)).logits[0].argmax(dim=-1).tolist()
        first = {}
        for place, word in enumerate(encoded.word_ids()):
            if word is not None:
                first.setdefault(word, place)
        spans = [encoded.word_to_chars(word) for word in first]
        found = ner.entity_spans([model.config.id2label[best[place]] for place in first.values()])
        places = [(name, spans[begin].start, spans[end - 1].end) for name, begin, end in found]
        entities = [{"class": name, "text": text[a:b], "start": a, "end": b} for name, a, b in places]
        return {"text": text, "entities": entities}

    def course(texts):
        return ner.find_entities(texts, model, tokenizer)

    return [Case("find_entities", "one by one", texts, course, lambda texts: [find(text) for text in texts])]


def toxicity_cases(count: int) -> list[Case]:
    """`are_toxic` against a `generate` for each request."""
    profile, samples, texts = prepare("toxicity", count)
    tokenizer = models.load_tokenizer(profile.checkpoint)
    model = toxicity.build_model(models.fetch(profile.checkpoint))
    rows = samples.map(toxicity.preprocess_dataset, fn_kwargs={"tokenizer": tokenizer})
    rows = rows.select_columns(["input_ids", "attention_mask", "labels"])
    train(profile, model, tokenizer, rows, DataCollatorForSeq2Seq)
    prefix, meaning = "toxic: ", {"yes": True, "no": False}

    def judge(text):
        encoded = tokenizer(prefix + text, truncation=True, return_tensors="pt")
        with torch.no_grad():
            ids = model.generate(**encoded.to(model.device))
        return meaning[tokenizer.decode(ids[0], skip_special_tokens=True).strip()]

    def course(texts):
        return toxicity.are_toxic(texts, meaning, model, tokenizer, prefix)

    return [Case("are_toxic", "one by one", texts, course, lambda texts: [judge(text) for text in texts])]


CASES = {"emotion": emotion_cases, "reviews": reviews_cases, "ner": ner_cases, "toxicity": toxicity_cases}


def prepare(unit: str, count: int) -> tuple[Profile, Dataset, list[str]]:
    """The profile `quick` of a unit, its samples to train with, and texts: of the largest split, in random order."""
    profile = profiles.load(unit, "quick", language="en")
    samples = data.load(profile.dataset, "samples", profile.locale)
    found = data.load(profile.dataset, "real", profile.locale) if os.environ.get("COURSE_DATA") else samples
    rows = max(found.values(), key=len).shuffle(seed=0)
    rows = rows.select(range(min(count, len(rows))))
    if unit == "ner":
        return profile, samples["train"], [" ".join(words) for words in rows["tokens"]]
    return profile, samples["train"], list(rows["user_input" if unit == "toxicity" else "text"])


def train(profile: Profile, model, tokenizer, rows: Dataset, collator: type) -> None:
    """Train a model by a profile; it is ready to answer afterwards."""
    set_seed(profile.seed)
    trainer = training.make_trainer(profile, model, tokenizer, train_dataset=rows, data_collator=collator(tokenizer))
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    model.eval()


def measure(case: Case, repeats: int) -> dict:
    """Seconds of both ways, the best of so many repeats, and how many of their answers differ."""
    ways = {"course": case.course, "loop": case.loop}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    answers = {}
    for way in ways.values():
        way(case.texts[:WARM_UP])
    for repeat in range(repeats):
        for name in reversed(ways) if repeat % 2 else ways:
            started = time.perf_counter()
            answers[name] = ways[name](case.texts)  # they come to the processor, so a GPU has finished
            seconds[name].append(time.perf_counter() - started)
    course, loop = (min(seconds[name]) for name in ways)
    return {
        "function": case.function,
        "against": case.against,
        "texts": len(case.texts),
        "longest_words": max(len(text.split()) for text in case.texts),
        "course_seconds": round(course, 2),
        "loop_seconds": round(loop, 2),
        "ratio": round(loop / course, 2),
        "different": sum(map(differ, answers["course"], answers["loop"])),
    }


def differ(answer, other) -> bool:
    """Whether two answers are not the same; probabilities may differ by rounding."""
    return abs(answer - other) > CLOSE if isinstance(answer, float) else answer != other


def main() -> None:
    """Train, measure, print the figures beside the goal, write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=positive, default=1000, help="how many for each function (1000)")
    parser.add_argument("--repeats", type=positive, default=3, help="of each the best counts (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after every function")
    options = parser.parse_args()
    models.quiet()
    found = []
    print(f"on {models.hardware()}, goal: {GOAL:g} times as fast, the same answers")
    for make in CASES.values():
        for case in make(options.texts):
            found.append(figures := measure(case, options.repeats))
            print(
                "{function:>16}  {course_seconds:>7.2f} s  {against:>23}  {loop_seconds:>7.2f} s  {ratio:>6.2f}  "
                "{different} of {texts} answers differ  ".format(**figures)
                + ("reached" if figures["ratio"] >= GOAL and not figures["different"] else "missed"),
                flush=True,
            )
            if options.json:
                record = {"goal": GOAL, "device": models.hardware(), "functions": found}
                options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
