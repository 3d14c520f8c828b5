"""Collector of agents' processes, found by their command line or by pid files."""

from __future__ import annotations

import glob
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.processes.table import (
    LinuxTable,
    PortableTable,
    ProcessEntry,
    ProcessUsage,
    Table,
)

MAX_AGENTS = 1_000
SETTLING_SECONDS = 30.0  # seconds; a process this young may still become another program
REMEMBERED_SECONDS = 86_400.0  # seconds for which an agent without a process stays visible
_LABEL = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass
class Agent:
    """The processes of one agent, by pid and start; CPU time of those that ended is kept in ``retired``."""

    live: dict[tuple[int, float], ProcessUsage] = field(default_factory=dict)
    retired: float = 0.0
    starts: int = 0
    seen: float = 0.0

    def take(self, processes: dict[tuple[int, float], ProcessUsage], now: float) -> None:
        """Replace the live processes; CPU time never falls, whoever ended."""
        for key, old in self.live.items():
            if key not in processes:
                self.retired += old.cpu
        self.starts += sum(1 for key in processes if key not in self.live)
        self.live = processes
        if processes:
            self.seen = now


class ProcessCollector:
    """CPU, memory, threads and open files by agent.

    Args:
        pattern: a regular expression that is searched in each command line (arguments joined by blanks); its group
            ``agent`` is the label.
        pid_files: paths with wildcards, separated by commas; the file's name without ending is the label.
        proc: the mounted proc of the host.

    Raises ValueError when the pattern is no regular expression or has no group ``agent``.
    """

    name = "processes"

    def __init__(
        self, pattern: str = "", pid_files: str = "", *, proc: str = "/proc", interval: float = 15.0
    ) -> None:
        self.interval = interval
        self._pattern = _compiled(pattern) if pattern else None
        self._globs = [part.strip() for part in pid_files.split(",") if part.strip()]
        self._table: Table = LinuxTable(proc) if sys.platform == "linux" else PortableTable()
        self._known: dict[tuple[int, float], str] = {}
        self._agents: dict[str, Agent] = {}
        self._refused = 0

    def collect(self) -> list[Metric]:
        """Look at every process once, and return the figures by agent."""
        now, groups = time.time(), self._groups()
        for name in {*groups, *self._agents}:
            agent = self._agents.get(name)
            if agent is None:
                if len(self._agents) >= MAX_AGENTS:
                    self._refused += 1
                    continue
                agent = self._agents[name] = Agent()
            agent.take(groups.get(name, {}), now)
        self._agents = {n: a for n, a in self._agents.items() if now - a.seen < REMEMBERED_SECONDS}
        return self._families()

    def _groups(self) -> dict[str, dict[tuple[int, float], ProcessUsage]]:
        groups: dict[str, dict[tuple[int, float], ProcessUsage]] = {}
        by_pid = self._from_files()
        alive = set()
        for found in self._table.processes():
            key = (found.pid, found.started)
            alive.add(key)
            name = self._name(found, by_pid)
            process = self._table.usage(found) if name else None
            if process is not None:
                groups.setdefault(name, {})[key] = process
        self._known = {key: name for key, name in self._known.items() if key in alive}
        return groups

    def _name(self, found: ProcessEntry, by_pid: dict[int, tuple[str, float]]) -> str:
        filed = by_pid.get(found.pid)
        # a pid file that outlived its process may name a stranger, who began after it was written
        if filed is not None and found.started <= filed[1] + 2.0:
            return filed[0]
        key = (found.pid, found.started)
        if self._pattern is None:
            return ""
        if key not in self._known:
            name = self._matched(self._table.command(found.pid))
            if time.time() - found.started < SETTLING_SECONDS:
                return name
            self._known[key] = name
        return self._known[key]

    def _matched(self, command: str) -> str:
        match = self._pattern.search(command) if self._pattern else None
        if match is None:
            return ""
        name = match["agent"] or ""
        if not _LABEL.fullmatch(name):
            self._refused += 1
            return ""
        return name

    def _from_files(self) -> dict[int, tuple[str, float]]:
        found: dict[int, tuple[str, float]] = {}
        for path in self._paths():
            try:
                text, written = path.read_text(encoding="ascii"), path.stat().st_mtime
                if _LABEL.fullmatch(path.stem):
                    found[int(text.split()[0])] = (path.stem, written)
            except (OSError, ValueError, IndexError):
                continue  # being written, or no pid file
        return found

    def _paths(self) -> Iterator[Path]:
        for pattern in self._globs:
            for path in sorted(glob.glob(pattern))[:MAX_AGENTS]:  # noqa: PTH207 - the pattern is absolute
                yield Path(path)

    def _families(self) -> list[Metric]:
        out = MetricBuilder()
        text = "Processes whose names cannot be a label, or that were one agent too many."
        out.counter("dreamos_process_refused_total", text, self._refused)
        for name, agent in self._agents.items():
            _describe(out, {"agent": name}, agent)
        return out.list()


def _describe(out: MetricBuilder, labels: dict[str, str], agent: Agent) -> None:
    live = list(agent.live.values())
    out.gauge("dreamos_processes", "Processes of the agent that run now.", len(live), labels)
    cpu = agent.retired + sum(process.cpu for process in live)
    text = "CPU time of the agent's processes, those that ended included."
    out.counter("dreamos_process_cpu_seconds_total", text, cpu, labels)
    text = "Processes of the agent that were seen to start."
    out.counter("dreamos_process_starts_total", text, agent.starts, labels)
    memory, threads = sum(p.memory for p in live), sum(p.threads for p in live)
    out.gauge("dreamos_process_resident_memory_bytes", "Memory of all processes.", memory, labels)
    out.gauge("dreamos_process_threads", "Threads of all processes.", threads, labels)
    known = [process.files for process in live if process.files is not None]
    if known:
        out.gauge("dreamos_process_open_fds", "Open files of all processes.", sum(known), labels)
    if live:
        text = "When the oldest process started."
        started = min(process.started for process in live)
        out.gauge("dreamos_process_start_time_seconds", text, started, labels)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        found = re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"is no regular expression: {problem.msg}") from None
    if "agent" not in found.groupindex:
        raise ValueError("needs a group named agent")
    return found
