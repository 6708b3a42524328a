"""Servers that hang, reset or break off: asked again, and told in one line within the bound."""

import contextlib
import http.server
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import tma_prep.stores
from tma_prep.errors import InputError
from tma_prep.files import AnyPath, any_path, file_state, is_remote, open_file, sent_folder

pytest.importorskip("s3fs", reason="the extra s3 is not installed")

SECRET = "body-of-the-server"


@contextlib.contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server on this machine that does so with every connection; its host and port."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    held.append(connection)
                    with contextlib.suppress(OSError):
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in held:
                connection.close()


def hang(connection: socket.socket) -> None:
    """Say nothing."""


def reset(connection: socket.socket) -> None:
    """Hang up at once, with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def fail(connection: socket.socket) -> None:
    """Answer whatever is asked with an error and a body."""
    connection.recv(1 << 16)
    head = f"HTTP/1.1 503 {SECRET}\r\nX-Key: {SECRET}\r\nContent-Length: {len(SECRET)}\r\n"
    connection.sendall(f"{head}Connection: close\r\n\r\n{SECRET}".encode())
    connection.close()


def take_nothing(connection: socket.socket) -> None:
    """Say that nothing is there, and hang where something comes."""
    start = connection.recv(1 << 16)
    if start.startswith((b"GET", b"HEAD")):
        connection.sendall(b"HTTP/1.1 404 None\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()


def read(path: AnyPath) -> bytes:
    """Its first byte."""
    return open_file(path).read(1)


def send(path: AnyPath) -> None:
    """Send a folder there; nothing is left behind here."""
    assert is_remote(path)
    with TemporaryDirectory() as here:
        staging = Path(here, "staging")
        try:
            with sent_folder(staging, path, "manifest.json") as folder:
                (folder / "manifest.json").write_text("{}")
        finally:
            assert not staging.exists()


CASES = [
    *itertools.product(["s3"], [file_state, read, send], [hang, reset, fail]),
    *itertools.product(["http"], [file_state, read], [hang, reset, fail]),
    ("s3", send, take_nothing),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("protocol", "action", "answer"), CASES)
def test_it_is_told_in_one_line_in_time(
    protocol: str,
    action: Callable[[AnyPath], object],
    answer: Callable[[socket.socket], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the remedy, and without a word of the server's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with server(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        path = any_path("s3://bucket/a.jsonl" if protocol == "s3" else f"http://{address}/a.jsonl")
        start = time.monotonic()
        with pytest.raises(InputError) as caught:
            action(path)
        assert time.monotonic() - start < 10
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and SECRET not in message
    assert "its server cannot be reached (" in message
    assert message.endswith("then run the same command again, and it goes on")


class BreaksOff(http.server.BaseHTTPRequestHandler):
    """Serves one file; every other connection breaks off in the middle of it."""

    body = b"".join(json.dumps({"row": row}).encode() + b"\n" for row in range(300_000))
    requests = 0

    def do_HEAD(self) -> None:
        """Tell its size."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()

    def do_GET(self) -> None:
        """Send it, or half of it."""
        type(self).requests += 1
        self.do_HEAD()
        self.wfile.write(self.body if self.requests % 2 == 0 else self.body[: len(self.body) // 2])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_stream_goes_on_where_it_broke_off() -> None:
    """The bytes are the file's, each once."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BreaksOff) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        with open_file(any_path(f"http://127.0.0.1:{web.server_port}/a.jsonl")) as stream:
            assert stream.read() == BreaksOff.body
        web.shutdown()
    assert BreaksOff.requests == 2


def test_the_clients_own_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fsspec takes them from its files and from the environment."""
    from fsspec.config import conf

    given = {"read_timeout": 99, "s3": {"addressing_style": "path"}}
    monkeypatch.setitem(conf, "s3", {"config_kwargs": given})
    options = tma_prep.stores.client_options("s3")["config_kwargs"]
    assert given.items() <= options.items() and options["connect_timeout"] == 10
