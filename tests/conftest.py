"""What holds for all tests: no network, one thread, and where the sample data is."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.amounts import TORTURE, Tally, lines_of

os.environ["HF_HUB_OFFLINE"] = "1"
# A process a core is at work: threads of small models would only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In `make torture`, a table of what was tried."""
    if not TORTURE:
        return
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    ]
    for line in lines_of(reports):
        terminalreporter.write_line(line)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Counts what a test tries; the first line of its docstring says what that is."""
    described = request.function.__doc__.splitlines()[0].rstrip(".")
    return Tally(request.node, described)


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder of the committed sample data."""
    return Path(__file__).parent.parent / "sample_data"


BUCKET = "pool"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of an S3 server with one empty bucket; the environment leads there."""
    s3fs = pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    moto_server = pytest.importorskip("moto.server", reason="moto's server is not installed")
    import boto3

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        # What fsspec keeps of another test's server would be taken for this one's.
        s3fs.S3FileSystem.clear_instance_cache()
        yield client
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
