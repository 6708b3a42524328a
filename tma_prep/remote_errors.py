"""What goes wrong with remote files, told in one line that names the URL and the remedy."""

import contextlib
import errno
import re
from collections.abc import Iterator

from tma_prep.errors import DependencyError, InputError, TmaPrepError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_PACKAGES = {
    "http": "aiohttp",
    "https": "aiohttp",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
}
_SIGN_IN = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gcs": "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "run hf auth login, or set HF_TOKEN",
}
_UNREACHABLE = re.compile("Connect|Timeout|DNS|Offline|NetworkError|ProxyError|SSLError")
_NO_CREDENTIALS = re.compile("Credential|RefreshError|TokenRetrieval|UnauthorizedSSO")
_REFUSED = re.compile("PermissionError|Gated|Forbidden")


@contextlib.contextmanager
def told(url: str, done: str = "read") -> Iterator[None]:
    """Turn whatever a store's library raises into one line.

    Args:
        url: What was asked for.
        done: What could not be done with it: read, written, removed.

    Raises:
        InputError: Whatever it was, a missing library apart.
        DependencyError: A library is missing.
    """
    try:
        yield
    except (TmaPrepError, MemoryError):
        raise
    except Exception as error:  # every store's library has errors of its own
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise _as_ours(url, done, error) from error


def is_absence(error: FileNotFoundError) -> bool:
    """Whether it says that the file is not there, and no more.

    The web's file system says so of any failure, and S3's of a missing bucket.
    """
    return _matches(error, _UNREACHABLE) is None and not _is_refusal(error) and not _bucket(error)


def missing(url: str) -> InputError:
    """What is raised for a file that is not there."""
    return InputError(f"{url}: no such file, folder or bucket; check the URL")


def _as_ours(url: str, done: str, error: Exception) -> TmaPrepError:
    protocol = url.partition("://")[0]
    sign_in = _SIGN_IN.get(_EXTRAS.get(protocol, protocol), "see the documentation of its store")
    if isinstance(error, ImportError):
        return DependencyError(f"{url}: {_needed(protocol, error)}")
    if isinstance(error, ValueError) and "not known" in str(error):
        return InputError(
            f"{url}: {protocol}:// is not known; use s3://, gs://, hf://, https://, or another "
            "that fsspec knows"
        )
    if _matches(error, _NO_CREDENTIALS):
        return InputError(f"{url}: no credentials that can be used were found; {sign_in}")
    if _is_refusal(error):
        return InputError(
            f"{url}: access is refused; check the name and the rights of your credentials "
            f"({sign_in})"
        )
    unreachable = _matches(error, _UNREACHABLE)
    if unreachable is not None:
        return InputError(
            f"{url}: its server cannot be reached ({_reason(unreachable)}); check the network and "
            "the address, then run the same command again"
        )
    if isinstance(error, FileNotFoundError):
        return missing(url)
    if type(error).__name__ == "FileExpired":
        return InputError(f"{url}: changed while it was read; run the same command again")
    return InputError(
        f"{url}: cannot be {done} ({_reason(error)}); check the URL and run the same command again"
    )


def _needed(protocol: str, error: ImportError) -> str:
    extra = _EXTRAS.get(protocol)
    if extra is not None:
        return f"{protocol}:// needs another library; run pip install 'tma-prep[{extra}]'"
    package = _PACKAGES.get(protocol)
    if package is not None:
        return f"{protocol}:// needs another library; run pip install {package}"
    return f"{protocol}:// needs a library that is not installed ({_reason(error)}); install it"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _matches(error: BaseException, name: re.Pattern[str]) -> BaseException | None:
    """The error, or the one behind it, of such a name."""
    return next((cause for cause in _causes(error) if name.search(type(cause).__name__)), None)


def _is_refusal(error: BaseException) -> bool:
    if _matches(error, _REFUSED) or str(error).startswith("Forbidden"):
        return True
    return any(getattr(cause, "status", None) in (401, 403) for cause in _causes(error))


def _bucket(error: BaseException) -> bool:
    return "bucket" in str(error).lower() and "not exist" in str(error)


def _reason(error: BaseException) -> str:
    """The error's own text, without what may be a secret."""
    text = re.sub(r"://[^/@\s]*@", "://", " ".join(str(error).split()))
    return re.sub(r"\?\S+", "", text)[:200] or type(error).__name__
