"""The datasets of the course, the same in shape wherever they come from.

In: the name of a dataset and where to read it: the samples that ship with the course, a folder of real
files, or the Hub. Out: a `DatasetDict` with the same features and split names from all three.

A dataset stands in `catalog`, the formats of files in `files`, splits that nobody published in `splits`.
"""

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from helpers import hub
from helpers.data import files
from helpers.data.catalog import DATASETS, ENGLISH, LOCALES, Entry, Published
from helpers.data.features import BASIC_EMOTIONS, CONLL_TAGS, EMOTIONS, INTENTS
from helpers.data.files import DataError
from helpers.data.readers import SAMPLES, Splits
from helpers.language import gettext as _

__all__ = [
    "BASIC_EMOTIONS",
    "CONLL_TAGS",
    "DATASETS",
    "EMOTIONS",
    "INTENTS",
    "LOCALES",
    "SAMPLES",
    "DataError",
    "load",
]


def load(name: str, source: str | Path | None = None, locale: str = "en-US"):
    """Return a dataset of the course as a `DatasetDict`.

    | name | features |
    | --- | --- |
    | `conll2003` (English), `wikineural/ru`, `conll2002/es` | `id`, `tokens`, `ner_tags` (9 tags) |
    | `massive` (in all languages) | `id`, `text`, `label` (60 intents) |
    | `out_of_scope` (in all languages) | `text` |
    | `tweet_eval/emotion` (English) | `text`, `label` (anger, joy, optimism, sadness) |
    | `brighter/rus`, `brighter/esp` | `text`, `label` (anger, fear, joy, sadness) |
    | `tweet_eval/stance_climate` (in all languages) | `text`, `label` (none, against, favor) |
    | `toxic_chat` (English), `textdetox/ru`, `textdetox/es` | `user_input`, `toxicity` (0 or 1) |
    | `imdb` (English), `kinopoisk` (Russian), `muchocine` (Spanish) | `text`, `label` (neg, pos) |

    The splits are train, validation and test; `out_of_scope` has no train, a folder of named entities may lack test.
    `source` is "samples", "hub", a folder that holds `<name>/` (`clinc_oos/` for `out_of_scope`), or "real" (also
    None): `$COURSE_DATA` where that is set, else the Hub. `locale` chooses the language of those that are there in
    all. In other languages than English, `out_of_scope` and the stances always come from the samples; where these lack
    a language, English data are taken, and that is said. Splits that were not published are cut from the training
    rows, the same rows every time: of validation a tenth, of test a fifth. A folder's `massive` without test rows gives
    every second validation row to the test split. Reviews of three of five stars, neutral ones and posts
    with several emotions are left out. Raises `DataError`.
    """
    from datasets import DatasetDict

    if name not in DATASETS:
        raise DataError(_("There is no dataset {name!r}: choose one of {known}.", name=name, known=", ".join(DATASETS)))
    if locale not in LOCALES:
        known = ", ".join(LOCALES)
        raise DataError(
            _("There are no data for the locale {name!r}: choose one of {known}.", name=locale, known=known)
        )
    entry = DATASETS[name]
    if source in (None, "real"):
        source = os.environ.get("COURSE_DATA") or "hub"
    source, locale = _with_samples(name, entry, source, locale)
    if source == "hub":
        rows = _from_hub(entry.published, locale)
    else:
        rows = entry.read(SAMPLES if source == "samples" else Path(source), locale)
    features = entry.features()
    dataset = DatasetDict({split: _split(split, path, chosen, features) for split, path, chosen in rows})
    return entry.complete(dataset) if entry.complete else dataset


def _with_samples(name: str, entry: Entry, source: str | Path, locale: str) -> tuple[str | Path, str]:
    """From where and in which locale a dataset is read: in English where the samples must serve and lack the locale."""
    if not entry.samples or (locale in entry.locales and source != "samples"):
        return source, locale
    if files.find(SAMPLES / name, entry.samples.format(locale=locale)):
        return "samples", locale
    print(_("The course has no samples of {name} for {locale} yet: English ones are taken.", name=name, locale=locale))
    return source, ENGLISH


def _from_hub(published: Published, locale: str) -> Splits:
    """Download the files of a dataset and yield the rows of its splits. Raises `DataError`."""
    names = {split: published.called.get(split, split) for split in published.rows}
    patterns = {split: published.files.format(locale=locale, split=name) for split, name in names.items()}
    try:
        folder = hub.download(
            published.repository, list(patterns.values()), kind="dataset", revision=published.revision
        )
    except hub.HubError as error:
        raise DataError(
            _(
                "The Hub did not give the dataset {name} ({reason}): {remedy} and run the cell again, "
                "set COURSE_DATA to a folder of real files, or use profile='offline'.",
                name=published.repository,
                reason=error.reason,
                remedy=error.remedy,
            )
        ) from None
    paths = {split: sorted(folder.glob(pattern)) for split, pattern in patterns.items()}
    found = {split: sum(map(files.count_rows, parts)) for split, parts in paths.items()}
    if any(abs(found[split] - rows) > published.slack * rows for split, rows in published.rows.items()):
        raise DataError(
            _(
                "{name} has changed on the Hub, its splits hold {found} rows instead of {expected}: "
                "set COURSE_DATA to a folder of real files, or use profile='offline'.",
                name=published.repository,
                found=found,
                expected=published.rows,
            )
        )
    for split, parts in paths.items():
        yield split, folder, chain.from_iterable(map(published.read, parts))


def _split(split: str, path: Path, rows: Iterable[dict], features):
    from datasets import Dataset

    rows = list(rows)
    if not rows:
        raise DataError(_("{path} holds no rows for the {split} split.", path=path, split=split))
    return Dataset.from_list(rows, features=features)
