"""A transformer of one layer learns what its parts allow, and the notebook shows the code that there is."""

import inspect
import re
import textwrap

import pytest
import torch

from course.build.read import UNITS
from helpers import one_layer, profiles


def without_docstrings(source: str) -> str:
    return re.sub(r'\n\s*"""(?:.|\n)*?"""\n', "\n", source)


def test_the_fold_of_the_unit_shows_this_class():
    text = (UNITS / "transformer" / "unit.py").read_text(encoding="utf-8")
    fold = re.search(r"^# ```python\n(# class OneLayer.*?)^# ```$", text, re.S | re.M)[1]
    shown = "\n".join(line[2:] for line in fold.split("\n"))
    lines = [line for line in without_docstrings(inspect.getsource(one_layer.OneLayer)).split("\n") if line.strip()]
    assert [line for line in shown.split("\n") if line.strip()] == lines


def test_what_is_masked_changes_nothing():
    torch.manual_seed(0)
    model, ids = one_layer.OneLayer(10, 6), torch.tensor([[1, 2, 3, 4, 0, 0]])
    mask = torch.tensor([[True] * 4 + [False] * 2])
    other = torch.tensor([[1, 2, 3, 4, 7, 9]])
    assert torch.allclose(model(ids, mask)[:, :4], model(other, mask)[:, :4], atol=1e-6)
    assert not torch.allclose(model(ids)[:, :4], model(other)[:, :4], atol=1e-4)


def test_without_positions_the_same_symbol_gets_the_same_logits():
    torch.manual_seed(0)
    ids = torch.tensor([[3, 5, 3]])
    logits = one_layer.OneLayer(10, 3, positions=False)(ids)
    assert torch.allclose(logits[0, 0], logits[0, 2])
    assert not torch.allclose(*one_layer.OneLayer(10, 3)(ids)[0, [0, 2]])


@pytest.mark.parametrize("name", ["quick", "offline"])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_to_turn_a_sequence_round_and_does_not_without_positions(name, seed):
    profile = profiles.load("transformer", name)
    inputs, targets = one_layer.reversed_sequences(2000, 8, 10, seed=seed)
    new = one_layer.reversed_sequences(500, 8, 10, seed=99)
    reached = []
    for positions in (True, False):
        torch.manual_seed(seed)
        model = one_layer.OneLayer(10, 8, positions=positions)
        one_layer.fit(model, inputs, targets, profile.max_steps, profile.batch_size, profile.learning_rate)
        reached.append(one_layer.accuracy(model, *new))
    assert reached[0] >= profile.floor
    assert 0.15 <= reached[1] <= profile.ceiling


def test_a_model_that_has_learned_looks_at_the_mirror_image():
    torch.manual_seed(0)
    model = one_layer.OneLayer(10, 8)
    inputs, targets = one_layer.reversed_sequences(2000, 8, 10, seed=0)
    one_layer.fit(model, inputs, targets, 60, 64, 1e-2)
    model(inputs[:1])
    assert model.weights[0].argmax(dim=1).tolist() == list(range(8))[::-1]


def test_the_batches_go_round():
    """More steps than batches: the rows come again from the beginning."""
    model = one_layer.OneLayer(4, 3)
    one_layer.fit(model, *one_layer.reversed_sequences(5, 3, 4, seed=0), steps=9, batch_size=2, learning_rate=1e-3)
    assert textwrap.dedent(inspect.getsource(one_layer.fit)).count("\n") <= 15
