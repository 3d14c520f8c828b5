"""Figures of the agent's own process: threads everywhere, and CPU, memory and files where nobody
else has them.

On Linux `prometheus_client` already exports `process_cpu_seconds_total` and its kin from /proc. On
other systems it exports nothing, and psutil fills in under the same names.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

import psutil
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dreamos_metrics.metrics import snapshot_hooks
from dreamos_metrics.metrics.gauge import Gauge

_threads = Gauge("dreamos_agent_threads", "Threads of the agent's processes")


class ProcessFigures(Collector):
    """CPU time, memory, open files and start of this process, from psutil."""

    def describe(self) -> Iterable[Metric]:
        """Yield the families without samples: registering must not ask psutil, which may fail."""
        yield CounterMetricFamily("process_cpu_seconds_total", "")
        yield GaugeMetricFamily("process_resident_memory_bytes", "")
        yield GaugeMetricFamily("process_start_time_seconds", "")
        yield GaugeMetricFamily("process_open_fds", "")

    def collect(self) -> Iterable[Metric]:
        """Yield what the platform gives; what it refuses is left out."""
        process = psutil.Process(os.getpid())
        with process.oneshot():
            times = process.cpu_times()
            yield CounterMetricFamily(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
                value=times.user + times.system,
            )
            yield GaugeMetricFamily(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                value=process.memory_info().rss,
            )
            yield GaugeMetricFamily(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                value=process.create_time(),
            )
            files = open_files(process)
            if files is not None:
                yield GaugeMetricFamily(
                    "process_open_fds", "Number of open file descriptors.", value=files
                )


def open_files(process: psutil.Process) -> int | None:
    """Return how many descriptors (on Windows: handles) a process has open, None where unknown."""
    count = getattr(process, "num_handles" if sys.platform == "win32" else "num_fds", None)
    try:
        return None if count is None else int(count())
    except psutil.Error:
        return None


def watch_process() -> None:
    """Export this process's figures from now on; calling it twice is calling it once."""
    snapshot_hooks.on_snapshot(_count_threads)
    # Somebody who has these names already (on Linux prometheus_client itself) shows the same
    # figures.
    with contextlib.suppress(ValueError):
        REGISTRY.register(ProcessFigures())


def _count_threads() -> None:
    _threads.set(psutil.Process(os.getpid()).num_threads())
