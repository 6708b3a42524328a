"""train-check: reference trainings on ordered shards, and their statistics."""

from tma_prep.checks.stage import TrainCheckResult, train_check

__all__ = [
    "TrainCheckResult",
    "train_check",
]
