"""Collector of the host's figures: every part, each timed, none able to spoil the others."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host import (
    cpu,
    disk,
    kernel,
    memory,
    netstat,
    network,
    portable,
)
from services.metrics.observer.host.filesystem import Filesystems
from services.metrics.observer.host.source import Source

Part = Callable[[Source, MetricBuilder], object]


class HostCollector:
    """The host's figures, under node_exporter's names.

    On Linux they are read from the kernel's files below ``source``; elsewhere from psutil. A part
    that fails is left out of that collection and shows as ``node_scrape_collector_success`` 0, as
    in node_exporter, also when the kernel does not have the file at all.
    """

    name = "host"

    def __init__(self, source: Source | None = None, interval: float = 15.0) -> None:
        self.interval = interval
        self.source = source or Source()
        self._cpu = cpu.Cpu()
        self._memory: dict[str, float] = {}
        self._before: dict[str, list[float]] = {}
        self.failed: frozenset[str] = frozenset()
        self.figures: dict[str, float] = {}
        self.parts = self._linux() if sys.platform == "linux" else _portable()

    def collect(self) -> list[Metric]:
        """Return the families of every part that could be read."""
        out = MetricBuilder()
        self.failed = frozenset(n for n, part in self.parts.items() if not self._run(n, part, out))
        if sys.platform == "linux":
            self._own(out)
        return out.list()

    def _run(self, name: str, part: Part, out: MetricBuilder) -> int:
        began, labels = time.perf_counter(), {"collector": name}
        scratch, success = MetricBuilder(), 1
        try:
            part(self.source, scratch)
        except Exception:  # noqa: BLE001 - a part that cannot be read costs its own figures only
            success = 0
        out.merge(scratch)
        passed = time.perf_counter() - began
        text = "How long a part of the host collection took."
        out.gauge("node_scrape_collector_duration_seconds", text, passed, labels)
        text = "Whether a part of the host collection succeeded."
        out.gauge("node_scrape_collector_success", text, success, labels)
        return success

    def _linux(self) -> dict[str, Part]:
        return {
            "arp": netstat.arp,
            "conntrack": netstat.conntrack,
            "cpu": self._cpu.collect,
            "diskstats": disk.diskstats,
            "entropy": kernel.entropy,
            "filefd": kernel.filefd,
            "filesystem": Filesystems().collect,
            "kernel_hung": kernel.hung_tasks,
            "loadavg": cpu.load,
            "meminfo": self._meminfo,
            "netclass": network.netclass,
            "netdev": network.netdev,
            "netstat": netstat.Netstat().collect,
            "os": kernel.os_release,
            "pressure": cpu.pressure,
            "processes": kernel.processes,
            "schedstat": cpu.schedstat,
            "sockstat": netstat.sockstat,
            "softnet": netstat.softnet,
            "time": kernel.clock,
            "timex": kernel.timex,
            "udp_queues": netstat.udp_queues,
            "uname": kernel.uname,
            "vmstat": memory.vmstat,
        }

    def _meminfo(self, source: Source, out: MetricBuilder) -> None:
        self._memory = memory.meminfo(source, out)

    def _own(self, out: MetricBuilder) -> None:
        """Add the two ratios that a person without Prometheus asks for first."""
        used = self._cpu.used_ratio(self._before)
        self._before = self._cpu.snapshot()
        if used is not None:
            text = "Share of CPU time in use since the collection before (idle and iowait are not)."
            out.gauge("dreamos_host_cpu_usage_ratio", text, used)
            self.figures["cpu_usage_ratio"] = round(used, 4)
        total, available = self._memory.get("MemTotal"), self._memory.get("MemAvailable")
        if total and available is not None:
            text = "Share of memory that is not available to new work."
            ratio = 1 - available / total
            out.gauge("dreamos_host_memory_usage_ratio", text, ratio)
            self.figures["memory_usage_ratio"] = round(ratio, 4)


def _portable() -> dict[str, Part]:
    def adapt(part: Callable[[MetricBuilder], None]) -> Part:
        return lambda _source, out: part(out)

    return {name: adapt(part) for name, part in portable.PARTS.items()}
