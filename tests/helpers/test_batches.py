"""Batches of like length: nothing is lost, little is padded, and what a model has answered is found again."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers import batches, intent, ner, toxicity

INPUTS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=30), max_size=40)


@given(INPUTS, st.integers(1, 60))
def test_every_input_is_in_one_batch_which_is_as_full_as_it_may_be(inputs, most):
    found = list(batches.of_like_length(inputs, most))
    assert [row for batch in found for row in batch] == sorted(inputs, key=len)
    assert all(len(batch) * len(batch[-1]) <= most or len(batch) == 1 for batch in found)
    assert all((len(batch) + 1) * len(following[0]) > most for batch, following in itertools.pairwise(found))


class Echo:
    """A tokenizer that pads with 0, and a model that answers ten times a token, `[n, l, 1]`."""

    config, device = SimpleNamespace(), "cpu"

    def __init__(self):
        self.shown, self.training = [], True

    def eval(self):
        self.training = False

    def pad(self, encoded, return_tensors):
        rows = encoded["input_ids"]
        width = max(map(len, rows))
        return SimpleNamespace(
            to=lambda _: {"input_ids": torch.tensor([row + [0] * (width - len(row)) for row in rows])}
        )

    def __call__(self, input_ids):
        assert not self.training and not torch.is_grad_enabled()
        self.shown += input_ids.tolist()
        return input_ids[..., None] * 10


@given(INPUTS)
def test_each_input_is_asked_about_once_and_found_again(inputs):
    echo = Echo()
    known = batches.answered(inputs, echo, echo, tokenizer=echo)
    assert len(echo.shown) == len(set(map(tuple, inputs)))
    for row in inputs:
        said = [[10 * token] for token in row]
        assert known(torch.tensor([row])).logits.tolist() == [said]
        assert known.generate(torch.tensor([row]), max_new_tokens=3)[0, : len(row)].tolist() == said
    assert torch.is_grad_enabled()


def test_what_is_said_about_a_whole_text_is_found_whole():
    echo = Echo()
    known = batches.answered([[1], [2, 3]], lambda input_ids: echo(input_ids).repeat(1, 1, 5)[:, 0], echo, echo)
    assert known(torch.tensor([[2, 3]]), attention_mask=torch.ones(1, 2)).logits.tolist() == [[20] * 5]


LISTS = {
    "find_entities": lambda texts: ner.find_entities(texts, None, None),
    "are_toxic": lambda texts: toxicity.are_toxic(texts, {}, None, None, ""),
    "predict_intents": lambda texts: intent.predict_intents(texts, None, None),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_bare_string_is_not_read_letter_by_letter(name):
    with pytest.raises(TypeError, match="square brackets"):
        LISTS[name]("Rome")
