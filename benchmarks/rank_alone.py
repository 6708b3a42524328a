"""Map a store and rank it, and nothing else: `python -m benchmarks.rank_alone WORKSPACE`.

A process of its own for `scale`, which watches its memory from outside.
"""

import json
import sys
from pathlib import Path

from benchmarks.measure import timed
from benchmarks.ranking import rank


def main(work: Path) -> None:
    """Print seconds, cores, rounds and searches as JSON."""
    found, spent = timed(lambda: rank(work))
    rounds = 0 if found.rounds is None else int(found.rounds.max())
    told = {
        "seconds": spent.seconds,
        "cores": spent.cores,
        "rounds": rounds,
        "searches": found.searches,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
