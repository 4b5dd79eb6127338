"""Datasets from the Hub, checked against what was published.

In: where a dataset is on the Hub. Out: a `DatasetDict` with the course's features, or a sentence about why not.
"""

import dataclasses

from helpers.data.files import DataError


@dataclasses.dataclass(frozen=True)
class Source:
    """A dataset's place on the Hub.

    `rows` are the published sizes of the splits; a split that is not named there is not loaded. They are checked
    after a download, so a copy that has changed under its name is noticed. `columns` maps the Hub's columns to the
    course's. `files` is the pattern of the files' paths with `{locale}` and `{split}`, where they are not those of
    `config`. `keep` is a column and the value (of a class: its name) of the rows that the course takes.
    """

    name: str
    rows: dict[str, int]
    columns: dict[str, str]
    config: str | None = None
    revision: str = "main"
    files: str | None = None
    keep: tuple[str, str] | None = None


def load(source: Source, features, locale: str):
    """Return the `DatasetDict` of a repository, with these features. Raises `DataError`."""
    from datasets import DatasetDict

    dataset = _download(source, locale)
    found = {split: len(rows) for split, rows in dataset.items()}
    if found != source.rows:
        raise _changed(source, f"its splits hold {found} rows instead of {source.rows}")
    return DatasetDict({split: _adapt(rows, source, features) for split, rows in dataset.items()})


def _download(source: Source, locale: str):
    from datasets import DatasetDict, load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    files = source.files and {split: source.files.format(locale=locale, split=split) for split in source.rows}
    try:
        dataset = load_dataset(source.name, source.config, revision=source.revision, data_files=files)
    except (ConnectionError, OfflineModeIsEnabled, HfHubHTTPError, DatasetsError) as error:
        raise DataError(
            f"The Hub did not give the dataset {source.name} ({type(error).__name__}): connect to the "
            "internet and run the cell again, set COURSE_DATA to a folder of real files, or use profile='offline'."
        ) from None
    return DatasetDict({split: rows for split, rows in dataset.items() if split in source.rows})


def _adapt(rows, source: Source, features):
    """Take the course's rows and columns from a split of the Hub's."""
    for column, name in source.columns.items():
        if column not in rows.features:
            raise _changed(source, f"there is no column {column!r}, only {', '.join(rows.features)}")
        found, expected = _class_names(rows.features[column]), _class_names(features[name])
        if found and expected and found != expected:
            raise _changed(source, f"its classes are {', '.join(found)} instead of {', '.join(expected)}")
    if source.keep:
        column, value = source.keep
        name_of = getattr(rows.features[column], "int2str", str)
        rows = rows.select([i for i, cell in enumerate(rows[column]) if name_of(cell) == value])
    return rows.select_columns(list(source.columns)).rename_columns(source.columns).cast(features)


def _class_names(feature) -> list[str] | None:
    return getattr(getattr(feature, "feature", feature), "names", None)


def _changed(source: Source, how: str) -> DataError:
    return DataError(f"{source.name} has changed on the Hub: {how}.")
