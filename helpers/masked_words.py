"""Which word belongs in the gap? By counting, and by a small transformer that is trained on it in seconds.

In: plain texts. Out: guesses with their shares, and how often the right word is among them. It is the task with which
encoders are pretrained (Devlin et al., «BERT», 2018), with whole words, on a thousand texts instead of a library.
"""

import random
import re
from collections import Counter, defaultdict

from helpers.language import gettext as _

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SPECIAL = PAD, UNKNOWN, GAP, START, END = "[PAD]", "[UNK]", "[MASK]", "[CLS]", "[SEP]"
LONGEST = 14  # words of a text that are read, start and end included


def words_of(text: str) -> list[str]:
    """The words of a text in small letters; the gap stays as it is.

    >>> words_of("Don't wake me at [MASK], please!")
    ["don't", 'wake', 'me', 'at', '[MASK]', 'please']
    """
    parts = text.split(GAP)
    found = [WORD.findall(part.lower()) for part in parts]
    return [word for number, part in enumerate(found) for word in ([GAP] if number else []) + part]


def _gap(words: list[str]) -> int:
    """The place of the gap. Raises `ValueError` where there is none."""
    if GAP not in words:
        raise ValueError(_("There is no gap in this text: write {gap} where a word is missing.", gap=GAP))
    return words.index(GAP)


def gaps(texts: list[str], seed: int = 0) -> list[tuple[str, str]]:
    """One word of each text taken out, drawn at random: pairs of the text with its gap, and the word."""
    draw, found = random.Random(seed), []
    for words in map(words_of, texts):
        if len(words) > 2:
            at = draw.randrange(len(words))
            found.append((" ".join([*words[:at], GAP, *words[at + 1 :]]), words[at]))
    return found


def found_among(guess, questions: list[tuple[str, str]], count: int = 5) -> float:
    """The share of gaps whose word is among the first `count` that `guess(text, count)` gives."""
    return sum(word in guess(text, count) for text, word in questions) / len(questions)


class Counts:
    """Guesses by counting: which words stood between these two neighbours, else behind the left one, else anywhere."""

    def __init__(self, texts: list[str]):
        self.between, self.behind, self.all = defaultdict(Counter), defaultdict(Counter), Counter()
        for words in map(words_of, texts):
            row = [START, *words, END]
            for left, word, right in zip(row, row[1:], row[2:]):
                self.between[left, right][word] += 1
                self.behind[left][word] += 1
                self.all[word] += 1

    def guess(self, text: str, count: int = 5) -> dict[str, int]:
        """The words for the gap of a text and how often each was counted there, the best first."""
        row = [START, *words_of(text), END]
        at = _gap(row)
        found: dict[str, int] = {}
        for counts in (self.between.get((row[at - 1], row[at + 1])), self.behind.get(row[at - 1]), self.all):
            for word, times in (counts or Counter()).most_common(count):
                if len(found) < count:
                    found.setdefault(word, times)
        return found

    def frequent(self, text: str, count: int = 5) -> dict[str, int]:
        """The most frequent words, whatever the text: what any guess must beat."""
        return dict(self.all.most_common(count))


class SmallModel:
    """Guesses by a transformer of one layer, which has its word vectors from this task and nothing else.

    Words that occur less than three times are `[UNK]`. The head has the same numbers as the table of word vectors, as
    in BERT.
    """

    def __init__(self, texts: list[str], size: int = 64, seed: int = 0):
        import torch

        from helpers.one_layer import OneLayer

        counted = Counter(word for text in texts for word in words_of(text))
        self.vocabulary = [*SPECIAL, *(word for word, times in counted.most_common() if times > 2)]
        self.number = {word: number for number, word in enumerate(self.vocabulary)}
        self.rows = torch.tensor([self._ids(text) for text in texts])
        self.draw = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.model = OneLayer(len(self.vocabulary), LONGEST, size=size)
        for table in (self.model.symbols, self.model.positions):
            torch.nn.init.normal_(table.weight, std=size**-0.5)
        self.model.head.weight = self.model.symbols.weight

    def _ids(self, text: str) -> list[int]:
        """The numbers of a text's words, padded; of a long text the beginning, or the part that ends with the gap."""
        words = words_of(text)
        first = max(0, words.index(GAP) - LONGEST + 3) if GAP in words else 0
        row = [START, *words[first : first + LONGEST - 2], END]
        unknown = self.number[UNKNOWN]
        return [self.number.get(word, unknown) for word in row] + [0] * (LONGEST - len(row))

    def train(self, steps: int, batch_size: int = 64, share: float = 0.2, learning_rate: float = 1e-2) -> list[float]:
        """Hide a share of the words of each text and learn to say which they were; returns the loss of every step."""
        import torch

        optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
        losses = []
        for _step in range(steps):
            batch = self.rows[torch.randint(len(self.rows), (batch_size,), generator=self.draw)]
            hidden = (torch.rand(batch.shape, generator=self.draw) < share) & (batch >= len(SPECIAL))
            logits = self.model(batch.masked_fill(hidden, self.number[GAP]), batch > 0)
            loss = torch.nn.functional.cross_entropy(logits[hidden], batch[hidden])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return losses

    def guess(self, text: str, count: int = 5) -> dict[str, float]:
        """The words for the gap of a text with their probabilities, to three digits, the best first."""
        import torch

        _gap(words_of(text))
        ids = torch.tensor([self._ids(text)])
        with torch.no_grad():
            logits = self.model(ids, ids > 0)[0, ids[0].tolist().index(self.number[GAP])]
        logits[: len(SPECIAL)] = -torch.inf
        best = logits.softmax(-1).topk(count)
        found = zip(best.indices.tolist(), best.values.tolist())
        return {self.vocabulary[number]: round(score, 3) for number, score in found}
