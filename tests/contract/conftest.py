"""A real service in a process of its own, on a free port, for the contract tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools.waiting import ended, eventually

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Reply:
    """Status, headers (names in lower case) and text of an answer."""

    status: int
    headers: dict[str, str]
    text: str


def ask(url: str, body: bytes | None = None, method: str = "GET", **headers: str) -> Reply:
    """Send one request; header names are written with underscores."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, method=method, headers=names)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, found, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, found, text = error.code, error.headers, error.read()
    lower = {name.lower(): value for name, value in found.items()}
    return Reply(status, lower, text.decode())


@dataclass
class Running:
    """One service: start, stop and kill it, and talk to it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Running:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "tools.start_metrics_server"]
        command += ["--port", str(self.port), "--data-dir", str(self.folder / "data")]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("METRICS_")}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                cwd=ROOT,
                env={**clean, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        return self

    def _wait(self) -> None:
        assert self.process is not None
        process = self.process
        eventually(
            lambda: ask(self.url + "/-/ready").status == 200,
            hopeless=lambda: ended(process) and f"{ended(process)}\n{self.log}",
        )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        """End the service and its worker at once, as ``kill -9`` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the service as Ctrl-C does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        self.process.wait(60)
        self.process = None

    def push(self, path: str, body: str | bytes = "", method: str = "PUT", **headers: str) -> Reply:
        """Push ``body`` to ``/metrics/job/<path>``."""
        raw = body.encode() if isinstance(body, str) else body
        return ask(f"{self.url}/metrics/job/{path}", raw, method, **headers)

    def scrape(self, **headers: str) -> str:
        return ask(self.url + "/metrics", None, "GET", **headers).text

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the one series with these labels, None when there is none."""
        found = [
            float(line.rpartition(" ")[2])
            for line in self.scrape().splitlines()
            if line.startswith((name + "{", name + " "))
            and all(f'{label}="{value}"' in line for label, value in labels.items())
        ]
        assert len(found) <= 1, f"{name} {labels}: {len(found)} series"
        return found[0] if found else None


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start services; what runs at the end of the test is killed."""
    running: list[Running] = []

    def start(*arguments: str, **environment: str) -> Running:
        folder = tmp_path / f"service{len(running)}"
        folder.mkdir()
        running.append(Running(folder, environment, arguments))
        return running[-1].start()

    yield start
    for service in running:
        service.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for all tests of a module; each test uses a job of its own."""
    service = Running(tmp_path_factory.mktemp("shared")).start()
    yield service
    service.kill()
