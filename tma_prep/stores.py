"""Requests to servers that hold files: asked again where one hangs, and told where one fails.

What is told is one line with the URL and the remedy; it quotes nothing that a server said.
"""

import errno
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from tma_prep.errors import DependencyError, InputError, TmaPrepError

WEB = ("http", "https")
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""Which extra brings the library for a kind of URL."""

_PACKAGES = dict.fromkeys(WEB, "aiohttp") | dict.fromkeys(("abfs", "abfss", "az"), "adlfs")
_SIGN_IN = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gcs": "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "run hf auth login, or set HF_TOKEN",
}
_SILENCE = 10.0
"""Seconds without a byte after which a request has failed."""
_SILENCES_A_PIECE = 4
"""How long one piece may take that is sent, in `_SILENCE`s."""
_PATIENCE = 30.0
"""Seconds after which a request that fails is not made again."""

_TRANSIENT = re.compile("Timeout|Connect|Disconnect|ClientOSError|PayloadError|Incomplete|Network")
_UNREACHABLE = re.compile(f"{_TRANSIENT.pattern}|DNS|Offline|ProxyError|SSLError")
_NO_CREDENTIALS = re.compile("Credential|RefreshError|TokenRetrieval|UnauthorizedSSO")
_REFUSED = re.compile("PermissionError|Gated|Forbidden")

_Result = TypeVar("_Result")

# gcsfs tells its retries, with tracebacks; that is for whoever asks for its log.
logging.getLogger("gcsfs").addHandler(logging.NullHandler())


def tried(url: object, action: Callable[[], _Result], done: str = "read") -> _Result:
    """Do what asks a server; again, after growing waits, where it hangs or resets.

    Args:
        url: What is asked for.
        action: May be called several times.
        done: What could not be done with it: read, written, removed.

    Raises:
        InputError: Whatever it was, a missing library apart.
        DependencyError: A library is missing.
    """
    start, pause = time.monotonic(), 1.0
    while True:
        try:
            return action()
        except (TmaPrepError, MemoryError):
            raise
        except Exception as error:  # every store's library has errors of its own
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise
            if not _is_transient(error) or time.monotonic() - start + pause > _PATIENCE:
                raise _as_ours(str(url), done, error) from error
        time.sleep(pause)
        pause *= 2


def watched(send: Callable[[Callable[..., None]], None]) -> None:
    """Let a thread send, which is left to itself where nothing moves any more.

    The time-outs of `client_options` begin when a request is sent, and a server may never take it.

    Args:
        send: Is given what it must call, with whatever, when a piece is done.

    Raises:
        TimeoutError: It was left.
    """
    done: Future[None] = Future()
    moved = [time.monotonic()]

    def run() -> None:
        try:
            send(lambda *_, **__: moved.append(time.monotonic()))
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    while not wait([done], timeout=0.1).done:
        if time.monotonic() - moved[-1] > _SILENCES_A_PIECE * _SILENCE:
            raise TimeoutError
    done.result()


def client_options(protocol: str) -> dict[str, Any]:
    """What makes a file system of fsspec give up where nothing comes; the user's own goes first."""
    if protocol in ("s3", "s3a"):
        name = "config_kwargs"
        limits: dict[str, Any] = {"connect_timeout": _SILENCE, "read_timeout": _SILENCE}
        limits["retries"] = {"max_attempts": 0}
    elif protocol in (*WEB, "gs", "gcs"):
        import aiohttp

        silence = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
        if protocol not in WEB:
            return {"requests_timeout": silence}
        name, limits = "client_kwargs", {"timeout": silence}
    else:
        return {}
    from fsspec.config import conf

    return {name: {**limits, **conf.get(protocol, {}).get(name, {})}}


def is_absence(error: FileNotFoundError) -> bool:
    """Whether it says that the file is not there, and no more.

    The web's file system says so of any failure, and S3's of a missing bucket.
    """
    bucket = "bucket" in str(error).lower() and "not exist" in str(error)
    return not bucket and not _named(error, _UNREACHABLE) and _status(error) in (None, 404)


def missing(url: object) -> InputError:
    """What is raised for a file that is not there."""
    return InputError(f"{url}: no such file, folder or bucket; check the URL")


def _as_ours(url: str, done: str, error: Exception) -> TmaPrepError:
    protocol = url.partition("://")[0]
    extra = EXTRAS.get(protocol, protocol)
    sign_in = _SIGN_IN.get(extra, "see the documentation of its store")
    if isinstance(error, ImportError):
        package = _PACKAGES.get(protocol, "its library for fsspec")
        install = f"'tma-prep[{extra}]'" if protocol in EXTRAS else package
        return DependencyError(
            f"{url}: {protocol}:// needs another library; run pip install {install}"
        )
    if isinstance(error, ValueError) and "nsupported filesystem" in str(error):
        told = (
            f"{protocol}:// is not known; use s3://, gs://, hf://, https://, or another that "
            "fsspec knows"
        )
    elif _named(error, _NO_CREDENTIALS):
        told = f"no credentials that can be used were found; {sign_in}"
    elif _named(error, _REFUSED) or _status(error) in (401, 403):
        told = f"access is refused; check the name and the rights of your credentials ({sign_in})"
    elif _named(error, _UNREACHABLE) or _is_transient(error):
        told = (
            f"its server cannot be reached ({_reason(error)}); check the network and the address, "
            "or wait; then run the same command again, and it goes on"
        )
    elif isinstance(error, FileNotFoundError):
        return missing(url)
    elif type(error).__name__ == "FileExpired":
        told = "changed while it was read; run the same command again"
    else:
        told = f"cannot be {done} ({_reason(error)}); check the URL and run the same command again"
    return InputError(f"{url}: {told}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _named(error: BaseException, name: re.Pattern[str]) -> BaseException | None:
    """The error, or the one behind it, of such a name."""
    return next((cause for cause in _causes(error) if name.search(type(cause).__name__)), None)


def _status(error: BaseException) -> int | None:
    """The HTTP status with which a server answered, where one did."""
    for cause in _causes(error):
        answer = getattr(cause, "response", None)
        if isinstance(answer, dict):  # botocore
            answer = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        found = getattr(cause, "status", None) or getattr(answer, "status_code", answer)
        found = found or getattr(cause, "code", None)
        if isinstance(found, int):
            return found
    return None


def _is_transient(error: BaseException) -> bool:
    status = _status(error) or 0
    return bool(_named(error, _TRANSIENT)) or status == 429 or status >= 500


def _reason(error: BaseException) -> str:
    """Why, in words that are none of a server's."""
    named, status = _named(error, _UNREACHABLE), _status(error)
    if named is None and status is not None:
        return f"HTTP status {status}"
    found = named or error
    number = found.errno if isinstance(found, OSError) else None
    return os.strerror(number) if number and number > 0 else type(found).__name__
