"""Trainer with the course's settings, and the loop made by hand, which must come to the same."""

import dataclasses
import gc
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DataCollatorForTokenClassification,
    DistilBertConfig,
    DistilBertForTokenClassification,
)

from helpers import models, profiles, training
from helpers.ner import calculate_metrics

NAMES = ["O", "B-PER", "I-PER"]
PROFILE = dataclasses.replace(
    profiles.load("ner", "offline"),
    epochs=2,
    batch_size=4,
    frozen_layers=0,
    learning_rate=1e-2,
    warmup=0.2,
    weight_decay=0.5,  # so much that a parameter decayed by mistake is seen
)


def tiny_model(layers=2, dropout=0.0):
    torch.manual_seed(0)
    return BertForTokenClassification(
        BertConfig(
            vocab_size=120,
            hidden_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=16,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            id2label=dict(enumerate(NAMES)),
            label2id={name: index for index, name in enumerate(NAMES)},
        )
    )


def tiny_distilbert(layers=2):
    torch.manual_seed(0)
    return DistilBertForTokenClassification(
        DistilBertConfig(
            vocab_size=120, dim=16, n_layers=layers, n_heads=2, hidden_dim=16, max_position_embeddings=16, num_labels=3
        )
    )


def sentences(count=22, seed=0):
    """Tokenized sentences of unequal length, the longest at the end; the count is no multiple of a batch."""
    rng = np.random.default_rng(seed)
    rows = []
    for length in [*rng.integers(4, 12, count - 1), 14]:
        ids = rng.integers(110, 120, length).tolist()
        rows.append(
            {
                "input_ids": [101, *ids, 102],
                "token_type_ids": [0] * (length + 2),
                "attention_mask": [1] * (length + 2),
                "labels": [-100, *[i % 3 for i in ids], -100],
            }
        )
    return Dataset.from_list(rows)


def score(eval_pred):
    return calculate_metrics(eval_pred, NAMES)


def weights(model):
    return {name: value.detach().cpu().clone() for name, value in model.named_parameters()}


@pytest.fixture(scope="module", autouse=True)
def full_precision(tmp_path_factory):
    """The same numbers on every machine, and no folder left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "precision", lambda: "fp32")
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("runs")))
        yield


@pytest.fixture(scope="module")
def trainer_of(tokenizer):
    """Build a trainer on the sentences, for a profile with changes."""

    def build(model, data, *, shuffle=True, **changes):
        return training.make_trainer(
            dataclasses.replace(PROFILE, **changes),
            model,
            tokenizer,
            train_dataset=data,
            eval_dataset=data,
            data_collator=DataCollatorForTokenClassification(tokenizer),
            compute_metrics=score,
            shuffle=shuffle,
        )

    return build


# ---- the two ways


@pytest.fixture(scope="module")
def trained(trainer_of):
    """What Trainer makes of the sentences in their own order: model, mean loss, log of the epochs, last metrics."""
    trainer = trainer_of(tiny_model(), sentences(), shuffle=False)
    loss = trainer.train().training_loss
    return SimpleNamespace(
        model=trainer.model,
        loss=loss,
        log=list(trainer.state.log_history),
        final=trainer.evaluate(),
        arguments=trainer.args,
        saved=list(Path(trainer.args.output_dir).glob("*")),
    )


@pytest.fixture(scope="module")
def looped(tokenizer):
    """What the hand-made loop makes of the same: the model, the loss and the metrics of every epoch."""
    accelerator, model, optimizer, scheduler, train_loader, eval_loader = training.prepare(
        PROFILE,
        tiny_model(),
        train_dataset=sentences(),
        eval_dataset=sentences(),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        shuffle=False,
    )
    losses, scores = [], []
    for _ in range(PROFILE.epochs):
        losses.append(training.train_epoch(accelerator, model, optimizer, scheduler, train_loader))
        scores.append(training.evaluate_epoch(accelerator, model, eval_loader, score))
    return SimpleNamespace(model=model, losses=losses, scores=scores)


def test_both_ways_end_with_the_same_weights(trained, looped):
    by_trainer, by_hand = weights(trained.model), weights(looped.model)
    assert [name for name in by_trainer if not torch.allclose(by_trainer[name], by_hand[name], atol=1e-5)] == []


def test_every_parameter_learns_something(looped):
    """Otherwise it would be no wonder that they agree."""
    start = weights(tiny_model())
    assert [name for name, value in weights(looped.model).items() if torch.equal(value, start[name])] == []
    assert looped.losses[1] < looped.losses[0]


def test_both_ways_report_the_same_loss(trained, looped):
    by_epoch = [entry["loss"] for entry in trained.log if "loss" in entry]
    assert looped.losses == pytest.approx(by_epoch, abs=1e-4)
    assert np.mean(looped.losses) == pytest.approx(trained.loss, abs=1e-4)


def test_both_ways_report_the_same_metrics_after_every_epoch(trained, looped):
    by_trainer = [entry for entry in trained.log if "eval_f1" in entry]
    for entry, scores in zip(by_trainer, looped.scores, strict=True):
        assert {name: entry[f"eval_{name}"] for name in scores} == pytest.approx(scores)


def test_evaluating_again_gives_the_metrics_of_the_last_epoch(trained, looped):
    last = looped.scores[-1]
    assert {name: trained.final[f"eval_{name}"] for name in last} == pytest.approx(last)


def test_the_loop_puts_the_model_into_the_right_mode(tokenizer):
    parts = training.prepare(
        PROFILE,
        tiny_model(),
        train_dataset=sentences(6),
        eval_dataset=sentences(6),
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    accelerator, model, *_, eval_loader = parts
    model.eval()
    training.train_epoch(*parts[:5])
    assert model.training
    training.evaluate_epoch(accelerator, model, eval_loader, score)
    assert not model.training


def test_every_sentence_is_evaluated_once_and_in_order(tokenizer):
    data, seen = sentences(), []
    parts = training.prepare(
        PROFILE,
        tiny_model(),
        train_dataset=data,
        eval_dataset=data,
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    training.evaluate_epoch(parts[0], parts[1], parts[5], lambda eval_pred: seen.append(eval_pred))
    _, labels = seen[0]
    assert [row[row != -100].tolist() for row in labels] == [row[1:-1] for row in data["labels"]]


# ---- make_trainer


def test_predictions_come_in_the_order_of_the_data(trainer_of):
    """Trainer groups by length in evaluation, too, and row n then belongs to another sentence."""
    data, model = sentences(), tiny_model()
    trainer = trainer_of(model, data, shuffle=True)
    predictions, labels, _ = trainer.predict(data)
    assert [row[row != -100].tolist() for row in labels] == [row[1:-1] for row in data["labels"]]
    for row, ids in zip(predictions, data["input_ids"]):
        with torch.no_grad():
            alone = model(input_ids=torch.tensor([ids], device=model.device)).logits[0].cpu().numpy()
        np.testing.assert_allclose(row[: len(ids)], alone, atol=1e-4)


def test_the_same_seed_trains_the_same_model(trainer_of):
    results = []
    for seed in (1, 1, 2):
        trainer = trainer_of(tiny_model(), sentences(), epochs=1, seed=seed)
        trainer.train()
        results.append(weights(trainer.model)["classifier.weight"])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_nothing_is_saved_or_reported_unless_asked(trained):
    assert trained.arguments.report_to == []
    assert trained.arguments.save_strategy == "no"
    assert trained.saved == []


def test_the_trainers_folder_goes_with_it(trainer_of):
    trainer = trainer_of(tiny_model(), sentences())
    folder = Path(trainer.args.output_dir)
    assert folder.is_dir()
    del trainer
    gc.collect()
    assert not folder.exists()


def test_metrics_come_after_every_epoch(trained):
    assert [entry["epoch"] for entry in trained.log if "eval_f1" in entry] == [1.0, 2.0]


@pytest.mark.parametrize(("max_steps", "steps"), [(0, 6), (3, 3), (50, 6)])
def test_max_steps_ends_a_training_and_never_lengthens_it(trainer_of, max_steps, steps):
    trainer = trainer_of(tiny_model(layers=1), sentences(), epochs=1, max_steps=max_steps)
    trainer.train()
    assert trainer.state.global_step == steps


def test_without_evaluation_data_it_only_trains(tokenizer):
    collator = DataCollatorForTokenClassification(tokenizer)
    trainer = training.make_trainer(
        PROFILE, tiny_model(), tokenizer, train_dataset=sentences(6), data_collator=collator
    )
    assert trainer.train().training_loss > 0
    assert [entry for entry in trainer.state.log_history if "eval_loss" in entry] == []


# ---- batches


@settings(max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=120), st.integers(1, 8))
def test_shuffled_groups_take_every_row_once(lengths, batch_size):
    order = training.shuffled_groups(lengths, batch_size)
    assert sorted(order) == list(range(len(lengths)))


def test_shuffled_groups_save_padding_without_an_order_of_length():
    torch.manual_seed(0)
    lengths = torch.randint(1, 100, (800,)).tolist()
    order = training.shuffled_groups(lengths, 8)
    batches = [[lengths[i] for i in order[start : start + 8]] for start in range(0, 800, 8)]
    assert np.mean([max(batch) - min(batch) for batch in batches]) < 15  # drawn at random: about 80
    longest = [max(batch) for batch in batches]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3
    assert training.shuffled_groups(lengths, 8) != order


def test_rows_by_length_are_the_same_rows_in_batches_of_like_length():
    lengths = [2, 9] * 40
    rows = Dataset.from_dict({"input_ids": [[0] * n for n in lengths], "number": list(range(80))})
    ordered = training.by_length(rows, 8)
    assert sorted(ordered["number"]) == list(range(80))
    assert list(ordered["number"]) != list(range(80))
    assert all(len({len(ids) for ids in ordered[at : at + 8]["input_ids"]}) == 1 for at in range(0, 80, 8))


@pytest.mark.parametrize("attention_dropout", [True, False])
def test_a_model_is_adapted_as_the_profile_says(attention_dropout):
    model = tiny_model(dropout=0.1)
    training.adapt(model, dataclasses.replace(PROFILE, frozen_layers=1, attention_dropout=attention_dropout))
    first, second = model.bert.encoder.layer
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert all(parameter.requires_grad for parameter in second.parameters())
    assert second.attention.self.dropout.p == (0.1 if attention_dropout else 0.0)
    assert second.attention.output.dropout.p == 0.1


def test_a_profile_chooses_shuffled_groups(trainer_of):
    data, seen = sentences(), []
    trainer = trainer_of(tiny_model(layers=1), data, epochs=1, sampling="shuffled_groups")
    for batch in trainer.get_train_dataloader():
        seen += [row[row != -100].tolist() for row in batch["labels"]]
    assert sorted(seen) == sorted(row[1:-1] for row in data["labels"])
    assert seen != [row[1:-1] for row in data["labels"]]


# ---- freeze


def test_frozen_layers_do_not_change(trainer_of):
    model = tiny_model()
    before = weights(model)
    trainer_of(model, sentences(), frozen_layers=1, epochs=1).train()
    changed = {name for name, value in weights(model).items() if not torch.equal(value, before[name])}
    frozen = ("bert.embeddings.", "bert.encoder.layer.0.")
    assert changed == {name for name in before if not name.startswith(frozen)}


@pytest.mark.parametrize("build", [partial(tiny_model, dropout=0.1), tiny_distilbert])
def test_attention_dropout_is_switched_off_and_no_other(build):
    model = build()
    before = {name: module.p for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)}
    training.drop_no_attention(model)
    after = {name: module.p for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)}
    changed = {name for name in before if before[name] != after[name]}
    assert len(changed) == len(training.blocks(model)) - 1
    assert all("attention" in name and "output" not in name and after[name] == 0 for name in changed)


def test_both_ways_of_training_follow_the_profile(trainer_of, tokenizer):
    with_it, without = tiny_model(dropout=0.1), tiny_model(dropout=0.1)
    trainer_of(with_it, sentences())
    trainer_of(without, sentences(), attention_dropout=False)
    rates = [model.bert.encoder.layer[0].attention.self.dropout.p for model in (with_it, without)]
    assert rates == [0.1, 0.0]
    _, looped, *_ = training.prepare(
        dataclasses.replace(PROFILE, attention_dropout=False),
        tiny_model(dropout=0.1),
        train_dataset=sentences(6),
        eval_dataset=sentences(6),
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    assert looped.bert.encoder.layer[0].attention.self.dropout.p == 0.0


@pytest.mark.parametrize("build", [tiny_model, tiny_distilbert])
def test_zero_freezes_nothing(build):
    model = build()
    training.freeze(model, 0)
    assert all(value.requires_grad for value in model.parameters())


@pytest.mark.parametrize(
    ("build", "frozen"),
    [
        (tiny_model, ("bert.embeddings.", "bert.encoder.layer.0.")),
        (tiny_distilbert, ("distilbert.embeddings.", "distilbert.transformer.layer.0.")),
    ],
)
def test_the_embeddings_and_the_lowest_layers_are_frozen(build, frozen):
    model = build()
    training.freeze(model, 1)
    for name, value in model.named_parameters():
        assert value.requires_grad != name.startswith(frozen), name


def test_what_is_frozen_says_the_same_in_training_and_what_learns_has_its_dropout():
    """Layer 1 is frozen, layer 2 learns: of two passes over the same tokens only the second differs."""
    model = tiny_model(dropout=0.5).train()
    training.freeze(model, 1)
    ids = torch.arange(5, 15)[None]
    first, second = (model(ids, output_hidden_states=True).hidden_states for _ in range(2))
    assert [torch.equal(*pair) for pair in zip(first, second)] == [True, True, False]


def test_the_loop_freezes_as_trainer_does(tokenizer):
    _, model, *_ = training.prepare(
        dataclasses.replace(PROFILE, frozen_layers=2),
        tiny_model(),
        train_dataset=sentences(6),
        eval_dataset=sentences(6),
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    assert {name for name, value in model.named_parameters() if value.requires_grad} == {
        "classifier.weight",
        "classifier.bias",
    }


# ---- learning rates


def rates(optimizer, model):
    """The learning rate of every parameter that the optimizer has."""
    name_of = {value: name for name, value in model.named_parameters()}
    return {name_of[value]: group["lr"] for group in optimizer.param_groups for value in group["params"]}


@pytest.mark.parametrize(
    ("build", "encoder"),
    [(tiny_model, "bert.encoder.layer"), (tiny_distilbert, "distilbert.transformer.layer")],
)
def test_with_layer_decay_the_rate_falls_from_layer_to_layer(build, encoder):
    model = build(layers=3)
    profile = dataclasses.replace(PROFILE, learning_rate=0.8, layer_decay=0.5)
    expected = {f"{encoder}.2.": 0.4, f"{encoder}.1.": 0.2, f"{encoder}.0.": 0.1, ".embeddings.": 0.05, "": 0.8}
    found = rates(training.make_optimizer(profile, model), model)
    assert found.keys() == weights(model).keys()
    for name, rate in found.items():
        assert rate == pytest.approx(next(rate for place, rate in expected.items() if place in name)), name


@pytest.mark.parametrize("build", [tiny_model, tiny_distilbert])
def test_without_layer_decay_the_rate_is_the_same_everywhere(build):
    model = build()
    assert set(rates(training.make_optimizer(PROFILE, model), model).values()) == {PROFILE.learning_rate}


def test_frozen_parameters_are_not_the_optimizers():
    model = tiny_model()
    training.freeze(model, 2)
    profile = dataclasses.replace(PROFILE, layer_decay=0.5)
    assert rates(training.make_optimizer(profile, model), model).keys() == {"classifier.weight", "classifier.bias"}


def test_weight_decay_spares_biases_and_scales():
    model = tiny_model()
    groups = training.make_optimizer(dataclasses.replace(PROFILE, layer_decay=0.5), model).param_groups
    decayed = {value: group["weight_decay"] for group in groups for value in group["params"]}
    for name, value in model.named_parameters():
        spared = name.endswith("bias") or "LayerNorm" in name
        assert decayed[value] == (0.0 if spared else PROFILE.weight_decay), name


RECIPE = {"schedule": "cosine", "label_smoothing": 0.2, "layer_decay": 0.7, "frozen_layers": 1}


@pytest.fixture(scope="module")
def by_recipe(tokenizer, trainer_of):
    """The model and the loss of one epoch with every setting at work, by Trainer and by hand."""
    trainer = trainer_of(tiny_model(), sentences(), shuffle=False, epochs=1, **RECIPE)
    loss = trainer.train().training_loss
    *parts, _ = training.prepare(
        dataclasses.replace(PROFILE, epochs=1, **RECIPE),
        tiny_model(),
        train_dataset=sentences(),
        eval_dataset=sentences(),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        shuffle=False,
    )
    return SimpleNamespace(trainer=trainer, loss=loss, loop_loss=training.train_epoch(*parts), model=parts[1])


def test_both_ways_follow_the_same_recipe(by_recipe):
    by_trainer, by_hand = weights(by_recipe.trainer.model), weights(by_recipe.model)
    assert [name for name in by_trainer if not torch.allclose(by_trainer[name], by_hand[name], atol=1e-5)] == []
    assert by_recipe.loop_loss == pytest.approx(by_recipe.loss, abs=1e-4)


@pytest.mark.parametrize("setting", RECIPE)
def test_every_setting_of_the_recipe_makes_a_difference(by_recipe, trainer_of, setting):
    """Otherwise it would be no wonder that they agree."""
    without = trainer_of(tiny_model(), sentences(), shuffle=False, epochs=1, **{**RECIPE, setting: DEFAULTS[setting]})
    without.train()
    changed = weights(by_recipe.trainer.model)["classifier.weight"]
    assert not torch.allclose(weights(without.model)["classifier.weight"], changed, atol=1e-5)


DEFAULTS = {field.name: field.default for field in dataclasses.fields(profiles.Profile)}


def test_smoothed_labels_ask_for_less_certainty():
    """Every third token is I-PER, and a model that is sure of what it sees pays for it."""
    batch = {name: torch.tensor(sentences(1)[name]) for name in ("input_ids", "attention_mask", "labels")}
    model = tiny_model().eval()
    plain = model(**batch)
    training.smooth_labels(model, 0.3)
    probabilities = plain.logits.log_softmax(-1)[batch["labels"] != -100]
    uniform = -probabilities.mean()
    assert model(**batch).loss.item() == pytest.approx((0.7 * plain.loss + 0.3 * uniform).item())
    assert model(input_ids=batch["input_ids"]).loss is None
