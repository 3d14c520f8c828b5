"""The engine's own process: started through systemd, or by itself where there is none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tools.stack.console import StackError, last_lines, run, say, step

BY_HAND = "install Docker Engine 20.10 or later (https://docs.docker.com/engine/install/)"
LOG = Path("/var/log/dockerd.log")
PID_FILE = Path("/var/run/docker.pid")
PATIENCE_SECONDS = 90.0


def wide_path() -> str:
    """Return the search path with the folders that only root has on it."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"


def start(answers: Callable[[], bool]) -> None:
    """Start the engine and wait until it answers.

    Args:
        answers: tells whether it does.

    Raises:
        StackError: when only the user can start it, or it does not answer in time.
    """
    if platform.system() != "Linux" or os.environ.get("DOCKER_HOST"):
        raise StackError("Docker does not answer: start Docker Desktop, or check DOCKER_HOST")
    if os.geteuid() != 0:
        socket = Path("/var/run/docker.sock")
        if socket.exists() and not os.access(socket, os.W_OK):
            raise StackError(
                "Docker's socket is closed to you: run `make up` as root, or join the group with "
                "`sudo usermod -aG docker $USER` and log in again"
            )
        raise StackError(
            "the Docker engine is not running: start it with `sudo systemctl start docker`"
        )
    with step("Starting the Docker engine"):
        if Path("/run/systemd/system").is_dir():
            run(["systemctl", "start", "docker"], timeout=120)
        else:
            _start_without_systemd()
        _wait(answers)


def _start_without_systemd() -> None:
    program = shutil.which("dockerd", path=wide_path())
    if program is None:
        raise StackError(f"no dockerd on this machine: {BY_HAND}")
    if PID_FILE.exists() and not _alive(PID_FILE):
        PID_FILE.unlink()
    with LOG.open("ab") as log:
        subprocess.Popen(
            [program, f"--pidfile={PID_FILE}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    say(f"    no systemd here: started dockerd itself, log in {LOG}, pid in {PID_FILE}")


def _alive(pid_file: Path) -> bool:
    try:
        pid = int(pid_file.read_text())
        return "dockerd" in Path(f"/proc/{pid}/comm").read_text()
    except (OSError, ValueError):
        return False


def _wait(answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answers():
            return
        time.sleep(0.5)
    log = LOG.read_text(errors="replace") if LOG.exists() else ""
    raise StackError(
        f"the Docker engine did not answer within {PATIENCE_SECONDS:.0f} s:\n{last_lines(log)}"
    )
