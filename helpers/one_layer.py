"""A transformer of one layer, made of the parts that the unit `transformer` explains, and a task for it.

In: sequences of whole numbers, the symbols. Out: for each place the logits of what belongs there. The task is to turn a
sequence round, which nobody can do who does not know where each symbol stands.
"""

import torch
from torch import nn


class OneLayer(nn.Module):
    """Vectors of symbols and of places, attention, two layers of neurons, a head.

    `positions=False` leaves the vectors of the places out. `weights [n, l, l]` is what was attended to last.
    """

    def __init__(self, symbols, length, positions=True, size=32):
        super().__init__()
        self.symbols = nn.Embedding(symbols, size)
        self.positions = nn.Embedding(length, size) if positions else None
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.neurons = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size))
        self.norms = nn.ModuleList([nn.LayerNorm(size), nn.LayerNorm(size)])
        self.head = nn.Linear(size, symbols)

    def forward(self, ids, mask=None):
        """`ids [n, l]`, and `mask [n, l]` of bool, False for padding → logits `[n, l, symbols]`."""
        x = self.symbols(ids)
        if self.positions is not None:
            x = x + self.positions.weight[: ids.shape[1]]
        scores = self.query(x) @ self.key(x).mT / x.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, :], -1e9)
        weights = scores.softmax(dim=-1)
        self.weights = weights.detach()
        x = self.norms[0](x + weights @ self.value(x))
        x = self.norms[1](x + self.neurons(x))
        return self.head(x)


def reversed_sequences(count, length, symbols, seed):
    """Draw sequences `[count, length]` of the symbols 0 to `symbols` - 1; returns them and each of them turned round.

    >>> inputs, targets = reversed_sequences(2, 3, 10, seed=0)
    >>> targets[0].tolist() == inputs[0].tolist()[::-1]
    True
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(symbols, (count, length), generator=generator)
    return inputs, inputs.flip(1)


def fit(model, inputs, targets, steps, batch_size, learning_rate):
    """Train a model on pairs of sequences, a batch a step, from the beginning again when they are used up."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    for step in range(steps):
        rows = torch.arange(step * batch_size, (step + 1) * batch_size) % len(inputs)
        logits = model(inputs[rows])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def accuracy(model, inputs, targets):
    """The share of places for which the highest logit is that of the right symbol."""
    with torch.no_grad():
        return (model(inputs).argmax(-1) == targets).float().mean().item()
