"""What frozen layers say of a text is computed once, and is what they would say again."""

import copy

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from helpers import frozen, pooling, training

SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8}
AUTO = {"texts": AutoModelForSequenceClassification, "tokens": AutoModelForTokenClassification}
IDS = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0], [9, 3, 4, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])


def build(kind="texts", layers=2, attention="sdpa", **config):
    """A model in training whose lower layers are frozen, and nothing of which depends on chance."""
    torch.manual_seed(0)
    config = pooling.MeanPoolingConfig(**SIZES, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **config)
    config._attn_implementation = attention
    model = AUTO[kind].from_config(config).train()
    training.freeze(model, layers)
    return model


def counted(model):
    """The number of rows that its first layer computes, in a list that grows."""
    rows = []
    model.bert.encoder.layer[0].register_forward_pre_hook(lambda layer, inputs: rows.append(len(inputs[0])))
    return rows


def logits(model, ids=IDS, mask=MASK, **more):
    return model(ids, attention_mask=mask, **more).logits


def anew(model, *batch, **more):
    """The logits by the layers themselves: asked for its hidden states, a model computes all of them."""
    return logits(model, *batch, output_hidden_states=True, **more)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("kind", "read"), [("texts", (1, 3)), ("texts", (2, 3)), ("tokens", (2,)), ("tokens", (3,))])
def test_what_is_remembered_is_what_is_computed(kind, read, layers, attention):
    name = "text_layers" if kind == "texts" else "token_layers"
    model = build(kind, layers, attention, **{name: read})
    expected = anew(model)[MASK.bool()] if kind == "tokens" else anew(model)
    for _ in range(2):
        found = logits(model)
        torch.testing.assert_close(found[MASK.bool()] if kind == "tokens" else found, expected, atol=1e-5, rtol=1e-5)


def test_a_text_is_computed_once_whatever_stands_beside_it():
    model = build()
    rows = counted(model)
    logits(model)
    logits(model, IDS[[1, 0]], MASK[[1, 0]])
    logits(model, IDS[1:2, :2], MASK[1:2, :2])
    assert rows == [3]
    found = logits(model, torch.tensor([[7, 8, 0], [3, 3, 3]]), torch.tensor([[1, 1, 0], [1, 1, 1]]))
    assert rows == [3, 1]
    again = anew(model, torch.tensor([[7, 8, 0], [3, 3, 3]]), torch.tensor([[1, 1, 0], [1, 1, 1]]))
    torch.testing.assert_close(found, again, atol=1e-5, rtol=1e-5)


def test_texts_differ_by_mask_and_types_too():
    """Padding in front moves the positions; the other text of a pair has another embedding."""
    model = build()
    logits(model)
    for more in ({"mask": MASK.flip(1), "ids": IDS.flip(1)}, {"token_type_ids": MASK}):
        torch.testing.assert_close(logits(model, **more), anew(model, **more), atol=1e-5, rtol=1e-5)


def test_the_upper_layers_learn_what_they_would_learn():
    gradients = []
    for ask in (logits, anew):
        model = build()
        for _ in range(2):  # the second time from memory
            model.zero_grad()
            ask(model).square().sum().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert any("layer.2" in name for name in gradients[0]) and not any("layer.1" in name for name in gradients[0])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-4, rtol=1e-4)


def test_other_weights_say_something_else():
    model = build()
    logits(model)
    other = {name: tensor + 0.1 for name, tensor in model.bert.state_dict().items()}
    model.bert.load_state_dict(other)
    torch.testing.assert_close(logits(model), anew(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 3])
def test_who_freezes_less_or_more_later_gets_that(layers):
    model = build(layers=2)
    logits(model)
    model.requires_grad_(True)
    training.freeze(model, layers)
    torch.testing.assert_close(logits(model), anew(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layers", [0, 2])
def test_what_learns_or_drops_is_not_remembered(layers):
    model = build(layers=layers)
    model.bert.embeddings.dropout.p = 0.5
    assert frozen.frozen_layers(model.bert) == -1
    logits(model)
    assert not model.memory.states


def test_nothing_is_remembered_before_a_training():
    model = build().eval()
    logits(model)
    assert not model.memory.states


def test_an_evaluation_between_two_epochs_remembers_too():
    model = build()
    logits(model)
    rows = counted(model.eval())
    batch = IDS + 1, MASK
    first, second = (logits(model, *batch) for _ in range(2))
    assert rows == [3]
    torch.testing.assert_close(first, anew(model, *batch), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(second, first)


def test_memory_has_an_end_and_then_is_computed_again():
    model = build()
    model.memory.most_bytes = 130  # the first text: a layer, four tokens, eight numbers of four bytes each
    rows = counted(model)
    for _ in range(2):
        torch.testing.assert_close(logits(model), anew(model), atol=1e-5, rtol=1e-5)
    assert [len(model.memory.states), model.memory.bytes] == [1, 128]
    assert rows == [3, 3, 2, 3]


def test_a_copy_and_a_saved_model_have_none_of_it(tmp_path):
    model = build()
    logits(model)
    assert model.memory.states and not copy.deepcopy(model).memory.states
    assert not any("memory" in name for name in model.state_dict())
    model.save_pretrained(tmp_path)
    assert not AUTO["texts"].from_pretrained(tmp_path).memory.states


def test_a_text_without_tokens_is_no_error():
    assert logits(build(), mask=MASK * torch.tensor([[1], [0], [1]])).isfinite().all()
