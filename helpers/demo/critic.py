"""The models behind the page: each loaded once, asked by one request at a time.

In: a folder that a `Trainer` has saved, or a language, and then a model is trained on the course's sample reviews in it
and kept in the user's cache. Out: a `Critic` that has an opinion on any text.
"""

import dataclasses
import hashlib
import sys
import threading
from pathlib import Path

from helpers import cache, data, language, models, profiles, reviews, training


class DemoError(Exception):
    """Something that keeps the page from starting; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Opinion:
    """What the model makes of a review. `is_truncated`: it was too long, and only a part of it was read."""

    p_positive: float
    rating: int
    is_truncated: bool

    @property
    def is_positive(self) -> bool:
        return self.p_positive >= 0.5


class Critic:
    """A model and its tokenizer. Requests come from many threads; the model answers them one after the other.

    `language` is that of the reviews from which it learned. The notebook writes it into the model's config; a model
    that does not say it has learned from English ones.
    """

    def __init__(self, model, tokenizer, name: str):
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        said = getattr(model.config, "language", "")
        self.language = said if said in language.LANGUAGES else "en"
        self._turn = threading.Lock()

    def judge(self, text: str) -> Opinion:
        """Return the opinion on one review."""
        limit = min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings)
        with self._turn:
            tokens = self.tokenizer(text, verbose=False)["input_ids"]
            (score,) = reviews.score_reviews([text], self.model, self.tokenizer)
        return Opinion(float(score), reviews.review_rating(float(score)), len(tokens) > limit)


def load(folder: Path) -> Critic:
    """Return the critic in a folder that `trainer.save_model` wrote. Raises `DemoError`."""
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification

    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise DemoError(
            f"{folder} holds no model ({missing[0]} is missing): name the folder that the notebook has saved with "
            "trainer.save_model, or leave --model out."
        )
    try:
        model = AutoModelForSequenceClassification.from_pretrained(models.fetch(str(folder)))
        tokenizer = models.load_tokenizer(str(folder))
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DemoError(f"The model in {folder} cannot be loaded ({reason}): save it once more.") from None
    if model.config.num_labels != 2:
        raise DemoError(
            f"The model in {folder} knows {model.config.num_labels} classes: the page needs one with two, "
            "negative and positive."
        )
    return Critic(model.to(models.device()).eval(), tokenizer, folder.name)


def default(code: str) -> Critic:
    """Return the critic that learned from the sample reviews in a language, in English where there are none.

    It is trained when it is first asked for. The folder's name stands for recipe and reviews, so that an old model does
    not outlive them. Raises `ModelUnavailable`.
    """
    profile = profiles.load("reviews", "offline", data_language=code)
    recipe = hashlib.sha256(repr(profile).encode())
    for path in sorted((data.SAMPLES / profile.dataset).iterdir()):
        recipe.update(path.read_bytes())
    folder = cache.folder() / f"reviews-{recipe.hexdigest()[:12]}"
    if not folder.is_dir():
        name = language.BY_CODE[profile.data_language].english
        print(f"First start: a model learns from the sample reviews in {name}, in about a minute.", file=sys.stderr)
        train(profile, folder)
    return load(folder)


def train(profile: profiles.Profile, folder: Path) -> None:
    """Train as the notebook does, and write model and tokenizer to a folder, all at once or not at all."""
    from transformers import DataCollatorWithPadding, PrinterCallback, ProgressCallback

    class Bar(ProgressCallback):
        """Steps and time left, without the numbers of each epoch."""

        def on_log(self, *arguments, **settings):
            pass

    tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length, profile.truncation_side)
    rows = data.load(profile.dataset, profile.data, profile.locale)["train"]
    trainer = training.make_trainer(
        profile,
        reviews.build_model(models.fetch(profile.checkpoint)),
        tokenizer,
        train_dataset=rows.map(reviews.encode_reviews, batched=True, fn_kwargs={"tokenizer": tokenizer}),
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    trainer.remove_callback(PrinterCallback)
    if sys.stderr.isatty():
        trainer.add_callback(Bar)
    trainer.train()
    trainer.model.config.language = profile.data_language
    try:
        cache.make_once(folder, lambda unfinished: trainer.save_model(str(unfinished)))
    except OSError as error:
        raise DemoError(f"The model could not be kept in {folder} ({error.strerror}).") from None
