"""«The same without the course»: the code of each fold runs, and trains the model that the course's function trains.

What a machine without a network lacks is substituted, and nothing else: the Hub's dataset by the beginnings of the
first samples of the course, under the Hub's names of columns; the checkpoint by a model that is here; the epochs by a
few steps.
"""

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import pytest
from transformers import DataCollatorForSeq2Seq, DataCollatorForTokenClassification, DataCollatorWithPadding, set_seed

from course.build.read import languages_of
from helpers import data, intent, models, ner, profiles, reviews, toxicity, training
from tests.course.shown import programs

ROWS = {"train": 48, "validation": 24, "test": 24}
STEPS = 3
LONGEST = 200  # characters: attention over long reviews takes a minute


@dataclasses.dataclass(frozen=True)
class Fold:
    """What belongs to a unit's fold.

    `columns` are the Hub's names of the samples' columns, `added` gives a column that only the Hub has. `local` is the
    model that stands in for the profile's; `given` are the student's functions that the fold uses; `course` makes the
    model and the arguments of `training.make_trainer`, of a dataset and a tokenizer, without the fold.
    """

    columns: dict[str, str]
    local: str
    given: dict[str, Callable]
    course: Callable
    added: dict[str, object] = dataclasses.field(default_factory=dict)


def course_of_reviews(dataset, tokenizer, checkpoint):
    parts = dataset["train"].train_test_split(test_size=0.1, seed=13)
    encoded = parts.map(reviews.encode_reviews, batched=True, fn_kwargs={"tokenizer": tokenizer})
    return encoded["train"], reviews.build_model(checkpoint), DataCollatorWithPadding(tokenizer)


def course_of_intent(dataset, tokenizer, checkpoint):
    encoded = dataset.map(intent.encode_utterances, batched=True, fn_kwargs={"tokenizer": tokenizer})
    model = intent.build_model(checkpoint, *intent.label_maps(data.INTENTS))
    return encoded["train"], model, DataCollatorWithPadding(tokenizer)


def course_of_ner(dataset, tokenizer, checkpoint):
    encoded = dataset.map(ner.preprocess_ner_dataset, fn_kwargs={"tokenizer": tokenizer})
    model = ner.build_model(checkpoint, data.CONLL_TAGS)
    return encoded["train"], model, DataCollatorForTokenClassification(tokenizer)


def course_of_toxicity(dataset, tokenizer, checkpoint):
    encoded = dataset.map(toxicity.preprocess_dataset, fn_kwargs={"tokenizer": tokenizer})
    model = toxicity.build_model(checkpoint)
    return encoded["train"], model, DataCollatorForSeq2Seq(tokenizer, model=model)


FOLDS = {
    "reviews": Fold(
        columns={},
        local="all-MiniLM-L6-v2",
        given={"compute_metrics": reviews.compute_metrics},
        course=course_of_reviews,
    ),
    "intent": Fold(
        columns={"text": "utt", "label": "intent"},
        local="all-MiniLM-L6-v2",
        given={"compute_metrics": intent.compute_metrics},
        course=course_of_intent,
    ),
    "ner": Fold(
        columns={},
        local="all-MiniLM-L6-v2",
        given={
            "preprocess_ner_dataset": ner.preprocess_ner_dataset,
            "calculate_metrics": ner.calculate_metrics,
        },
        course=course_of_ner,
    ),
    "toxicity": Fold(
        columns={},
        local="t5-tiny",
        given={"compute_metric": toxicity.compute_metric},
        course=course_of_toxicity,
        added={"human_annotation": True},
    ),
}


def code_of(unit: str, language: str = "en") -> str:
    """The code of a unit's fold: of the programs that the notebook shows, the one that loads the data and trains."""
    (code,) = (code for code in programs(unit, language) if "load_dataset" in code)
    return code


def samples(name: str):
    dataset = data.load(name, "samples")
    if "text" in dataset["train"].column_names:
        dataset = dataset.map(lambda row: {"text": row["text"][:LONGEST]})
    return type(dataset)({split: rows.select(range(ROWS[split])) for split, rows in dataset.items()})


def as_on_the_hub(fold: Fold, name: str):
    """A stand-in for `load_dataset` that gives the samples, to who asks for the course's place on the Hub."""
    published = samples(name).rename_columns(fold.columns).map(lambda row: fold.added)

    def load_dataset(repository, configuration=None, *, split=None, data_dir=None, revision="main"):
        entry = data.DATASETS[name].published
        assert (repository, revision) == (entry.repository, entry.revision)
        assert data_dir is None or entry.files.format(locale=data_dir, split="train").startswith(f"{data_dir}/train/")
        return published[split] if split else published

    return load_dataset


def substituted(code: str, checkpoint: str, local: str) -> str:
    """The code with a model that is here, and a few steps in place of the epochs."""
    assert f'"{checkpoint}"' in code
    code = code.replace(f'"{checkpoint}"', repr(models.fetch(local)))
    code, epochs = re.subn(r"num_train_epochs=\d+", f"max_steps={STEPS}", code)
    assert epochs == 1
    return code


@pytest.mark.parametrize("unit", FOLDS)
def test_every_language_shows_the_same_code(unit):
    assert len({code_of(unit, language) for language in languages_of(unit)}) == 1


@pytest.mark.parametrize("unit", FOLDS)
def test_its_numbers_are_those_of_the_full_version(unit):
    profile = profiles.load(unit, "full")
    numbers = dict(re.findall(r"(\w+)=([\d.e-]+),$", code_of(unit), re.M))
    assert int(numbers["num_train_epochs"]) == profile.epochs
    assert int(numbers["per_device_train_batch_size"]) == profile.batch_size
    assert float(numbers["learning_rate"]) == profile.learning_rate
    assert float(numbers.get("weight_decay", 0)) == profile.weight_decay
    assert int(numbers["seed"]) == profile.seed
    assert (profile.warmup, profile.frozen_layers, profile.layer_decay, profile.label_smoothing) == (0, 0, 1, 0)


@pytest.mark.parametrize("unit", FOLDS)
def test_it_trains_the_model_that_the_course_trains(unit, monkeypatch, tmp_path):
    fold, profile = FOLDS[unit], profiles.load(unit, "full")
    monkeypatch.setattr("datasets.load_dataset", as_on_the_hub(fold, profile.dataset))
    monkeypatch.chdir(tmp_path)
    said = dict(fold.given)
    exec(substituted(code_of(unit), profile.checkpoint, fold.local), said)
    theirs = said["trainer"]

    profile = dataclasses.replace(profile, max_steps=STEPS)
    tokenizer = models.load_tokenizer(fold.local)
    set_seed(profile.seed)
    train_dataset, model, data_collator = fold.course(samples(profile.dataset), tokenizer, models.fetch(fold.local))
    ours = training.make_trainer(profile, model, tokenizer, train_dataset=train_dataset, data_collator=data_collator)
    ours.train()

    assert theirs.state.global_step == ours.state.global_step == STEPS
    for (name, weights), (other, expected) in zip(
        theirs.model.state_dict().items(), ours.model.state_dict().items(), strict=True
    ):
        assert name == other
        np.testing.assert_allclose(weights.numpy(), expected.numpy(), atol=1e-5, err_msg=name)
    metrics = theirs.evaluate(said["tokenized"]["test"])
    assert all(0 <= value <= 1 for name, value in metrics.items() if name in ("eval_accuracy", "eval_f1"))
    assert "eval_accuracy" in metrics
