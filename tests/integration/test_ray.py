"""A real Ray of several nodes on this machine: the bytes of the local engine, whatever happens."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tma_prep.arrange import arrange
from tma_prep.embeddings import texts as embed_texts
from tma_prep.embeddings.stage import embed
from tma_prep.options import ArrangeOptions, EmbedOptions

pytestmark = pytest.mark.slow

pytest.importorskip("ray", reason="the extra ray is not installed")

TRAIN_ROWS, TEST_ROWS, ROWS_PER_PART = 400, 30, 50
_NOTICED_SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""That a node is gone; by default Ray waits longer."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and one more node, a CPU each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made: Any = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 1,
                "include_dashboard": False,
                "_system_config": _NOTICED_SOON,
            },
        )
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.fixture(scope="module", autouse=True)
def many_windows() -> Iterator[None]:
    """Windows of a part, so that a few hundred rows are several tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed_texts, "_LEAST_WINDOW_ROWS", ROWS_PER_PART)
        yield


@pytest.fixture(scope="module")
def options(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options of embed, all but where it runs and where it writes."""
    folder = tmp_path_factory.mktemp("inputs")
    lines = (sample_data / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "train.jsonl").write_text("".join(lines[:TRAIN_ROWS]), encoding="utf-8")
    tests = json.loads((sample_data / "test.json").read_text(encoding="utf-8"))
    (folder / "test.json").write_text(json.dumps(tests[:TEST_ROWS]), encoding="utf-8")
    return {
        "train": [str(folder / "train.jsonl")],
        "test": [str(folder / "test.json")],
        "rows_per_part": ROWS_PER_PART,
        "max_length": 32,
    }


@pytest.fixture(scope="module")
def local(options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Everything that the local engine writes."""
    work = tmp_path_factory.mktemp("local") / "work"
    embed(EmbedOptions(out=work, **options))
    arrange(ArrangeOptions(work=work, orders=["nft", "rt"], rows_per_shard=150))
    return contents(work)


def contents(work: Path) -> dict[str, bytes]:
    """Every file by its name, but for those that say where it was made."""
    return {
        str(path.relative_to(work)): path.read_bytes()
        for path in sorted(work.rglob("*"))
        if path.is_file() and path.name not in (".lock", "log.json")
    }


@dataclass
class _Accident:
    """A `Progress` in which something happens when a stage first tells of a result."""

    label: str
    happens: Callable[[], None]
    happened: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def stage(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        def advance(_: int) -> None:
            if label == self.label and not self.happened:
                self.happened.append(label)
                self.happens()

        yield advance

    def note(self, text: str) -> None:
        """Nobody reads it."""


@pytest.fixture(autouse=True)
def named(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """The cluster, as a person names it."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)


def lose_a_node(cluster: Any) -> None:  # noqa: ANN401 - Ray's own
    """As a machine does whose power goes."""
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


def test_the_same_workspace(
    cluster: Any,  # noqa: ANN401
    options: dict[str, Any],
    local: dict[str, bytes],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Byte for byte, though a node goes while texts are embedded: another does what it was at."""
    accident = _Accident("Embedding train", lambda: lose_a_node(cluster))
    try:
        embed(EmbedOptions(out=tmp_path, engine="ray", **options), accident)
        assert accident.happened
    finally:
        cluster.add_node(num_cpus=1)
    assert capfd.readouterr().out == ""
    arrange(ArrangeOptions(work=tmp_path, orders=["nft", "rt"], rows_per_shard=150, engine="ray"))
    assert contents(tmp_path) == local
    # Nothing has happened to the cluster, so Ray says nothing at all.
    assert capfd.readouterr() == ("", "")


def test_a_node_goes_with_results_that_nobody_took(cluster: Any) -> None:  # noqa: ANN401
    """They are made again; a task that was running there runs elsewhere."""
    from tma_prep.ray import Cluster

    def where(delay: float, number: int) -> tuple[int, str, bytes]:
        import time

        import ray

        time.sleep(delay)
        # Too large to travel with the reply: it stays on its node until it is fetched.
        return number, ray.get_runtime_context().get_node_id(), bytes(1 << 20)

    nodes = set()
    with Cluster() as connected:
        assert connected.slots(gpu=False) == 2
        found = connected.in_order(where, 0.3, range(8))
        numbers = []
        for number, node, _ in found:
            numbers.append(number)
            nodes.add(node)
            if number == 3:
                lose_a_node(cluster)
    cluster.add_node(num_cpus=1)
    assert numbers == list(range(8))
    assert len(nodes) == 2
