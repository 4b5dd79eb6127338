"""Answers about many texts from functions that take one: what such a function asks of its model is asked before.

A function like `do_ner` shows its model one text at a time. Its list version lets `answered` show the model all inputs
in batches, and then calls the function itself, with what came back in the model's place. So everything that happens
after the model is written once, and the answers are the same.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

MOST_TOKENS = 1024  # in a batch, padding included: with more, two cores are no faster, and more is padded


def texts_of(texts: Iterable[str]) -> list[str]:
    """The texts, as a list. A bare string would be read letter by letter, so it is a `TypeError`."""
    if isinstance(texts, str):
        raise TypeError("A list of texts is needed: put the string in square brackets.")
    return list(texts)


def of_like_length(inputs: Iterable, most: int = MOST_TOKENS) -> Iterator[list]:
    """Yield the inputs in batches, the shortest first.

    A batch holds at most `most` tokens when it is padded to its longest input; an input that is longer stands alone.

    >>> list(of_like_length(["films", "a", "character", "is"], most=10))
    [['a', 'is'], ['films'], ['character']]
    """
    batch: list = []
    for row in sorted(inputs, key=len):
        if batch and (len(batch) + 1) * len(row) > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@dataclasses.dataclass(frozen=True)
class Answered:
    """Stands in for a model that has answered: looks up what it said about an input `[1, l]` of token ids."""

    config: object
    answers: dict[tuple[int, ...], object]
    device: str = "cpu"

    def eval(self) -> None:
        """The model was in evaluation mode when it answered."""

    def __call__(self, input_ids, **_) -> SimpleNamespace:
        """The logits of a model that says something about the text, `[1, k]`, or about each token, `[1, l, k]`: then
        without those of padding."""
        logits = self.generate(input_ids)
        return SimpleNamespace(logits=logits[:, : input_ids.shape[1]] if logits.dim() == 3 else logits)

    def generate(self, input_ids, **_):
        """The token ids `[1, m]` of a model that writes, padded as in the batch."""
        return self.answers[tuple(input_ids[0].tolist())][None]


def answered(inputs: Iterable[list[int]], ask: Callable, model, tokenizer) -> Answered:
    """Ask a model about inputs of unequal length, in batches of like length, about equal ones only once.

    `inputs` are lists of token ids. `ask(input_ids=…, attention_mask=…)` returns a tensor with a row for each of n
    inputs, `[n, …]`, that is looked up by the input afterwards. The model is left in evaluation mode.
    """
    import torch

    answers = {}
    model.eval()
    for rows in of_like_length(dict.fromkeys(map(tuple, inputs))):
        batch = tokenizer.pad({"input_ids": list(map(list, rows))}, return_tensors="pt").to(model.device)
        with torch.no_grad():
            answers.update(zip(rows, ask(**batch).cpu()))
    return Answered(model.config, answers)
