"""The servers that are measured: ours, and the Pushgateway where it is installed."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.waiting import eventually


@dataclass
class Peer:
    """A running server."""

    name: str
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Return the CPU seconds that the server and its children have used."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(_cpu(process) for process in family)

    def memory(self) -> int:
        """Return the resident bytes of the server and its children."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in family)

    def connections(self) -> int:
        """Return about how many connections the server has: its open files."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(process.num_fds() for process in family)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return status and body of one GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


def _cpu(process: psutil.Process) -> float:
    """Return CPU seconds, to the nanosecond where the kernel tells them by thread."""
    tasks = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
    if not tasks:
        times = process.cpu_times()
        return float(times.user + times.system)
    total = 0
    for task in tasks:
        with contextlib.suppress(OSError):
            total += int(task.read_text().split()[0])
    return total / 1e9


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def ours(settings: Sequence[str] = ()) -> Iterator[Peer]:
    """Run our service with its data in a temporary folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tools.start_metrics_server", "--data-dir", folder]
        command += ["--threads", "32", "--log-level", "warning", "--port", str(port), *settings]
        with _run("dreamos", command, port) as peer:
            yield peer


def pushgateway() -> str | None:
    """Return the Pushgateway's command, None when it is not installed."""
    return shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")


@contextlib.contextmanager
def gateway(check: bool) -> Iterator[Peer]:
    """Run the Pushgateway on one core, with or without its consistency check."""
    port = free_port()
    command = [pushgateway() or "pushgateway", f"--web.listen-address=127.0.0.1:{port}"]
    command.append("--persistence.file=")  # Debian's keeps what earlier runs pushed
    if not check:
        command.append("--push.disable-consistency-check")
    name = "pushgateway" if check else "pushgateway, no check"
    with _run(name, command, port) as peer:
        yield peer


@contextlib.contextmanager
def _run(name: str, command: list[str], port: int) -> Iterator[Peer]:
    process = subprocess.Popen(
        command,
        env={**os.environ, "GOMAXPROCS": "1", "METRICS_LOG_LEVEL": "warning"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        peer = Peer(name, port, psutil.Process(process.pid))
        eventually(lambda: peer.get("/-/ready")[0] == 200)
        yield peer
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait(peer: Peer) -> None:
    eventually(lambda: peer.get("/-/ready")[0] == 200)
