"""Trained models come over as numbers: what the student's side says of them can only cost the student."""

import pytest
import torch

from course.grade.judge import weights
from course.grade.judge.remote import Remote
from course.grade.judge.weights import OtherModel, has_body_of, with_weights_of
from course.grade.sandbox.process import arrays


class Model(torch.nn.Module):
    """A small body and a head."""

    base_model_prefix = "body"

    def __init__(self, seed: int, width: int = 3):
        super().__init__()
        torch.manual_seed(seed)
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5))
        self.head = torch.nn.Linear(5, width)

    def forward(self, rows):
        return self.head(self.body(rows))


ROWS = torch.arange(8.0).reshape(2, 4)


class Wire:
    """A student's side that answers about a model as it likes."""

    def __init__(self, model, **lies):
        self.state, self.lies = model.state_dict(), lies
        self.asked = []

    def ask(self, operation, *arguments):
        self.asked.append((operation, *arguments[1:2]))
        if operation in self.lies:
            return self.lies[operation]
        if operation == "digests":
            return {name: (arrays.digest(tensor), list(tensor.shape)) for name, tensor in self.state.items()}
        _, name, start, stop = arguments
        return self.state[name].reshape(-1)[start:stop].clone()


@pytest.fixture
def remote(monkeypatch):
    """A function: a side of the student's → its model as a test sees it."""

    def remote(wire: Wire) -> Remote:
        made = object.__new__(Remote)
        monkeypatch.setattr(Remote, "_ask", lambda self, *request: wire.ask(*request), raising=False)
        return made

    return remote


@pytest.mark.parametrize("piece", [4, 8 << 20])
def test_the_graders_model_gets_the_weights(remote, monkeypatch, piece):
    monkeypatch.setattr(weights, "PIECE", piece)
    trained = Model(1).eval()
    mine = with_weights_of(remote(Wire(trained)), Model(2))
    assert torch.equal(mine(ROWS), trained(ROWS)) and not mine.training


def test_a_model_of_the_same_process(remote):
    assert torch.equal(with_weights_of(Model(1).eval(), Model(2))(ROWS), Model(1).eval()(ROWS))


def test_what_has_not_changed_does_not_come_over(remote):
    """So a lie costs only the liar."""
    start, trained = Model(1), Model(1)
    with torch.no_grad():
        trained.head.bias += 1
    wire = Wire(trained)
    with_weights_of(remote(wire), start)
    assert [what for what in wire.asked if what[0] == "weights"] == [("weights", "head.bias")]
    unchanged = {name: (arrays.digest(t), list(t.shape)) for name, t in Model(1).state_dict().items()}
    liar = with_weights_of(remote(Wire(trained, digests=unchanged)), Model(1))
    assert torch.equal(liar(ROWS), Model(1).eval()(ROWS))


LIES = {
    "no dictionary": {"digests": 3},
    "other tensors": {"digests": {"body.0.weight": ("x", [5, 4])}},
    "other shapes": {"digests": {name: ("x", [1]) for name in Model(1).state_dict()}},
    "shapes that are none": {"digests": dict.fromkeys(Model(1).state_dict(), ("x", "5"))},
    "no tensor": {"weights": [1.0]},
    "another length": {"weights": torch.zeros(1)},
    "another type": {"weights": torch.zeros(20, dtype=torch.float64)},
    "nothing": {"digests": None},
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_a_failed_test(remote, name):
    with pytest.raises(OtherModel):
        with_weights_of(remote(Wire(Model(1), **LIES[name])), Model(2))


@pytest.mark.parametrize("value", [3, None, "model", {}, Model])
def test_what_is_no_model_is_a_failed_test(value):
    with pytest.raises(OtherModel):
        with_weights_of(value() if isinstance(value, type) and value is not Model else 3, Model(2))


def test_the_body_is_compared_and_the_head_is_not(remote):
    start, fresh = Model(1), Model(1)
    torch.nn.init.normal_(fresh.head.weight)
    assert has_body_of(fresh, start) and has_body_of(remote(Wire(fresh)), start)
    torch.nn.init.normal_(fresh.body[0].weight)
    assert not has_body_of(fresh, start) and not has_body_of(remote(Wire(fresh)), start)
    assert not has_body_of(Model(1, width=4), start)
    assert not has_body_of(3, start)


def mean_pooling_classifier(seed: int):
    from helpers.pooling import MeanPoolingClassifier, MeanPoolingConfig

    torch.manual_seed(seed)
    sizes = {"vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
    return MeanPoolingClassifier(MeanPoolingConfig(**sizes, intermediate_size=4, num_labels=3))


def test_a_classifier_that_reads_by_the_mean_comes_over_whole(remote):
    """With what its head has counted: means and variances, and the number of batches, which is no float."""
    rows = torch.tensor([[1, 2, 3], [4, 5, 6]])
    trained = mean_pooling_classifier(1)
    trained(rows)
    trained.eval()
    mine = with_weights_of(remote(Wire(trained)), mean_pooling_classifier(2))
    assert torch.equal(mine(rows).logits, trained(rows).logits)
    assert mine.standardize.num_batches_tracked == 1
    fresh = mean_pooling_classifier(3)
    fresh.bert.load_state_dict(trained.bert.state_dict())
    assert has_body_of(remote(Wire(fresh)), trained)
    assert not has_body_of(remote(Wire(mean_pooling_classifier(3))), trained)
