"""A real HTTP server that speaks the push protocol as docs/protocol.md says, and remembers what came."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Push:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def final(self) -> bool:
        return self.headers.get("dreamos-final") == "1"

    @property
    def incarnation(self) -> str:
        return self.path.rpartition("/")[2]

    def value(self, sample: str) -> float:
        """Return the value on the line that begins with ``sample``."""
        for line in self.text.splitlines():
            if line.startswith(sample + " "):
                return float(line[len(sample) + 1 :].split(" ")[0])
        raise KeyError(f"{sample} not in {self.text}")


@dataclass
class Receiver:
    """The server; ``answer`` may be replaced to refuse, or to teach series lists."""

    url: str = ""
    pushes: list[Push] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    answer: Callable[[Push], tuple[int, dict[str, str], str]] = lambda push: (
        200,
        {"Dreamos-Result": "accepted"},
        "",
    )
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, condition: Callable[[list[Push]], bool], timeout: float = 60) -> None:
        """Wait until the pushes satisfy ``condition``; fail after ``timeout`` seconds."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.pushes), timeout), self.pushes


@contextmanager
def serving() -> Iterator[Receiver]:
    """A running server on a free port of the loopback."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            push = Push(self.path, headers, body)
            status, answer_headers, text = state.answer(push)
            with state.changed:
                state.pushes.append(push)
                state.connections.add(self.client_address)
                state.changed.notify_all()
            self.send_response(status)
            for name, value in answer_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_PUT

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
