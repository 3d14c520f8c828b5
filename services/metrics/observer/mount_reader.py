"""The mount reader: the one part that sees the host's ``/``, and talks to nobody.

Its container has no network, no secret and no input. Every few seconds it asks each mounted file
system for its size and writes the answers, with the host's name and distribution, into a folder
that the observer reads in place of ``/`` (``METRICS_HOST_ROOT``, and ``METRICS_HOST_MOUNTS`` for
the record of the mounts): ``python -m services.metrics.observer.mount_reader``.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from services.metrics.observer.host.filesystem import Filesystems, write_record
from services.metrics.observer.host.source import Source, read_bytes

log = logging.getLogger(__name__)

RECORD = "mounts.json"
NAMES = ("etc/hostname", "etc/os-release", "usr/lib/os-release")
"""Files of the host's root that are copied: who it is."""
MAX_NAME_BYTES = 16_384


class MountReader:
    """Writes what it sees of the host's root into a folder.

    Args:
        source: the host's ``proc`` and root.
        folder: where to write; nothing else is written.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source, self._folder = source, folder
        self._filesystems = Filesystems()

    def write(self) -> None:
        """Measure and write once. Raises OSError."""
        for name in NAMES:
            self._copy(name)
        write_record(self._folder / RECORD, self._filesystems.measure(self._source))

    def _copy(self, name: str) -> None:
        try:
            text = read_bytes(self._source.below_root("/" + name))[:MAX_NAME_BYTES]
        except OSError:  # not every system has each of them
            return
        copy = self._folder / name
        if copy.exists() and copy.read_bytes() == text:
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.metrics.observer.mount_reader")
    parser.add_argument("--proc", default="/host/proc", help="the host's /proc")
    parser.add_argument("--root", default="/host/root", help="the host's /")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two looks")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(0o022)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    reader, complaint = MountReader(Source(proc=options.proc, root=options.root), options.out), ""
    while not ended.is_set():
        try:
            reader.write()
            complaint = ""
        except OSError as problem:
            if str(problem) != complaint:
                log.warning(
                    "the file systems were not written down: %s", problem.strerror or problem
                )
            complaint = str(problem)
        ended.wait(options.interval)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
