"""Three servers that are asked the same: ours, ours without its fast path, and the Pushgateway."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
_MARK = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Told:
    """An answer: status, the headers that say something about the request, and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    goes_on: bool


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[int]:
    """Run a server until it is no longer needed."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(
            lambda: _answers(port),
            hopeless=lambda: log.read_text() if process.poll() is not None else "",
        )
        yield port
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def ours(folder: Path, fast: bool) -> Iterator[int]:
    """Run our service, with its fast path or without."""
    port = free_port()
    module = "services.metrics" if fast else "tests.contract.front.ordinary_only"
    arguments = ["--port", str(port), "--data-dir", str(folder / module)]
    with running([sys.executable, "-m", module, *arguments], port, folder / f"{module}.log"):
        yield port


def pushgateway() -> str | None:
    """Return the Pushgateway's command, None when it is not installed."""
    return shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[int]:
    """Run the Pushgateway, in the way in which one case does not spoil the next ones."""
    port = free_port()
    command = [pushgateway() or "", f"--web.listen-address=127.0.0.1:{port}", "--persistence.file="]
    command.append("--push.disable-consistency-check")
    with running(command, port, folder / "gateway.log"):
        yield port


def status(port: int, raw: bytes) -> int | None:
    """Send bytes and return the status of the answer, None when there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(raw)
            first = connection.makefile("rb").readline().split()
        except ConnectionError:
            return None
    return int(first[1]) if first else None


def ask(port: int, raw: bytes) -> Told | None:
    """Send bytes, read one answer, and see whether the connection goes on; None for no answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(raw)
        reader = connection.makefile("rb")
        try:
            told = _read(reader)
            if told is None:
                return None
            with contextlib.suppress(OSError):
                connection.sendall(_MARK)
                again = _read(reader)
                return Told(*told, goes_on=again is not None)
        except ConnectionError:
            return None
    return Told(*told, goes_on=False)


def _read(reader: object) -> tuple[int, tuple[tuple[str, str], ...], bytes] | None:
    first = reader.readline()  # type: ignore[attr-defined]
    if not first:
        return None
    headers = {}
    while (line := reader.readline().strip()) != b"":  # type: ignore[attr-defined]
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    length = headers.get("content-length")  # Go leaves it out where it closes the connection
    body = reader.read(int(length) if length else -1)  # type: ignore[attr-defined]
    told = ("content-type", "dreamos-result", "dreamos-series-list", "x-content-type-options")
    kept = tuple((name, headers[name]) for name in told if name in headers)
    return int(first.split()[1]), kept, body
