"""What a T5 gains from bf16: the training of `toxicity` in fp32 and in bf16, with seconds, the GPU's memory and the F1.

    python tests/bench/t5.py --rows 200
    python tests/bench/t5.py --json t5.json

The recipe is that of the profile `full`, on real data (`$COURSE_DATA`, else the Hub). bf16 is measured where the card
computes it in hardware; elsewhere only fp32 is. fp16, with which the material trained, is not: it makes T5 overflow.
F1 is that of the toxic class on validation data; a loss that is no number would show that a precision does not do.
"""

import argparse
import json
import math
import time
from pathlib import Path
from unittest import mock

import helpers  # noqa: F401  # isort: skip  (sets how threads wait, before torch is imported)
import torch
from datasets import DatasetDict
from transformers import DataCollatorForSeq2Seq, PreTrainedTokenizerBase, PrinterCallback, set_seed

from course.commands import positive
from helpers import data, models, profiles, toxicity, training
from helpers.profiles import Profile


def load(checkpoint: str, rows: int | None) -> tuple[Profile, PreTrainedTokenizerBase, DatasetDict]:
    """The profile, the tokenizer, and the tokenized splits, toxic requests as often as others in that of training."""
    profile = profiles.load("toxicity", "full", language="en", checkpoint=checkpoint)
    tokenizer = models.load_tokenizer(checkpoint, profile.max_length)
    dataset = data.load(profile.dataset, profile.data, profile.locale)
    if rows:
        dataset["train"] = dataset["train"].select(range(min(rows, len(dataset["train"]))))
    columns = dataset["train"].column_names
    tokenized = dataset.map(toxicity.preprocess_dataset, fn_kwargs={"tokenizer": tokenizer}, remove_columns=columns)
    tokenized["train"] = tokenized["train"].select(toxicity.oversample(dataset["train"]["toxicity"]))
    return profile, tokenizer, tokenized


def measure(precision: str, profile: Profile, tokenizer, tokenized: DatasetDict) -> dict:
    """Train and evaluate in a precision, "bf16" or "fp32"; the seconds are those of the training."""
    set_seed(profile.seed)
    model = toxicity.build_model(models.fetch(profile.checkpoint))
    with mock.patch("helpers.models.precision", return_value=precision):
        trainer = training.make_trainer(
            profile,
            model,
            tokenizer,
            train_dataset=tokenized["train"],
            data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
            compute_metrics=lambda found: toxicity.compute_metric(found, tokenizer),
        )
    trainer.args.logging_nan_inf_filter = False  # it would hide what this looks for
    trainer.remove_callback(PrinterCallback)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    loss = trainer.train().training_loss  # a number, so a GPU has finished
    seconds = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None
    return {
        "precision": precision,
        "seconds": round(seconds, 1),
        "steps": trainer.state.global_step,
        "loss": round(loss, 4) if math.isfinite(loss) else None,
        "f1": round(trainer.predict(tokenized["validation"]).metrics["test_f1"], 4),
        "peak_gib": peak and round(peak, 2),
    }


def main() -> None:
    """Measure, print the figures, write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default=models.OFFLINE_T5, help=f"which T5 ({models.OFFLINE_T5})")
    parser.add_argument("--rows", type=positive, help="train with so many rows at most (all)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    models.quiet()
    print(f"{options.checkpoint} on {models.hardware()}")
    prepared = load(options.checkpoint, options.rows)
    found = []
    for precision in dict.fromkeys(["fp32", models.precision()]):
        found.append(figures := measure(precision, *prepared))
        print("  ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
    if options.json:
        record = {"device": models.hardware(), "checkpoint": options.checkpoint, "trainings": found}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
