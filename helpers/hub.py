"""The way to the Hub: some files of a repository, downloaded once, or a sentence about why not.

In: the name of a repository and patterns of files. Out: the local folder that holds them. What was downloaded before
serves when the Hub cannot be reached.

Only huggingface_hub is used, and of its errors the `HTTPError` that it imports from its HTTP client (httpx or httpx2,
by version). `datasets.load_dataset` waits 23 seconds for a Hub that is down, and without a network it does not find
again what it loaded by `data_files` (datasets 5.2).
"""

import errno
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from json import JSONDecodeError
from pathlib import Path

from helpers.language import gettext as _

FIRST_ANSWER = 5  # seconds; huggingface_hub itself sets no limit to its first question
PAUSE = 2  # seconds before the one repetition, for a server that restarts or counts requests
PASSING = {408, 429, 500, 502, 503, 504}  # what a server answers that may be well in a moment


class HubError(Exception):
    """Files that did not come; `reason` says why, `remedy` what to do about it, both as parts of a sentence."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(f"{reason}: {remedy}")
        self.reason = reason
        self.remedy = remedy


def download(name: str, patterns: list[str], *, kind: str, revision: str = "main") -> Path:
    """Return the folder with the files of a repository that match one of the patterns.

    `kind` is "model" or "dataset". A file is downloaded once for each commit that `revision` points to.
    Raises `HubError`; a name that can be no repository's: huggingface_hub's `HFValidationError`.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError

    fetch = partial(snapshot_download, name, repo_type=kind, revision=revision, allow_patterns=patterns)
    ask = partial(HfApi().repo_info, name, repo_type=kind, revision=revision, timeout=FIRST_ANSWER)
    try:
        _with_patience(ask, HfHubHTTPError)
    except (HTTPError, ConnectionError, JSONDecodeError) as error:
        with suppress(LocalEntryNotFoundError):
            return Path(fetch(local_files_only=True))
        raise _explained(error) from None
    try:
        return Path(_with_patience(fetch, HTTPError))
    except (HTTPError, OSError) as error:
        raise _explained(error) from None


def _with_patience(call: Callable, passing: type[Exception]):
    """Call a second time where the first time failed for a reason that may pass."""
    try:
        return call()
    except passing as error:
        if _status(error) not in PASSING | {None}:
            raise
    time.sleep(PAUSE)
    return call()


def _status(error: Exception) -> int | None:
    """The status that the Hub answered with; None where the connection broke."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _explained(error: Exception) -> HubError:
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import FileMetadataError, HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, LocalEntryNotFoundError) and error.__cause__:
        error = error.__cause__  # why it looked for the file here at all
    status = _status(error)
    if isinstance(error, OfflineModeIsEnabled):
        return HubError(_("HF_HUB_OFFLINE is set"), _("connect to the internet, unset it"))
    if status in PASSING:
        return HubError(_("it answered {status}", status=status), _("wait a minute"))
    if status is not None:
        return HubError(
            _("it answered {status}: there is no such repository, or it is not open to everyone", status=status),
            _("look on huggingface.co whether the name and your HF_TOKEN are right"),
        )
    if isinstance(error, HTTPError):
        return HubError(_("it cannot be reached: {error}", error=type(error).__name__), _("connect to the internet"))
    if isinstance(error, JSONDecodeError | FileMetadataError):
        return HubError(_("something else answered, such as the login page of a network"), _("log in to the network"))
    if getattr(error, "errno", None) == errno.ENOSPC:
        return HubError(_("the disk is full"), _("free some space under {folder}", folder=HF_HUB_CACHE))
    first_sentence = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
    return HubError(f"{type(error).__name__}: {first_sentence}", _("mend the folder {folder}", folder=HF_HUB_CACHE))
