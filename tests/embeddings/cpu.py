"""What the CPU of this machine can."""

import pytest

from tma_prep.embeddings.int8_bert import cpu_multiplies_bytes

WITH_BYTES = pytest.mark.skipif(
    not cpu_multiplies_bytes(), reason="this CPU has no instructions for products of bytes"
)
