"""What is frozen: every order and export, as the words that a person types.

Nothing else in this folder spells an option of `arrange`. Where one is renamed, edit its line here
(or `frozen.py`, for the words that all cases share); `orders.json` stays as it is.
"""

ORDERS: dict[str, dict[str, str]] = {
    "plain": {
        # Every ranking, by row.
        "tma": "--ranking tma --order nft",
        "wsd": "--ranking wsd --order nft",
        "min": "--ranking min --order nft",
        "avg": "--ranking avg --order nft",
        "max": "--ranking max --order nft",
        "centroid": "--ranking centroid --order nft",
        "ot": "--ranking ot --order nft",
        # Every order.
        "fft": "--order fft",
        "rt": "--order rt --seed 11",
        "round-robin": "--order round-robin",
        "cluster": "--order cluster",
        "wsd-round-robin": "--ranking wsd --order round-robin",
        # Every granularity. A ranking of cells keeps its seed.
        "tma-task": "--granularity task --order nft",
        "wsd-task": "--ranking wsd --granularity task --order fft",
        "tma-cells": "--granularity kmeans:7 --seed 3 --order nft",
        "min-cells": "--ranking min --granularity kmeans:7 --order round-robin",
        # Rows inside a round.
        "within-similarity": "--within-round similarity --select farthest --order cluster",
        "within-index": "--within-round index --order nft",
        "within-shuffle": "--within-round shuffle --seed 5 --order nft",
        "within-index-cells": "--granularity kmeans:7 --seed 3 --within-round index --order nft",
        # Every selection, with a budget of rows and of tokens.
        "nearest-rows": "--select nearest --budget 70 --order nft",
        "nearest-tokens": "--select nearest --budget 1ktok --order fft",
        "farthest": "--select farthest --order nft",
        "farthest-rows": "--select farthest --budget 70 --order fft",
        "farthest-tokens": "--select farthest --budget 1ktok --order nft",
        "both-ends-rows": "--select both-ends --budget 71 --order nft",
        "both-ends-tokens": "--select both-ends --budget 1ktok --order rt --seed 2",
        "random-rows": "--select random --budget 70 --seed 7 --order nft",
        "random-tokens": "--select random --budget 1ktok --seed 7 --order round-robin",
        "wsd-farthest-tokens": "--ranking wsd --select farthest --budget 1ktok --order nft",
        "ot-both-ends-rows": "--ranking ot --select both-ends --budget 71 --order fft",
        # Windows of rounds.
        "rounds": "--rounds 2:5 --order nft",
        "rounds-farthest": "--select farthest --rounds 2:5 --order nft",
        "rounds-random": "--select random --rounds -3: --budget 4 --seed 4 --order nft",
        # Rows of every task, by each rule.
        "per-task-nearest": "--per-task 12:nearest --order nft",
        "per-task-random": "--per-task 12:random --seed 6 --order cluster",
        "per-task-polar": "--per-task 13:polar --order round-robin",
        "per-task-uniform": "--ranking wsd --per-task 12:uniform --order fft",
        # Shuffled from some place on.
        "then-rt": "--shuffle-after 0.2 --order nft",
        "then-rt-fft": "--shuffle-after 0.07 --seed 8 --order fft",
        # Some of the tests.
        "tests-per-task": "--tests-per-task 2 --seed 9 --order nft",
        "target-fraction": "--target-fraction 0.5 --seed 9 --order nft",
        "target-tasks": "--target-fraction 0.5 --by-task --seed 9 --order nft",
        # Rows that hold a test.
        "exclude": "--leakage exclude --order nft",
        "exclude-any": "--leakage exclude --leak-ngrams any --leak-similarity 0.96 --order nft",
        "exclude-ot-cells": "--leakage exclude --ranking ot --granularity kmeans:7 --order fft",
        # Several shards, and little memory.
        "many-shards": "--rows-per-shard 50 --order nft",
        "little-memory": "--ranking wsd --memory-budget 30kB --order rt",
    },
    "nested": {"nested": "--order nft --rows-per-shard 17"},
    "two-files": {"two-files": "--order rt --rows-per-shard 25"},
}
"""By pool (see `data.py`): the name of each case, and what stands after `arrange WORK`."""

POOL_OF = {case: pool for pool, cases in ORDERS.items() for case in cases}

EXPORTS: dict[str, tuple[str, str]] = {
    f"{case}-for-{trainer}": (case, f"--for {trainer}")
    for case in ("tma", "nested")
    for trainer in ("jsonl", "trl", "transformers", "llamafactory", "axolotl", "torchtune")
} | {"cut-for-trl": ("two-files", "--for trl --global-batch 16 --tail cut")}
"""The case whose shards go out, and what stands after `export WORK`."""
