"""The head that reads a text by the mean of its tokens."""

import subprocess
import sys

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification
from transformers.modeling_outputs import SequenceClassifierOutput, TokenClassifierOutput

from helpers import pooling, profiles, training

SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
NAMES = {0: "no", 1: "yes", 2: "perhaps"}


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = pooling.MeanPoolingConfig(**SIZES, id2label=NAMES, label2id={name: n for n, name in NAMES.items()})
    return AutoModelForSequenceClassification.from_config(config).eval()


def test_the_class_of_a_text_comes_from_the_mean_of_its_tokens(model):
    ids = torch.tensor([[3, 4, 5]])
    hidden = model.bert(ids).last_hidden_state
    assert torch.allclose(model(ids).logits, model.classifier(model.standardize(hidden.mean(dim=1))))


def test_it_can_be_read_from_several_layers():
    config = pooling.MeanPoolingConfig(**SIZES, text_layers=[1, 2], id2label=NAMES)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    ids = torch.tensor([[3, 4, 5]])
    _words, lower, upper = model.bert(ids, output_hidden_states=True).hidden_states
    means = torch.cat([lower.mean(dim=1), upper.mean(dim=1)], dim=-1)
    assert torch.allclose(model(ids).logits, model.classifier(model.standardize(means)))


def test_layers_above_the_last_that_is_read_are_left_out():
    config = pooling.MeanPoolingConfig(**SIZES, text_layers=[1], id2label=NAMES)
    assert len(AutoModelForSequenceClassification.from_config(config).bert.encoder.layer) == 1


def test_padding_changes_nothing(model):
    short = model(torch.tensor([[3, 4, 5]])).logits
    padded = {"input_ids": torch.tensor([[3, 4, 5, 1, 1]]), "attention_mask": torch.tensor([[1, 1, 1, 0, 0]])}
    assert torch.allclose(model(**padded).logits, short, atol=1e-6)


def test_a_row_of_padding_alone_is_no_error(model):
    assert model(torch.ones(1, 2, dtype=int), attention_mask=torch.zeros(1, 2, dtype=int)).logits.isfinite().all()


def test_the_output_is_that_of_any_classifier(model):
    output = model(torch.tensor([[3, 4], [5, 6]]), labels=torch.tensor([0, 2]), output_hidden_states=True)
    assert type(output) is SequenceClassifierOutput
    assert torch.isclose(output.loss, torch.nn.functional.cross_entropy(output.logits, torch.tensor([0, 2])))
    assert len(output.hidden_states) == 3
    loss, logits, *_ = model(torch.tensor([[3]]), labels=torch.tensor([1]), return_dict=False)
    assert loss.ndim == 0 and logits.shape == (1, 3)


def test_what_is_saved_comes_back(model, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(loaded) is pooling.MeanPoolingClassifier
    assert loaded.config.id2label == NAMES
    assert loaded.config.train_word_embeddings is False
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_the_body_alone_and_a_tagger_come_from_the_same_folder(model, tmp_path):
    model.bert.save_pretrained(tmp_path)
    for auto in (AutoModel, AutoModelForTokenClassification, AutoModelForSequenceClassification):
        loaded = auto.from_pretrained(tmp_path)
        assert loaded.config_class is pooling.MeanPoolingConfig
        for name, tensor in model.bert.state_dict().items():
            assert torch.equal(loaded.base_model.state_dict()[name], tensor), name


class TestTagger:
    """It looks at single tokens, and has fewer layers for that."""

    @pytest.fixture
    def tagger(self):
        torch.manual_seed(0)
        config = pooling.MeanPoolingConfig(**SIZES, token_layers=(1,), id2label=NAMES)
        return AutoModelForTokenClassification.from_config(config).eval()

    def test_a_token_has_its_class_from_a_lower_layer(self, model, tagger):
        assert (len(tagger.bert.encoder.layer), len(model.bert.encoder.layer)) == (1, 2)
        ids = torch.tensor([[3, 4, 5]])
        hidden = tagger.bert(ids).last_hidden_state
        assert torch.allclose(tagger(ids).logits[0], tagger.classifier(tagger.standardize(hidden[0])))

    def test_padding_changes_nothing(self, tagger):
        padded = {"input_ids": torch.tensor([[3, 4, 1]]), "attention_mask": torch.tensor([[1, 1, 0]])}
        assert torch.allclose(tagger(**padded).logits[:, :2], tagger(torch.tensor([[3, 4]])).logits, atol=1e-6)

    def test_padding_is_no_part_of_the_mean(self, tagger):
        ids, mask = torch.tensor([[3, 4, 1]]), torch.tensor([[1, 1, 0]])
        for module in tagger.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        tagger.train()(ids, attention_mask=mask)
        mean = tagger.bert(ids, attention_mask=mask).last_hidden_state[0, :2].mean(dim=0)
        assert torch.allclose(tagger.standardize.running_mean, mean, atol=1e-6)

    def test_labels_of_minus_100_are_left_out(self, tagger):
        ids = torch.tensor([[3, 4], [5, 6]])
        output = tagger(ids, labels=torch.tensor([[0, -100], [-100, 2]]))
        chosen = output.logits[[0, 1], [0, 1]]
        assert type(output) is TokenClassifierOutput
        assert torch.isclose(output.loss, torch.nn.functional.cross_entropy(chosen, torch.tensor([0, 2])))

    def test_what_is_saved_comes_back(self, tagger, tmp_path):
        tagger.save_pretrained(tmp_path)
        loaded = AutoModelForTokenClassification.from_pretrained(tmp_path)
        assert (type(loaded), loaded.config.num_hidden_layers) == (pooling.MeanPoolingTagger, 2)
        assert {n: t.tolist() for n, t in loaded.state_dict().items()} == {
            n: t.tolist() for n, t in tagger.state_dict().items()
        }

    def test_a_model_with_fewer_layers_keeps_them(self):
        config = pooling.MeanPoolingConfig(**SIZES, token_layers=(8,))
        assert len(AutoModelForTokenClassification.from_config(config).bert.encoder.layer) == 2


def test_a_fresh_process_loads_it_through_fetch(model, tmp_path):
    """No code comes with the folder, and nobody has to trust any."""
    model.save_pretrained(tmp_path)
    code = (
        "import sys; from helpers import models; from transformers import AutoModelForSequenceClassification as Auto; "
        "print(type(Auto.from_pretrained(models.fetch(sys.argv[1]))).__name__)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["MeanPoolingClassifier"]


@pytest.mark.parametrize("layers", [0, 1])
def test_its_word_embeddings_are_never_trained(model, layers):
    training.freeze(model, layers)
    words = model.get_input_embeddings().weight
    profile = profiles.load("intent", "quick")
    trained = [p for group in training.make_optimizer(profile, model).param_groups for p in group["params"]]
    assert not any(parameter is words for parameter in trained)
    assert model.bert.embeddings.position_embeddings.weight.requires_grad is (layers == 0)
    assert model.bert.encoder.layer[1].output.dense.weight.requires_grad


def test_a_trainer_trains_all_but_the_word_embeddings(model):
    from datasets import Dataset
    from transformers import BatchEncoding

    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rows = Dataset.from_dict({"input_ids": [[3, 4], [5, 6]], "attention_mask": [[1, 1], [1, 1]], "labels": [0, 2]})

    def collate(batch):
        return BatchEncoding({name: torch.tensor([row[name] for row in batch]) for name in batch[0]})

    profile = profiles.load("intent", "quick", epochs=3)
    trainer = training.make_trainer(profile, model, None, train_dataset=rows, data_collator=collate)
    trainer.train()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor.cpu(), before[name])}
    assert "classifier.weight" in changed and "bert.embeddings.word_embeddings.weight" not in changed


def test_the_head_sees_features_of_mean_0_and_variance_1():
    """In training those of the batch, afterwards those of all batches."""
    head = pooling.Standardize(4)
    rows = 5 + 0.1 * torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    for scaled in (head(rows), head.eval()(rows)):
        assert torch.allclose(scaled.mean(dim=0), torch.zeros(4), atol=1e-3)
        assert torch.allclose(scaled.std(dim=0), torch.ones(4), atol=0.02)


def test_a_batch_of_one_text_can_be_trained_on():
    """The last batch of an epoch may be that small."""
    head = pooling.Standardize(4)
    head(torch.randn(8, 4))
    before = head.running_mean.clone()
    one = torch.randn(1, 4)
    assert torch.equal(head(one), head.eval()(one))
    assert torch.equal(head.running_mean, before)
