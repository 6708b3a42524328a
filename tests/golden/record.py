"""Write `orders.json` anew: `python -m tests.golden.record` in the root of the repository.

Only for a change that is meant to change results; `git diff --stat` then shows how many did. A
refactoring never runs it.
"""

import json
import tempfile
from pathlib import Path

import pyarrow as pa

from tests.golden.cases import EXPORTS, ORDERS, POOL_OF
from tests.golden.frozen import RECORD, Frozen


def main() -> None:
    """Run every case and keep what it made."""
    with tempfile.TemporaryDirectory() as folder:
        frozen = Frozen(Path(folder))
        record = {
            "pyarrow": pa.__version__,
            "schemas": {pool: frozen.schema(next(iter(cases))) for pool, cases in ORDERS.items()},
            "orders": {case: frozen.order(case) for case in POOL_OF},
            "exports": {name: frozen.export(name) for name in EXPORTS},
        }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
