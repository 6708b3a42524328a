"""Every error that tma-prep raises on purpose: one line that says what is wrong and the remedy."""

from collections.abc import Collection


class TmaPrepError(Exception):
    """Base of all: its text is one line for a person."""


class InputError(TmaPrepError):
    """An input file or row cannot be used."""


class OptionError(TmaPrepError):
    """Options that contradict each other or have no meaning here."""


class ArtifactError(TmaPrepError):
    """A workspace lacks an artifact, holds a different one, or holds a damaged one."""


class DependencyError(TmaPrepError):
    """A library or model that this step needs is not there."""


class TrainingError(TmaPrepError):
    """The reference model cannot be trained to the end."""


class OrderError(TmaPrepError):
    """Rows arrived in another order than the shards say."""


class VerdictError(TmaPrepError):
    """A finished check does not find what it was required to find."""


def check_known(option: str, value: str, known: Collection[str]) -> None:
    """Refuse a name that no registry has.

    Args:
        option: As it is typed, `--order` say.
        value: What was given.
        known: The names there are.

    Raises:
        OptionError: With all that are known.
    """
    if value not in known:
        raise OptionError(f"{option} {value} is not known; it is one of {', '.join(known)}")
