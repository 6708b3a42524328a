"""All benchmarks in one table: `python -m benchmarks --full`, or `make bench`."""

from benchmarks import embedding, large_input, loading, orders, ranking, scale, shards, training
from benchmarks.measure import main

if __name__ == "__main__":
    main(
        "All benchmarks.",
        ranking.run,
        scale.run,
        orders.run,
        shards.run,
        loading.run,
        embedding.run,
        large_input.run,
        training.run,
    )
