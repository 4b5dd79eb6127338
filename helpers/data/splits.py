"""Splits that a dataset was published without, cut from its training rows: the same rows on every machine.

Which row goes where depends on nothing but its text and its class, so files in another order give the same splits.
"""

import hashlib
from collections import defaultdict

from helpers.data.files import DataError
from helpers.language import gettext as _


def complete(dataset, shares: dict[str, float], *, text: str, label: str):
    """Return a `DatasetDict` whose missing splits among `shares` are cut from `train`, class by class.

    `shares` says what part of the training texts a split gets. No text ends up in two splits: one that stands
    twice in `train` moves as one, and is dropped there where another published split has it.
    Raises `DataError` where there are too few rows to cut from.
    """
    from datasets import DatasetDict

    train = dataset["train"]
    published = {split: rows for split, rows in dataset.items() if split != "train"}
    elsewhere = {words for rows in published.values() for words in rows[text]}
    class_of = {words: kind for words, kind in zip(train[text], train[label]) if words not in elsewhere}
    missing = {split: share for split, share in shares.items() if split not in published}
    split_of = assign(class_of, missing)
    cut = {split: [i for i, words in enumerate(train[text]) if split_of.get(words) == split] for split in missing}
    cut["train"] = [i for i, words in enumerate(train[text]) if split_of.get(words) == "train"]
    for split, chosen in cut.items():
        if not chosen:
            raise DataError(
                _(
                    "{count} training rows are too few to cut other splits from: none is left for {split}.",
                    count=len(train),
                    split=split,
                )
            )
    parts = published | {split: train.select(chosen) for split, chosen in cut.items()}
    return DatasetDict({split: parts[split] for split in ("train", "validation", "test")})


def assign(class_of: dict[str, object], shares: dict[str, float]) -> dict[str, str]:
    """Return the split of every text: of each class the shares, in this order, and `train` for what remains.

    >>> sorted(assign({"a": 0, "b": 0, "c": 1, "d": 1}, {"test": 0.5}).values())
    ['test', 'test', 'train', 'train']
    """
    by_class = defaultdict(list)
    for text, kind in class_of.items():
        by_class[kind].append(text)
    split_of = dict.fromkeys(class_of, "train")
    for texts in by_class.values():
        shuffled = sorted(texts, key=lambda text: hashlib.sha256(text.encode("utf-8")).digest())
        start = 0
        for split, share in shares.items():
            stop = start + round(share * len(texts))
            split_of.update(dict.fromkeys(shuffled[start:stop], split))
            start = stop
    return split_of
