"""What the frozen layers of an encoder say of a text: it is the same in every epoch, so it is computed once.

In: a BERT whose lower layers neither learn nor drop anything, and batches of a training. Out: hidden states. Only
`helpers.pooling` uses it: with the stock models the libraries decide what a step computes.
"""

import dataclasses

import torch
from torch import nn

MOST_BYTES = 256 << 20  # the course's own texts need at most 100 MiB; of larger data the rest is computed again


def frozen_layers(bert) -> int:
    """How many of the lower layers say the same of a text whenever they see it; -1 if not even the embeddings do."""
    count = -1
    for block in (bert.embeddings, *bert.encoder.layer):
        learns = any(parameter.requires_grad for parameter in block.parameters())
        drops = block.training and any(module.p for module in block.modules() if isinstance(module, nn.Dropout))
        if learns or drops:
            break
        count += 1
    return count


@dataclasses.dataclass
class Memory:
    """The hidden states of texts `[layers, length, size]` after the layers `after`, by the tokens of a text.

    Padding is no part of them, so a text may come back in another batch. `version` says which weights they are of.
    """

    most_bytes: int = MOST_BYTES
    after: tuple[int, ...] = ()
    version: tuple = ()
    states: dict[tuple, torch.Tensor] = dataclasses.field(default_factory=dict)
    bytes: int = 0

    def __deepcopy__(self, memo):
        return Memory(self.most_bytes)  # another model begins with nothing

    def hidden(self, bert, frozen: int, layers: list[int], ids, mask, types) -> list:
        """The hidden states after `layers`, each `[n, length, size]`, as `bert` gives them; zeros where padding is.

        `ids`, `mask` and `types` are `[n, length]`, `frozen` is the number of frozen layers, at least 1. The layers
        that learn are computed, the frozen ones if need be.
        """
        after = (*(layer for layer in layers if layer < frozen), frozen)
        self._forget_others(after, bert, frozen)
        keys, lengths = _keys(ids, mask, types)
        known = {key: self.states[key] for key in keys if key in self.states}
        missing = [row for row, key in enumerate(keys) if key not in known]
        if missing:
            with torch.no_grad():
                states = _lower(bert, after, ids[missing], mask[missing], types[missing])
            for row, state in zip(missing, states.unbind(1)):
                known[keys[row]] = state = state[:, : lengths[row]].clone()
                self._keep(keys[row], state)
        states = known[keys[0]].new_zeros((len(after), *ids.shape, bert.config.hidden_size))
        for row, key in enumerate(keys):
            states[:, row, : lengths[row]] = known[key]
        found = dict(zip(after, states))
        found |= _through(bert.encoder.layer[frozen:], found[frozen], mask, first=frozen + 1)
        return [found[layer] for layer in layers]

    def _forget_others(self, after: tuple[int, ...], bert, frozen: int) -> None:
        """Keep nothing of other layers, other weights or another device."""
        weights = [p for block in (bert.embeddings, *bert.encoder.layer[:frozen]) for p in block.parameters()]
        version = tuple((weight.data_ptr(), weight._version) for weight in weights)
        if (after, version) != (self.after, self.version):
            self.after, self.version, self.states, self.bytes = after, version, {}, 0

    def _keep(self, key: tuple, state) -> None:
        size = state.numel() * state.element_size()
        if self.bytes + size <= self.most_bytes:
            self.states[key] = state
            self.bytes += size


def _keys(ids, mask, types) -> tuple[list[tuple], list[int]]:
    """What makes each row's text, and its length: its columns as far as the last token that is no padding."""
    columns = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    lengths = (mask * columns).max(dim=1).values.tolist()
    rows = torch.stack([ids, mask, types], dim=1).tolist()
    return [tuple(tuple(part[:length]) for part in row) for row, length in zip(rows, lengths)], lengths


def _lower(bert, after: tuple[int, ...], ids, mask, types):
    """The hidden states `[layers, n, length, size]` after the layers `after`; 0 stands for the embeddings."""
    hidden = bert.embeddings(input_ids=ids, token_type_ids=types)
    found = {0: hidden} | _through(bert.encoder.layer[: after[-1]], hidden, mask, first=1)
    return torch.stack([found[number] for number in after])


def _through(layers, hidden, mask, first: int) -> dict[int, torch.Tensor]:
    """The hidden states after each of some layers that follow each other, by its number."""
    shown = (1 - mask[:, None, None].to(hidden.dtype)) * torch.finfo(hidden.dtype).min  # is added to the scores
    found = {}
    for number, layer in enumerate(layers, start=first):
        found[number] = hidden = layer(hidden, shown)
    return found
