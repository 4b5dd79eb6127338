"""Where checkpoints come from, and which device and precision they run on."""

import copy
import logging
from pathlib import Path

import pytest
import torch

from helpers import models

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


# ---- where checkpoints come from


def test_the_offline_encoder_is_on_this_machine():
    folder = Path(models.fetch(models.OFFLINE_ENCODER))
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= {path.name for path in folder.iterdir()}


def test_a_folder_is_its_own_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert models.fetch.__wrapped__("mine") == str((tmp_path / "mine").resolve())


FETCH = """
from helpers import models
try:
    models.fetch({!r})
except models.ModelUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize("setting", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_without_the_hub_the_ways_out_are_named(python, setting):
    said = python(FETCH.format("bert-base-cased"), **setting).stdout
    assert said.count("\n") == 1
    assert [way for way in ("'bert-base-cased'", "internet", "profile='offline'") if way not in said] == []


def test_only_what_is_allowed_and_what_was_fetched_before(tmp_path, monkeypatch, one_sentence):
    """A process that meets other people's names opens no folder for them, and tells none from a missing one."""
    before, other = tmp_path / "before", tmp_path / "other"
    before.mkdir(), other.mkdir()
    monkeypatch.setattr(models, "_allowed", None)
    monkeypatch.setattr(models, "_folders", set())
    folder = models.fetch(str(before))
    models.allow_only(frozenset([models.OFFLINE_ENCODER]))
    assert models.fetch(models.OFFLINE_ENCODER)
    assert models.fetch(folder) == folder
    for name in (str(other), str(tmp_path / "nowhere")):
        with one_sentence(models.ModelUnavailable, repr(name), "is no checkpoint of this course"):
            models.load_tokenizer(name)


@pytest.mark.parametrize("nonsense", ["no such model", "a/b/c", "../nowhere"])
def test_a_name_that_cannot_be_one_is_refused(one_sentence, nonsense):
    with one_sentence(models.ModelUnavailable, repr(nonsense), "folder", "Hub"):
        models.fetch(nonsense)


# ---- tokenizers


@pytest.fixture
def checkpoint(tokenizer, short_tokenizer, tmp_path):
    """Write a folder with a config for `positions` and a tokenizer that records `limit`."""
    from transformers import BertConfig

    def build(positions, limit):
        BertConfig(vocab_size=len(tokenizer), max_position_embeddings=positions).save_pretrained(tmp_path)
        short_tokenizer(limit).save_pretrained(tmp_path)
        return str(tmp_path)

    return build


@pytest.mark.parametrize(("positions", "limit"), [(64, int(1e30)), (64, 512), (512, 64)])
def test_a_tokenizer_never_goes_beyond_its_model(checkpoint, positions, limit):
    tokenizer = models.load_tokenizer(checkpoint(positions, limit))
    assert tokenizer.model_max_length == 64
    assert len(tokenizer("word " * 100, truncation=True)["input_ids"]) == 64


@pytest.mark.parametrize(("asked", "limit"), [(0, 64), (16, 16), (1000, 64)])
def test_a_lower_limit_can_be_asked_for_and_no_higher_one(checkpoint, asked, limit):
    assert models.load_tokenizer(checkpoint(64, 512), asked).model_max_length == limit


@pytest.mark.parametrize(("side", "kept"), [("right", "one two"), ("left", "eight nine"), ("", "one two")])
def test_a_text_that_is_too_long_loses_the_side_that_was_asked_for(checkpoint, tmp_path, side, kept):
    tokenizer = models.load_tokenizer(checkpoint(64, 512), 4, side)
    tokenizer.save_pretrained(tmp_path)
    for some in (tokenizer, models.load_tokenizer(str(tmp_path))):
        encoded = some("one two three four five six seven eight nine", truncation=True)
        assert some.decode(encoded["input_ids"], skip_special_tokens=True) == kept


def test_every_tokenizer_is_ones_own(tokenizer):
    """Loading it twice costs nothing, but its settings are not shared."""
    one, other = models.load_tokenizer(models.OFFLINE_ENCODER, 8), models.load_tokenizer(models.OFFLINE_ENCODER)
    one.truncation_side, one.pad_token = "left", "[MASK]"
    long = "one two three four five six seven eight nine"
    assert other(long, truncation=True)["input_ids"] == tokenizer(long)["input_ids"]
    assert len(one(long, truncation=True)["input_ids"]) == 8
    assert other.pad_token == tokenizer.pad_token == "[PAD]"


def test_tokenizers_are_fast_ones(tokenizer):
    """Only they know which word a piece belongs to."""
    assert tokenizer.is_fast


# ---- device and precision


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have a card of NVIDIA's (bf16 in hardware, emulated or not at all), or one of Apple's, or none."""

    def pretend(*, cuda=False, mps=False, bf16="no"):
        def is_bf16_supported(including_emulation=True):
            return bf16 == "hardware" or (bf16 == "emulated" and including_emulation)

        monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
        monkeypatch.setattr("torch.cuda.is_bf16_supported", is_bf16_supported)
        monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA T4")

    return pretend


@pytest.mark.parametrize(("cuda", "mps", "device"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_best_device_is_taken(machine, cuda, mps, device):
    machine(cuda=cuda, mps=mps)
    assert models.device() == device


@pytest.mark.parametrize(("bf16", "precision"), [("hardware", "bf16"), ("emulated", "fp32"), ("no", "fp32")])
def test_bf16_only_where_the_card_computes_it(machine, bf16, precision):
    """A T4 emulates bf16 and is slower with it; fp16 makes T5 overflow, so it is never chosen."""
    machine(cuda=True, bf16=bf16)
    assert models.precision() == precision


def test_a_processor_computes_in_fp32(machine):
    machine(bf16="hardware")
    assert models.precision() == "fp32"


def test_hardware_is_said_in_words(machine):
    machine(cuda=True, bf16="emulated")
    assert models.hardware() == "NVIDIA T4, fp32"
    machine()
    assert models.hardware() == f"CPU ({torch.get_num_threads()} threads), fp32"


# ---- the model that looks tags up


def tags(model, tokenizer, text):
    """The model's tag for every token of a text."""
    with torch.no_grad():
        ids = model(**tokenizer(text, return_tensors="pt")).logits[0].argmax(-1).tolist()
    return [model.config.id2label[i] for i in ids]


def test_the_lookup_tagger_gives_each_piece_its_tag(tokenizer):
    assert tokenizer.tokenize("Rabinovich") == ["ra", "##bino", "##vich"]
    model = models.lookup_tagger({"Rabinovich": ["B-PER", "O", "I-LOC"], "Rome": ["B-LOC"]}, tokenizer, NAMES)
    assert tags(model, tokenizer, "Rabinovich saw Rome") == ["O", "B-PER", "O", "I-LOC", "O", "B-LOC", "O"]


def test_the_last_tag_serves_for_the_pieces_that_remain(tokenizer):
    model = models.lookup_tagger({"Rabinovich": ["B-PER", "I-PER"]}, tokenizer, NAMES)
    assert tags(model, tokenizer, "Rabinovich") == ["O", "B-PER", "I-PER", "I-PER", "O"]


def test_the_lookup_tagger_knows_its_labels(tokenizer):
    config = models.lookup_tagger({}, tokenizer, NAMES).config
    assert config.id2label == dict(enumerate(NAMES))
    assert config.label2id == {name: index for index, name in enumerate(NAMES)}


def test_the_lookup_taggers_limit_is_real(short_tokenizer):
    model = models.lookup_tagger({}, short_tokenizer(16), NAMES)
    model(input_ids=torch.zeros(1, 16, dtype=torch.long))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.zeros(1, 17, dtype=torch.long))


def test_dropout_spoils_the_lookup_tagger_in_training_mode(tokenizer):
    model = models.lookup_tagger({"Rome": ["B-LOC"]}, tokenizer, NAMES, dropout=0.9)
    right = ["O", *["B-LOC"] * 50, "O"]
    assert tags(model, tokenizer, "Rome " * 50) == right
    torch.manual_seed(0)
    assert tags(model.train(), tokenizer, "Rome " * 50) != right


# ---- the critic


def opinions(model, tokenizer, *texts):
    """P(class 1) of texts in one batch."""
    with torch.no_grad():
        logits = model(**tokenizer(list(texts), padding=True, return_tensors="pt")).logits
    return logits.softmax(-1)[:, 1].tolist()


def test_the_critics_opinion_grows_with_the_weight_of_the_words(tokenizer):
    critic = models.lookup_critic({"superb": 1.0, "fine": 0.5, "dull": -1.0}, tokenizer)
    texts = ["dull dull", "a dull film", "a film", "", "a fine film", "a superb film", "superb superb"]
    scores = opinions(critic, tokenizer, *texts)
    assert scores == sorted(scores)
    assert scores[2] == pytest.approx(0.5) == scores[3]
    assert scores[0] < 0.3 < 0.7 < scores[-1]


def test_the_critic_notices_a_missing_attention_mask(tokenizer):
    critic = models.lookup_critic({"superb": 1.0}, tokenizer)
    batch = tokenizer(["superb", "film " * 30], padding=True, return_tensors="pt")
    with torch.no_grad():
        seen, unseen = critic(**batch).logits[0], critic(batch["input_ids"]).logits[0]
    assert seen.argmax() == 1 != unseen.argmax()


def test_the_critic_is_an_ordinary_model(short_tokenizer):
    critic = models.lookup_critic({}, short_tokenizer(16))
    assert critic.config.id2label == {0: "neg", 1: "pos"}
    assert critic.config.max_position_embeddings == 16
    with pytest.raises((IndexError, RuntimeError)):
        critic(input_ids=torch.zeros(1, 17, dtype=torch.long))


@pytest.mark.parametrize(("calls", "tokens"), [(1, 100), (100, 11)])
def test_a_budget_ends(tokenizer, calls, tokens):
    critic = models.with_budget(models.lookup_critic({}, tokenizer), calls=calls, tokens=tokens)
    critic(torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(models.BudgetExceeded):
        critic(input_ids=torch.zeros(2, 3, dtype=torch.long))


def test_a_budget_travels_with_the_model(tokenizer):
    """The grader sends models to the student's process."""
    import cloudpickle

    critic = cloudpickle.loads(
        cloudpickle.dumps(models.with_budget(models.lookup_critic({}, tokenizer), calls=0, tokens=99))
    )
    with pytest.raises(models.BudgetExceeded):
        critic(torch.zeros(1, 3, dtype=torch.long))


# ---- the model that lets words vote

VOTES = {"party": "joy", "miss": "sadness", "Rabinovich": "anger"}
MOODS = ["anger", "joy", "sadness"]


def moods(model, tokenizer, texts):
    with torch.no_grad():
        best = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.argmax(-1)
    return [model.config.id2label[i] for i in best.tolist()]


def test_the_keyword_classifier_takes_the_class_with_most_votes(tokenizer):
    model = models.keyword_classifier(VOTES, tokenizer, MOODS)
    texts = ["what a party", "party miss miss", "Rabinovich at the party", "nothing", ""]
    assert moods(model, tokenizer, texts) == ["joy", "sadness", "anger", "anger", "anger"]


def test_the_keyword_classifier_needs_the_attention_mask(tokenizer):
    model = models.keyword_classifier(VOTES, tokenizer, MOODS)
    batch = tokenizer(["party", "and " * 20], padding=True, return_tensors="pt")
    assert model(**batch).logits[0].argmax() == 1
    assert model(input_ids=batch["input_ids"]).logits[0].argmax() == 2


def test_dropout_spoils_the_keyword_classifier_in_training_mode(tokenizer):
    model = models.keyword_classifier(VOTES, tokenizer, MOODS, dropout=0.9)
    assert moods(model, tokenizer, ["party"] * 40) == ["joy"] * 40
    torch.manual_seed(0)
    assert moods(model.train(), tokenizer, ["party"] * 40) != ["joy"] * 40


def test_a_quiet_library_still_shows_the_table_of_epochs_in_a_notebook(monkeypatch):
    """And nothing but that: transformers says no more than errors."""
    from transformers import utils

    logger = logging.getLogger("transformers.training_args")
    monkeypatch.setattr(utils, "is_in_notebook", lambda: True)
    before = logger.level
    try:
        models.quiet()
        assert logger.isEnabledFor(logging.WARNING)
        assert not logging.getLogger("transformers.trainer").isEnabledFor(logging.WARNING)
    finally:
        logger.setLevel(before)


def test_a_tokenizer_without_a_limit_is_no_reason_for_endless_positions(tokenizer):
    boundless = copy.deepcopy(tokenizer)
    boundless.model_max_length = int(1e30)
    model = models.keyword_classifier({"party": "joy"}, boundless, ["anger", "joy"])
    assert model.config.max_position_embeddings == 512
