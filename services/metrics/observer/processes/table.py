"""Table of processes: from the host's proc on Linux, from psutil elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import psutil

from services.metrics.observer.host.source import names, read_bytes, read_line

_TICKS = float(os.sysconf("SC_CLK_TCK")) if hasattr(os, "sysconf") else 100.0
_PAGE = float(os.sysconf("SC_PAGE_SIZE")) if hasattr(os, "sysconf") else 4096.0


@dataclass(frozen=True)
class ProcessEntry:
    """A process that is there; ``stat`` is what was read of it already."""

    pid: int
    started: float
    stat: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class ProcessUsage:
    """What a process uses: seconds, bytes, counts; ``files`` is None where we may not look."""

    started: float
    cpu: float
    memory: float
    threads: int
    files: int | None


class Table(Protocol):
    """A way to see processes."""

    def processes(self) -> Iterator[ProcessEntry]:
        """Yield every process."""
        ...

    def command(self, pid: int) -> str:
        """Return the command line, arguments joined by blanks; empty when it is not known."""
        ...

    def usage(self, found: ProcessEntry) -> ProcessUsage | None:
        """Return what the process uses; None when it has ended."""
        ...


class LinuxTable:
    """Processes below a mounted proc, one small file for each of them at every look."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._boot = 0.0

    def processes(self) -> Iterator[ProcessEntry]:
        """Yield every process. Raises OSError when proc cannot be listed."""
        if not self._boot:
            self._boot = self._booted()
        for entry in names(self._proc):
            if not entry.isdecimal():
                continue
            try:
                stat = read_line(f"{self._proc}/{entry}/stat")
            except OSError:
                continue
            # from the last bracket on: the program's name before it may hold anything
            fields = tuple(stat[stat.rfind(b")") + 2 :].split())
            if len(fields) > 21 and fields[0] != b"Z":
                yield ProcessEntry(int(entry), self._boot + int(fields[19]) / _TICKS, fields)

    def command(self, pid: int) -> str:
        """Return the command line."""
        try:
            found = read_bytes(f"{self._proc}/{pid}/cmdline")
        except OSError:
            return ""
        return found.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")

    def usage(self, found: ProcessEntry) -> ProcessUsage | None:
        """Return what the process used when it was listed."""
        try:
            files = len(names(f"{self._proc}/{found.pid}/fd"))
        except OSError:  # another user's process: the kernel does not say
            files = None
        stat = found.stat
        return ProcessUsage(
            started=found.started,
            cpu=(int(stat[11]) + int(stat[12])) / _TICKS,
            memory=int(stat[21]) * _PAGE,
            threads=int(stat[17]),
            files=files,
        )

    def _booted(self) -> float:
        for line in read_bytes(f"{self._proc}/stat").splitlines():
            if line.startswith(b"btime "):
                return float(line[6:])
        return 0.0


class PortableTable:
    """Processes as psutil sees them."""

    def processes(self) -> Iterator[ProcessEntry]:
        """Yield every process."""
        for process in psutil.process_iter():
            try:
                yield ProcessEntry(process.pid, process.create_time())
            except psutil.Error:
                continue

    def command(self, pid: int) -> str:
        """Return the command line."""
        try:
            return " ".join(psutil.Process(pid).cmdline())
        except psutil.Error:
            return ""

    def usage(self, found: ProcessEntry) -> ProcessUsage | None:
        """Return what the process uses now."""
        try:
            process = psutil.Process(found.pid)
            with process.oneshot():
                times = process.cpu_times()
                return ProcessUsage(
                    started=found.started,
                    cpu=times.user + times.system,
                    memory=float(process.memory_info().rss),
                    threads=process.num_threads(),
                    files=_files(process),
                )
        except psutil.Error:
            return None


def _files(process: psutil.Process) -> int | None:
    try:
        # Windows counts handles; the stubs know only the system they are read on
        counter = getattr(process, "num_fds", None) or getattr(process, "num_handles")  # noqa: B009
        return int(counter())
    except (psutil.Error, NotImplementedError):
        return None
