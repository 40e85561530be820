"""Snapshots of models and data sets on the Hugging Face Hub, and one line that explains a failed download.

Downloading, caching and resuming are `huggingface_hub`'s; its variables (HF_HOME, HF_TOKEN, HF_ENDPOINT,
HF_HUB_OFFLINE) keep their meaning.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence

import huggingface_hub
from huggingface_hub import constants, errors

from alignment.common.progress import say, shows_bars
from alignment.errors import UserError

FIRST_ANSWER = 10.0  # seconds; the library itself waits for the first answer without a limit
NOUNS = {"model": "model", "dataset": "data set"}
PREFIXES = {"model": "", "dataset": "hf://"}  # how a repository is written on the command line


def snapshot(repo: str, kind: str, patterns: Sequence[str], revision: str | None = None, remedy: str = "") -> str:
    """Return the local folder with a repository's files, fetching those that the cache lacks.

    A Hub that cannot be reached, refuses or answers nothing within `FIRST_ANSWER` seconds leaves what is in the cache.

    Args:
      repo: owner/name.
      kind: "model" or "dataset".
      patterns: the files to fetch, as shell patterns.
      revision: branch, tag or commit; None for the main branch.
      remedy: what the user can do without the Hub, for the messages.

    Raises:
      UserError: the repository is gated, missing or cannot be fetched, and is not complete in the cache; the cache
        cannot be written.
      OSError: the disk is full; it names a file or the cache.
    """
    refusal = None
    try:
        huggingface_hub.HfApi().repo_info(repo, repo_type=kind, revision=revision, timeout=FIRST_ANSWER)
    except Exception as error:  # noqa: BLE001 - the HTTP library's own types differ between versions
        refusal = error
    if not shows_bars():
        huggingface_hub.utils.disable_progress_bars()
        if refusal is None:
            say(f"{PREFIXES[kind]}{repo}: fetching from {_without_login(constants.ENDPOINT)} what the cache lacks")
    try:
        return huggingface_hub.snapshot_download(
            repo,
            repo_type=kind,
            revision=revision,
            allow_patterns=list(patterns),
            local_files_only=refusal is not None,
        )
    except Exception as error:  # noqa: BLE001 - see above
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, error.filename or constants.HF_HUB_CACHE) from error
        meaning = explain(refusal or error, repo, kind, revision, remedy)
        raise UserError(f"{PREFIXES[kind]}{repo}: {meaning}") from error


def explain(error: BaseException, repo: str, kind: str, revision: str | None = None, remedy: str = "") -> str:
    """Return what a failed request means and what helps, as one line without secrets."""
    chain, noun = [error], NOUNS[kind]
    while link := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(link)
    meanings = {
        errors.HFValidationError: f"no id of a {noun} on the Hub; write OWNER/NAME",
        errors.GatedRepoError: _gated(repo, kind, "gated on the Hub"),
        errors.RepositoryNotFoundError: _missing(noun),
        errors.RevisionNotFoundError: f"no revision {revision!r} on the Hub; name a branch, tag or commit",
        errors.OfflineModeIsEnabled: f"not complete in the cache, and HF_HUB_OFFLINE is set; {remedy}unset it once",
    }
    for kind_of_error, meaning in meanings.items():
        if any(isinstance(link, kind_of_error) for link in chain):
            return meaning
    response = next((link.response for link in chain if isinstance(link, errors.HfHubHTTPError)), None)
    if response is not None:
        return _status(response.status_code, response.headers.get("retry-after"), repo, kind, remedy)
    denied = next((link for link in chain if isinstance(link, PermissionError) and link.filename), None)
    if denied is not None:
        return f"{denied.filename} cannot be written; set HF_HOME to a folder for downloads"
    reason = redact(" ".join(str(error).split()))[:160]
    return f"not complete in the cache, and the Hub cannot be reached ({reason}); {remedy}go online and run it again"


def _gated(repo: str, kind: str, state: str) -> str:
    page = f"{_without_login(constants.ENDPOINT)}/{'datasets/' if kind == 'dataset' else ''}{repo}"
    if huggingface_hub.get_token():
        return f"{state}: accept the licence at {page} with the account of HF_TOKEN"
    return f"{state}: accept the licence at {page}, then set HF_TOKEN"


def _without_login(address: str) -> str:
    return re.sub("//[^/@]*@", "//", address)


def _missing(noun: str) -> str:
    return f"neither a local folder nor a public {noun} on the Hub; check the name, or set HF_TOKEN if it is private"


def _status(status: int, wait: str | None, repo: str, kind: str, remedy: str) -> str:
    """What a status without one of the Hub's own error codes means."""
    if status == 404:
        return _missing(NOUNS[kind])
    if status == 429:
        after = f"in {wait} seconds" if wait else "later"
        return f"the Hub limits the rate of requests (429); run it again {after}; with HF_TOKEN set the limit is higher"
    if status in (401, 403) and not huggingface_hub.get_token():
        return _gated(repo, kind, f"refused by the Hub without a login ({status})")
    if status in (401, 403):
        return f"the Hub refuses the token ({status}); renew HF_TOKEN (or `hf auth login`), or unset it"
    return f"the Hub answers with status {status}; {remedy}run it again later"


def redact(text: str) -> str:
    """Return `text` without the Hub's token and without credentials in addresses."""
    token = huggingface_hub.get_token()
    return re.sub("//[^/@ ]*@", "//", text.replace(token, "...") if token else text)
