"""What happens inside an encoder: its attention, its vectors layer by layer, its numbers.

In: a text and a pretrained model. Out: arrays that `helpers.show` draws. Models and tokenizers are those of
`helpers.models`; nothing here is trained.
"""

import copy
import dataclasses

import numpy as np

from helpers.language import gettext as _


def load_encoder(checkpoint: str):
    """Return a pretrained encoder that says what it attends to, in evaluation mode.

    `attn_implementation="eager"` computes attention step by step: the faster ways do not keep the weights.
    """
    from transformers import AutoModel

    from helpers import models

    return AutoModel.from_pretrained(models.fetch(checkpoint), attn_implementation="eager").eval()


def at_hand(*checkpoints: str) -> list[str]:
    """Those of the course's encoders that this machine has already, so that nothing is downloaded."""
    from helpers import encoders

    return [name for name in checkpoints if encoders.find(name)]


@dataclasses.dataclass(frozen=True)
class Attention:
    """What a model attended to in a text: `weights [layers, heads, n, n]` of its n `tokens`.

    Row i of a head says how much the token i takes of each of the others; it adds up to 1.
    """

    tokens: list[str]
    weights: np.ndarray

    def head(self, layer: int, head: int) -> np.ndarray:
        """The weights `[n, n]` of one head; layers and heads are counted from 0."""
        return self.weights[layer, head]

    def looking(self, distance: int) -> tuple[int, int]:
        """Layer and head that look most at the token so many places further: -1 the one before, 1 the next."""
        shares = np.diagonal(self.weights[..., 1:-1, 1:-1], distance, axis1=-2, axis2=-1).mean(axis=-1)
        return tuple(map(int, np.unravel_index(shares.argmax(), shares.shape)))

    def resting(self) -> tuple[int, int]:
        """Layer and head that look most at the first token, the special one."""
        shares = self.weights[..., 1:-1, 0].mean(axis=-1)
        return tuple(map(int, np.unravel_index(shares.argmax(), shares.shape)))


def attention_of(text: str, model, tokenizer) -> Attention:
    """What a model attends to when it reads a text, special tokens included."""
    encoded = tokenizer(text, truncation=True, return_tensors="pt")
    weights = _run(model, encoded, output_attentions=True).attentions
    return Attention(pieces(text, tokenizer), np.stack([layer[0].numpy() for layer in weights]))


def pieces(text: str, tokenizer) -> list[str]:
    """The tokens of a text with the special ones, as a model reads them."""
    return tokenizer.convert_ids_to_tokens(tokenizer(text, truncation=True)["input_ids"])


def head_of(text: str, model, tokenizer, layer: int, head: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query, key and value `[n, d]` of one head of an encoder of BERT's kind, for the n tokens of a text."""
    import torch

    encoded = tokenizer(text, truncation=True, return_tensors="pt")
    hidden = _run(model, encoded, output_hidden_states=True).hidden_states[layer][0]
    own, size = model.encoder.layer[layer].attention.self, model.config.hidden_size // model.config.num_attention_heads
    place = slice(head * size, (head + 1) * size)
    with torch.no_grad():
        return tuple(linear(hidden)[:, place].numpy() for linear in (own.query, own.key, own.value))


def word_by_layers(text: str, word: str, model, tokenizer) -> np.ndarray:
    """The vector of a word in a text before the first layer and after each: `[layers + 1, d]`.

    A word of several pieces is their mean. Raises `ValueError` where the text does not have it.
    """
    start = text.lower().find(word.lower())
    if start < 0:
        raise ValueError(_("The word {word!r} does not stand in the text {text!r}.", word=word, text=text))
    encoded = tokenizer(text, truncation=True, return_tensors="pt", return_offsets_mapping=True)
    spans = encoded.pop("offset_mapping")[0].tolist()
    rows = [row for row, (first, end) in enumerate(spans) if start < end and first < start + len(word) and first < end]
    states = _run(model, encoded, output_hidden_states=True).hidden_states
    return np.stack([layer[0, rows].mean(dim=0).numpy() for layer in states])


def cosines(vectors: np.ndarray) -> np.ndarray:
    """How alike vectors are, each with each: `[..., n, d]` → `[..., n, n]`, 1 for the same direction.

    >>> cosines(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit @ np.swapaxes(unit, -1, -2)


def table_vectors(words: list[str], model, tokenizer) -> np.ndarray:
    """The vectors of words out of the model's table `[n, d]`, before any layer; of several pieces the mean."""
    table = _table(model)
    return np.stack([table[tokenizer(word, add_special_tokens=False)["input_ids"]].mean(axis=0) for word in words])


def neighbours(word: str, model, tokenizer, count: int = 8) -> dict[str, float]:
    """The tokens whose rows of the table are most like that of a word, with the cosine, best first.

    The mean of the table is taken away first: all its rows have a part in common that says nothing.
    """
    table = _table(model)
    mean = table.mean(axis=0)
    row = table_vectors([word], model, tokenizer)[0] - mean
    scores = (table - mean) @ row / (np.linalg.norm(table - mean, axis=1) * np.linalg.norm(row) + 1e-9)
    own = set(tokenizer(word, add_special_tokens=False)["input_ids"])
    best = [int(token) for token in np.argsort(-scores, kind="stable")[: count + len(own)] if int(token) not in own]
    return {tokenizer.convert_ids_to_tokens(token): float(scores[token]) for token in best[:count]}


def word_map(words: list[str], model, tokenizer) -> np.ndarray:
    """Words as points `[n, 2]`, in the two directions in which their rows of the table differ most.

    Rows are taken by their direction, and without what all rows of the table have in common.
    """
    rows = table_vectors(words, model, tokenizer) - _table(model).mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centred = rows - rows.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


def without_positions(model):
    """A copy of an encoder of BERT's kind that does not know where a token stands."""
    import torch

    blind = copy.deepcopy(model)
    with torch.no_grad():
        blind.embeddings.position_embeddings.weight.zero_()
    return blind


def numbers_by_part(model) -> dict[str, int]:
    """How many numbers an encoder of BERT's kind holds, and where: by the names that its parts have in the code."""
    counts = dict.fromkeys(
        ("word_embeddings", "position_embeddings", "attention", "feed_forward", "LayerNorm", "rest"), 0
    )
    for name, parameter in model.named_parameters():
        part = next((part for part in counts if part in name), "rest")
        if "LayerNorm" in name:
            part = "LayerNorm"
        elif "intermediate" in name or (".output.dense" in name and "attention" not in name):
            part = "feed_forward"
        counts[part] += parameter.numel()
    return counts


def random_encoder(tokenizer, *, size: int = 8, dropout: float = 0.0, seed: int = 0):
    """Return a real BERT of one layer with random weights, which nothing was trained for: it shows and tests what
    happens around a model.

    Its vectors are small, its weights large: a token more or less, padding that is not masked, dropout left switched
    on, each changes all vectors of a text.
    """
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=size,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.5,
    )
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    model = BertModel(config, add_pooling_layer=False)
    torch.set_rng_state(state)
    with torch.no_grad():  # BERT begins with a zero for padding, which would be too kind
        model.embeddings.word_embeddings.weight[tokenizer.pad_token_id] = 3.0
    return model.eval()


def _run(model, encoded, **wanted):
    import torch

    with torch.no_grad():
        return model(**encoded.to(model.device), **wanted)


def _table(model) -> np.ndarray:
    return model.get_input_embeddings().weight.detach().cpu().numpy()
