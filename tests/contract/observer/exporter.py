"""A real node_exporter to compare with: the one on this machine, or Debian's, unpacked into a temporary folder."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tools.waiting import ended, eventually

PACKAGE = "prometheus-node-exporter"
# Debian's build changes some defaults (and 1.5 is older than the rest): ask for those of the upstream project
UPSTREAM = (
    r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "--collector.netdev.device-exclude=^$",
    "--collector.filesystem.mount-points-exclude="
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "--collector.processes",
    "--no-collector.systemd",
)


class NodeExporter:
    """A running node_exporter: its page and its process.

    One connection is kept open: a new one for each scrape would show in the socket figures that are to be compared.
    """

    def __init__(self, port: int, pid: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.pid = pid

    def scrape(self) -> str:
        """Return the page as text. Raises OSError while nobody listens."""
        try:
            self._connection.request("GET", "/metrics")
            return self._connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def find_binary(folder: Path) -> str:
    """Return the path of a node_exporter; skip, saying what to install, where there is none."""
    given = os.environ.get("NODE_EXPORTER")
    found = given or shutil.which(PACKAGE) or shutil.which("node_exporter")
    if found:
        return found
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        unpacked = _download(folder)
        if unpacked:
            return unpacked
    pytest.skip(
        f"no node_exporter: apt-get install {PACKAGE}, or NODE_EXPORTER=<path of the binary>"
    )


def _download(folder: Path) -> str | None:
    command = ["apt-get", "download", "-o", "APT::Sandbox::User=root", PACKAGE]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update"], capture_output=True, check=False)
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
    for package in folder.glob(f"{PACKAGE}*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        return str(folder / "usr/bin" / PACKAGE)
    return None


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(exporter: NodeExporter, process: subprocess.Popen[bytes]) -> None:
    """Return when the page is there; fail the test when the process ends before."""
    eventually(exporter.scrape, hopeless=lambda: ended(process))
