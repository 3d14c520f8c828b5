"""An engine of the tests' own, that can be ended and started again: it shares nothing with the machine's."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.waiting import eventually


@dataclass
class Engine:
    """A Docker engine in a network namespace of its own, with a folder of its own."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"unix://{self.folder}/socket"

    def docker(self, *words: str) -> str:
        """Run a command of this engine, which must succeed; returns what it printed."""
        done = subprocess.run(
            ["docker", "--host", self.address, *words], text=True, capture_output=True, check=True
        )
        return done.stdout

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = (
            f"ip link set lo up && exec dockerd --data-root={self.folder}/data "
            f"--exec-root={self.folder}/exec --pidfile={self.folder}/pid --host={self.address}"
        )
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            # Its bridges and rules are made and removed there, and never the machine's.
            self.process = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", command], stdout=log, stderr=log
            )
        eventually(self._answers, within=120)

    def _answers(self) -> bool:
        command = ["docker", "--host", self.address, "info"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def end(self, signum: signal.Signals) -> None:
        """Send it a signal, and wait until it has ended, and its containerd with it."""
        assert self.process is not None
        pid_file = self.folder / "exec/containerd/containerd.pid"
        containerd = pid_file.read_text().strip() if pid_file.exists() else ""
        self.process.send_signal(signum)
        self.process.wait(timeout=300)
        if containerd:
            eventually(lambda: not _runs(containerd), every=0.2)
            # The next one would take a process that nobody has buried yet for one that lives.
            pid_file.unlink(missing_ok=True)

    def load(self, *images: str) -> None:
        """Take images over from the machine's engine."""
        load = ["docker", "--host", self.address, "load"]
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
            subprocess.run(load, stdin=save.stdout, capture_output=True, check=True)
        assert 0 == save.returncode


def _runs(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Run an engine while the body runs, and leave nothing of it."""
    found = Engine(folder)
    found.start()
    try:
        yield found
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            if ids := found.docker("ps", "--all", "--quiet").split():
                found.docker("rm", "--force", *ids)
        found.end(signal.SIGTERM)
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if (place := line.split()[1]).startswith(str(folder)):
                subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(folder, ignore_errors=True)
