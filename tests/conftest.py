"""What holds for all tests: no network, and where the sample data is."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"


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
