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
from helpers.data.catalog import (
    CONLL_TAGS,
    DATASETS,
    EMOTIONS,
    ENGLISH,
    INTENTS,
    LOCALES,
    SAMPLES,
    Entry,
    Published,
    Splits,
)
from helpers.data.files import DataError
from helpers.language import gettext as _

__all__ = ["CONLL_TAGS", "DATASETS", "EMOTIONS", "INTENTS", "LOCALES", "SAMPLES", "DataError", "load"]


def load(name: str, source: str | Path | None = None, locale: str = "en-US"):
    """Return a dataset of the course as a `DatasetDict`.

    | name | features | splits |
    | --- | --- | --- |
    | `conll2003` | `id`, `tokens`, `ner_tags` (9 tags) | train, validation, test (a folder may lack it) |
    | `massive` | `id`, `text`, `label` (60 intents) | train, validation, test |
    | `out_of_scope` | `text` | validation, test |
    | `tweet_eval/emotion` | `text`, `label` (anger, joy, optimism, sadness) | train, validation, test |
    | `tweet_eval/stance_climate` | `text`, `label` (none, against, favor) | train, validation, test |
    | `toxic_chat` | `user_input`, `toxicity` (0 or 1) | train, validation, test |
    | `imdb` | `text`, `label` (neg, pos) | train, validation, test |

    `source` is "samples", "hub", a folder that holds `<name>/` (`clinc_oos/` for `out_of_scope`), or "real" (also
    None): `$COURSE_DATA` where that is set, else the Hub. `locale` chooses the language of `massive` and
    `out_of_scope`; the rest are English. In other languages than English, `out_of_scope` always comes from the
    samples; where these lack a language, English data are taken, and that is said. A folder's `massive` without test
    rows gives every second validation row to the test split. The validation split of `toxic_chat` and `imdb` is a
    tenth of the training rows, the test split of `toxic_chat`, where it is missing, a fifth: the same rows every
    time. Raises `DataError`.
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
    is_unpublished = entry.published_in not in (None, locale)
    if not entry.by_locale or not (is_unpublished or source == "samples"):
        return source, locale
    if files.find(SAMPLES / name, f"{locale}.jsonl"):
        return "samples", locale
    print(_("The course has no samples of {name} for {locale} yet: English ones are taken.", name=name, locale=locale))
    return source, ENGLISH


def _from_hub(published: Published, locale: str) -> Splits:
    """Download the files of a dataset and yield the rows of its splits. Raises `DataError`."""
    patterns = {split: published.files.format(locale=locale, split=split) for split in published.rows}
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
    if found != published.rows:
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
