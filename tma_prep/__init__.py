"""tma-prep: put instruction-tuning data into the order in which a model should see it."""

__version__ = "0.1.0"
