"""The real service as a process of its own, and agents that say what they counted."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from tools.waiting import ended, eventually

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Service:
    """The metrics service on a free port, with its data in a folder of the test's."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tools.start_metrics_server"),
                    *("--port", str(self.port), "--data-dir", str(self.folder / "data")),
                ],
                cwd=ROOT,
                env={**clean_environment(), **self.settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process, log_file = self._process, self.folder / "service.log"
        eventually(
            self._is_ready,
            hopeless=lambda: ended(process) and f"{ended(process)}\n{log_file.read_text()}",
        )

    def _is_ready(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)

    def kill(self) -> None:
        """kill -9 the service with all its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the service in order: it writes what it holds."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self.kill()

    def total(self, sample: str) -> float:
        """Add up all the series of /metrics whose name is ``sample``."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((sample + "{", sample + " "))
        )


def clean_environment() -> dict[str, str]:
    """Return our environment without settings of the library and the service."""
    kept = ("DREAMOS_METRICS_", "METRICS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(kept)}


def agent_environment(service: Service, spool: Path, **more: str) -> dict[str, str]:
    """Return the environment of an agent that pushes to ``service`` every second."""
    return {
        **clean_environment(),
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "DREAMOS_METRICS_AGENT": "A",
        "DREAMOS_METRICS_URL": service.url,
        "DREAMOS_METRICS_SPOOL": str(spool),
        "DREAMOS_METRICS_INTERVAL": "1",
        **more,
    }


def send_spool(spool: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python -m tools.spool send`` as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "tools.spool", "send", "--folder", str(spool)],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Ledger:
    """What one thread has counted, kept where ``kill -9`` cannot reach: before and after each call."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / f"ledger-{name}"
        path.write_bytes(bytes(16))
        with path.open("r+b") as file:
            self.cells = memoryview(mmap.mmap(file.fileno(), 16)).cast("d")

    @staticmethod
    def bounds(folder: Path) -> tuple[float, float]:
        """Return how many calls have certainly ended, and how many have begun, over all threads."""
        ended = begun = 0.0
        for path in folder.glob("ledger-*"):
            cells = memoryview(path.read_bytes()).cast("d")
            begun += cells[0]
            ended += cells[1]
        return ended, begun
