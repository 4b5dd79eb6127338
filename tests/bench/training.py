"""How long does a training take to the same score, by the recipes of the material before this course and by its own?

    python tests/bench/training.py emotion --rows 800 --seeds 1
    python tests/bench/training.py --json training.json

Both train the same encoder, from the same first weights, on the same rows of real data (`$COURSE_DATA`, else the Hub),
one after the other, and take turns in beginning; only the recipe differs. The material's are written anew from what it
says: fp32, batches of 8 or 16, the tweets of `emotion` padded to 60 tokens, the requests of `intent` to the longest of
a thousand, the sentences of `ner` batch by batch. The course's are those of the profile `full` for this encoder.

Ten times an epoch, but not more often than every 128 examples, the clock stops and the model answers validation data.
Both must reach the same target: 99 % of the lower of their two best scores, since one lucky evaluation shall not
decide. Where that is no more than the most frequent class gets, in `ner` the most frequent tag of each word, a recipe
has learned too little from so few rows, and there is no ratio.

The material chose its learning rates for models six to ten times as large. What is due to cheaper examples, and what to
needing fewer of them, can be told by the examples a second. Loading, tokenizing and saving are not counted.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import helpers  # noqa: F401  # isort: skip  (sets how threads wait, before torch is imported)
import torch
from datasets import Dataset
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from course.commands import positive
from helpers import data, emotion, intent, metrics, models, ner, profiles, training

GOAL = 3.0  # times as fast
CHECKPOINT = models.OFFLINE_ENCODER
EVALUATIONS = 10  # an epoch
APART = 128  # examples at least between two of them, for they take time
VALIDATION = 1000  # rows at most: an evaluation costs a third of a training on as many
SLACK = 0.99


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the material trains: `padding` and `max_length` are what its tokenizer is told, None for batch by batch."""

    batch_size: int
    epochs: int
    learning_rate: float
    weight_decay: float = 0.0
    padding: str | None = None
    max_length: int | None = None


RECIPES = {
    "emotion": Recipe(batch_size=16, epochs=5, learning_rate=5e-5, padding="max_length", max_length=60),
    "intent": Recipe(batch_size=8, epochs=3, learning_rate=5e-5, padding="longest"),
    "ner": Recipe(batch_size=8, epochs=3, learning_rate=2e-5, weight_decay=0.01),
}
ENCODE = {"emotion": emotion.encode_tweets, "intent": intent.encode_utterances, "ner": ner.preprocess_ner_dataset}


@dataclasses.dataclass(frozen=True)
class Task:
    """What both recipes share. `train` and `validation` are tokenized and not padded; `trivial` is the score on
    `validation` of the most frequent class, in `ner` of the most frequent tag of each word.
    """

    name: str
    tokenizer: object
    train: Dataset
    validation: Dataset
    make_model: Callable
    collator: object
    compute_metrics: Callable
    metric: str
    trivial: float


def load_task(name: str, rows: int | None) -> Task:
    """Load the data of a unit, at most so many `rows` to train with, or all. Raises `DataError`."""
    profile = profiles.load(name, "full", language="en", checkpoint=CHECKPOINT)
    load_tokenizer = ner.load_tokenizer if name == "ner" else models.load_tokenizer
    tokenizer = load_tokenizer(CHECKPOINT)
    dataset = data.load(profile.dataset, profile.data, profile.locale)
    limits = {"train": rows or len(dataset["train"]), "validation": VALIDATION}
    chosen = {
        split: dataset[split].shuffle(seed=0).select(range(min(most, len(dataset[split]))))
        for split, most in limits.items()
    }
    train, validation = (
        part.map(
            ENCODE[name],
            batched=name != "ner",
            fn_kwargs={"tokenizer": tokenizer},
            remove_columns=[column for column in part.column_names if column != "label"],
        )
        for part in chosen.values()
    )
    if name == "ner":
        make_model = partial(ner.build_model, models.fetch(CHECKPOINT), data.CONLL_TAGS)
        collator, metric, trivial = DataCollatorForTokenClassification(tokenizer), "f1", f1_of_dictionary(**chosen)
        compute_metrics = partial(ner.calculate_metrics, label_names=data.CONLL_TAGS)
    else:
        make_model = partial(emotion.build_classifier, CHECKPOINT, dataset["train"].features["label"].names)
        collator, metric = DataCollatorWithPadding(tokenizer), "accuracy"
        trivial = Counter(validation["label"]).most_common(1)[0][1] / len(validation)
        compute_metrics = emotion.compute_metrics
    return Task(name, tokenizer, train, validation, make_model, collator, compute_metrics, metric, trivial)


def f1_of_dictionary(train: Dataset, validation: Dataset) -> float:
    """The F1 of entities on `validation` if each word gets its most frequent tag in `train`."""
    guesses = ner.lookup_baseline(train, validation["tokens"])
    found, right = ([[data.CONLL_TAGS[i] for i in row] for row in rows] for rows in (guesses, validation["ner_tags"]))
    return float(metrics.load("seqeval").compute(predictions=found, references=right)["overall_f1"])


def trainer_of_material(task: Task, seed: int, folder: str) -> Trainer:
    """The material's recipe, all else as `Trainer` has it by default."""
    recipe = RECIPES[task.name]
    rows = task.train
    if recipe.padding:  # `map` brings a thousand rows at a time
        pad = partial(task.tokenizer.pad, padding=recipe.padding, max_length=recipe.max_length)
        rows = rows.map(lambda batch: dict(pad(dict(batch))), batched=True)
    set_seed(seed)
    return Trainer(
        model=task.make_model(),
        args=TrainingArguments(
            output_dir=folder,
            num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.batch_size,
            per_device_eval_batch_size=64,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=seed,
        ),
        train_dataset=rows,
        data_collator=task.collator,
        compute_metrics=task.compute_metrics,
    )


def trainer_of_course(task: Task, seed: int, folder: str) -> Trainer:
    """The course's recipe; the notebook of `emotion` orders its tweets by itself, once."""
    profile = profiles.load(task.name, "full", language="en", checkpoint=CHECKPOINT)
    set_seed(seed)
    model = task.make_model()
    orders = task.name == "emotion"
    return training.make_trainer(
        dataclasses.replace(profile, seed=seed),
        model,
        task.tokenizer,
        train_dataset=training.by_length(task.train, profile.batch_size) if orders else task.train,
        data_collator=task.collator,
        compute_metrics=task.compute_metrics,
        shuffle=not orders,
    )


class Clock(TrainerCallback):
    """Counts the seconds of a training, without those of validation; `curve` holds pairs of seconds and score."""

    def __init__(self, every: int, score: Callable[[], float]):
        self.every = every
        self.score = score
        self.seconds = 0.0
        self.resumed = 0.0
        self.curve: list[tuple[float, float]] = []

    def on_train_begin(self, args, state, control, **kwargs):
        self.resumed = now()

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step % self.every and state.global_step < state.max_steps:
            return
        self.seconds += now() - self.resumed
        self.curve.append((self.seconds, self.score()))
        self.resumed = now()


def now() -> float:
    """Seconds, when all that a GPU was given to do is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@dataclasses.dataclass(frozen=True)
class Run:
    """One training: pairs of seconds and score, and the peak of a GPU's memory (0 without one)."""

    curve: list[tuple[float, float]]
    examples_per_second: float
    peak_gib: float

    @property
    def best(self) -> float:
        return max(score for _, score in self.curve)

    def seconds_to(self, target: float) -> float:
        return next(seconds for seconds, score in self.curve if score >= target)


def run(trainer: Trainer, task: Task) -> Run:
    """Train to the end of the recipe."""
    size, epochs = trainer.args.per_device_train_batch_size, trainer.args.num_train_epochs
    every = round(max(len(task.train) / EVALUATIONS, APART) / size)
    clock = Clock(every, lambda: trainer.predict(task.validation).metrics[f"test_{task.metric}"])
    trainer.add_callback(clock)
    trainer.remove_callback(PrinterCallback)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    return Run(clock.curve, epochs * len(task.train) / clock.seconds, peak)


def compare(task: Task, seed: int, folder: str) -> dict:
    """Train by both recipes; an odd seed begins with the course's. Returns the figures of the pair."""
    makers = {"material": trainer_of_material, "course": trainer_of_course}
    order = reversed(makers) if seed % 2 else makers
    runs = {name: run(makers[name](task, seed, folder), task) for name in order}
    lower = min(each.best for each in runs.values())
    target = SLACK * lower if SLACK * lower > task.trivial else None
    figures = {
        "task": task.name,
        "seed": seed,
        "rows": len(task.train),
        "metric": task.metric,
        "trivial": round(task.trivial, 4),
        "target": target and round(target, 4),
    }
    for name in makers:
        each = runs[name]
        figures[name] = {
            "best": round(each.best, 4),
            "seconds": round(each.curve[-1][0], 2),
            "seconds_to_target": target and round(each.seconds_to(target), 2),
            "examples_per_second": round(each.examples_per_second, 1),
            "peak_gib": round(each.peak_gib, 2),
            "curve": [[round(seconds, 2), round(score, 4)] for seconds, score in each.curve],
        }
    figures["ratio"] = target and round(runs["material"].seconds_to(target) / runs["course"].seconds_to(target), 2)
    return figures


def say(pair: dict) -> None:
    """Print one pair of trainings."""
    target = "none, a recipe has learned too little" if pair["target"] is None else f"{pair['target']:.4f}"
    print(f"{pair['task']}, seed {pair['seed']}, {pair['rows']} rows; target {pair['metric']}: {target}")
    for name in ("material", "course"):
        figures = pair[name]
        reached = figures["seconds_to_target"]
        print(
            f"  {name:>8}  best {figures['best']:.4f}  to the target {'–' if reached is None else f'{reached:.1f} s'}"
            f"  in all {figures['seconds']:.1f} s  {figures['examples_per_second']:.1f} examples a second"
            + (f"  {figures['peak_gib']:.2f} GiB" if figures["peak_gib"] else "")
        )
    print(f"  {'ratio':>8}  {pair['ratio'] or '–'}", flush=True)


def record(pairs: list[dict]) -> dict:
    """What is written: all pairs, and the median ratio of each task, None where no pair has one."""
    medians = {}
    for name in dict.fromkeys(pair["task"] for pair in pairs):
        ratios = [pair["ratio"] for pair in pairs if pair["task"] == name and pair["ratio"]]
        medians[name] = round(statistics.median(ratios), 2) if ratios else None
    device = models.hardware()
    return {"goal": GOAL, "device": device, "checkpoint": CHECKPOINT, "median_ratios": medians, "pairs": pairs}


def main() -> None:
    """Train, print the figures beside the goal, write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(RECIPES)} (all, if none is named)")
    parser.add_argument("--seeds", type=positive, default=3, help="how many, from 0 on (3)")
    parser.add_argument("--rows", type=positive, help="train with so many rows at most (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after every pair")
    options = parser.parse_args()
    if unknown := set(options.tasks) - set(RECIPES):
        parser.error(f"There is no task {min(unknown)!r}: choose of {', '.join(RECIPES)}.")
    models.quiet()
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.tasks or RECIPES:
            task = load_task(name, options.rows)
            for seed in range(options.seeds):
                pairs.append(compare(task, seed, folder))
                say(pairs[-1])
                if options.json:
                    options.json.write_text(json.dumps(record(pairs), indent=1) + "\n", encoding="utf-8")
    print(f"\non {models.hardware()}, goal: {GOAL:g} times as fast to the same score")
    for name, median in record(pairs)["median_ratios"].items():
        verdict = "no ratio" if median is None else "reached" if median >= GOAL else "missed"
        count = sum(pair["ratio"] is not None for pair in pairs if pair["task"] == name)
        print(f"{name:>10}  {median or '–'}  {verdict}, median of {count} of {options.seeds} seeds")


if __name__ == "__main__":
    main()
