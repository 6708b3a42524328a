"""What every model of this package is built on."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses unknown keys, and does not change once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)
