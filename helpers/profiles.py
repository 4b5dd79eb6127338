"""Where the numbers of a run stand: data, checkpoint, sizes, learning rate, floor.

In: the name of a unit and of a profile. Out: a frozen `Profile`. Notebooks, tests and the grader all
read the same table, `profiles.toml`.
"""

import dataclasses
import tomllib
from functools import cache
from pathlib import Path

from helpers import language as reader
from helpers.language import gettext as _

TABLE = Path(__file__).with_name("profiles.toml")


class UnknownProfile(ValueError):
    """A profile, a unit or a setting that the table does not have."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """The settings of one unit's run.

    `data` is "samples" (the sentences that ship with the course) or "real" (`$COURSE_DATA` where it is set, else the
    Hub), `dataset` the name of the dataset there ("": the unit does not say) and `data_language` the language of its
    texts. `floor` is the score that a fair training run must reach on texts that nobody has seen, `ceiling` what one
    without something that it needs must stay below. `max_steps` ends a training before its epochs do; 0 lets it run.
    `loop_examples` is the size of the slice on which the hand-made loop is shown, `frozen_layers` how many of the
    lowest layers are not trained. `schedule` is the course of the learning rate, as transformers names it;
    `layer_decay` its factor from each layer to the one below, 1 for the same everywhere. `label_smoothing` is the share
    of probability that the targets give to all classes alike. `max_length` is how many tokens of a text are read, 0 for
    as many as the model takes, and `truncation_side` where the rest is cut off. `sampling` is how batches are drawn:
    both ways save padding, `shuffled_groups` with the batches in random order. Without `attention_dropout`, torch
    computes attention in one piece on a processor, too: a step over long texts takes half the time.
    """

    unit: str
    name: str
    data: str
    dataset: str
    data_language: str
    checkpoint: str
    epochs: int
    max_steps: int
    batch_size: int
    learning_rate: float
    warmup: float
    weight_decay: float
    floor: float
    seed: int
    ceiling: float = 1.0
    loop_examples: int = 0
    frozen_layers: int = 0
    schedule: str = "linear"
    layer_decay: float = 1.0
    label_smoothing: float = 0.0
    max_length: int = 0
    truncation_side: str = "right"
    sampling: str = "group_by_length"
    attention_dropout: bool = True

    @property
    def locale(self) -> str:
        """The language of the data as datasets call it, such as "en-US"."""
        return reader.BY_CODE[self.data_language].locale


@cache
def _table() -> dict:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def checkpoints() -> frozenset[str]:
    """The names of all checkpoints in the table."""
    found, queue = set(), [_table()]
    for table in queue:
        queue += [entry for entry in table.values() if isinstance(entry, dict)]
        found |= {entry for name, entry in table.items() if name == "checkpoint"}
    return frozenset(found)


_chosen: Profile | None = None


def choose(profile: Profile) -> None:
    """Let `auto` mean the name of this profile in this process, and its language be that of the data where none is
    given: a notebook has one switch for each, and its functions follow it.
    """
    global _chosen
    _chosen = profile


def _known(name: str) -> str:
    if name not in _table()["profiles"]:
        known = ", ".join(_table()["profiles"])
        raise UnknownProfile(_("There is no profile {name!r}: choose one of {known} or auto.", name=name, known=known))
    return name


def default_name() -> str:
    """The profile that was chosen for this process, otherwise `full` where there is a GPU, else `offline`."""
    import torch

    return _chosen.name if _chosen else "full" if torch.cuda.is_available() else "offline"


def load(
    unit: str, name: str = "auto", *, language: str | None = None, data_language: str = "", **overrides
) -> Profile:
    """Return the settings of a unit; an override of `None`, "" or 0 means: as the table says.

    From here on, helpers speak the reader's `language` in this process, and it is the language of the data as well
    where no `data_language` is given. Where the table has no dataset in it, the data are English. Settings for all
    languages but English stand in the table under `not_english`, those for one under its code. Where `checkpoint` is
    overridden and the table has numbers for that checkpoint, those are used.

    >>> load("ner", "offline").checkpoint
    'all-MiniLM-L6-v2'
    >>> load("ner", "full", checkpoint="all-MiniLM-L6-v2", epochs=1).epochs
    1
    """
    if language:
        reader.use(language)
    name = _known(default_name() if name == "auto" else name)
    table = _table()
    if unit not in table["units"]:
        known = ", ".join(table["units"])
        raise UnknownProfile(_("There is no unit {name!r}: choose one of {known}.", name=unit, known=known))
    chosen = _chosen.data_language if _chosen else "en"
    data_language = reader.known(data_language or language or chosen)
    datasets = table["units"][unit].get("datasets", {data_language: ""})
    data_language = data_language if data_language in datasets else "en"
    settings = {**table["profiles"][name], **table["units"][unit][name]}
    settings |= {"dataset": datasets[data_language], "data_language": data_language}
    overrides = {key: value for key, value in overrides.items() if value}
    by_language = {key: settings.pop(key, {}) for key in ("not_english", *reader.LANGUAGES)}
    settings |= by_language["not_english"] if data_language != "en" else {}
    settings |= by_language[data_language]
    recipes = settings.pop("recipes", {})
    settings |= recipes.get(overrides.get("checkpoint", settings["checkpoint"]), {}) | overrides
    fields = {field.name: field.type for field in dataclasses.fields(Profile)}
    unknown = settings.keys() - fields.keys()
    if unknown:
        raise UnknownProfile(
            _("A profile has no setting {name!r}: it has {known}.", name=sorted(unknown)[0], known=", ".join(fields))
        )
    return Profile(unit=unit, name=name, **settings)
