"""From ordered rows to trainers: the settings that keep the order, and the form rows must have."""

from tma_prep.handoff.registry import TRAINERS
from tma_prep.handoff.trainer import Handoff, Trainer
from tma_prep.handoff.warnings import warnings_of

__all__ = ["TRAINERS", "Handoff", "Trainer", "warnings_of"]
