"""What one collection of the host costs, beside one scrape of the real node_exporter on the same machine.

Run it from the top of the repository::

    python -m benchmarks.observer.host [path of node_exporter]

The two take turns, so that a busy machine is busy for both. For node_exporter it is the CPU time of its
process; for ours that of this process, the making of the metric families included and the text of the
page not: the service makes that for all its series at once.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from services.metrics.observer.host import HostCollector
from tools.waiting import eventually

ROUNDS = 20
PROCESSES = "--collector.processes"  # ours always counts them, theirs only when asked
EACH = 10


def main() -> int:
    """Print the figures; return 1 when ours costs more."""
    given = sys.argv[1] if len(sys.argv) > 1 else None
    binary = given or shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if binary is None:
        print("host: no node_exporter here; apt-get install prometheus-node-exporter")
        return 0
    below = True
    for name, options in (("as it is by default", []), ("counting processes too", [PROCESSES])):
        theirs, ours = compare(binary, options)
        below = below and ours < theirs
        print(
            f"node_exporter {name:<23} {theirs * 1000:6.2f} ms CPU a scrape, ours {ours * 1000:6.2f} ms"
            f" a collection, ratio {ours / theirs:.2f} (must be below 1)"
        )
    return 0 if below else 1


def compare(binary: str, options: list[str]) -> tuple[float, float]:
    """Return the CPU seconds of one scrape of theirs and of one collection of ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [binary, f"--web.listen-address=127.0.0.1:{port}", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        eventually(lambda: _scrape(url))
        return _measure(url, process.pid)
    finally:
        process.kill()
        process.wait()


def _measure(url: str, pid: int) -> tuple[float, float]:
    collector, ours = HostCollector(), 0.0
    collector.collect()
    before = _cpu(pid)
    for _ in range(ROUNDS):
        for _ in range(EACH):
            _scrape(url)
        began = time.process_time()
        for _ in range(EACH):
            collector.collect()
        ours += time.process_time() - began
    return (_cpu(pid) - before) / (ROUNDS * EACH), ours / (ROUNDS * EACH)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _scrape(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
        text: bytes = answer.read()
    return text


if __name__ == "__main__":
    sys.exit(main())
