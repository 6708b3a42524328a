"""The on-disk contracts of tma-prep: Arrow schemas of its files, pydantic models of its manifests.

Other programs may import this package to read what tma-prep writes; it needs only pyarrow and
pydantic.
"""

from tma_prep_schemas.checks import *  # noqa: F403
from tma_prep_schemas.consumed import *  # noqa: F403
from tma_prep_schemas.manifests import *  # noqa: F403
from tma_prep_schemas.tables import *  # noqa: F403
