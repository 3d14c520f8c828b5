"""Host figures from psutil alone, for macOS, Windows and the BSDs, under Linux' names."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import psutil

from services.metrics.metric_builder import MetricBuilder

_MEMORY = {
    "total": "node_memory_MemTotal_bytes",
    "available": "node_memory_MemAvailable_bytes",
    "free": "node_memory_MemFree_bytes",
    "buffers": "node_memory_Buffers_bytes",
    "cached": "node_memory_Cached_bytes",
    "active": "node_memory_Active_bytes",
    "inactive": "node_memory_Inactive_bytes",
    "wired": "node_memory_wired_bytes",
}
# Windows' own words for what Linux calls otherwise
_MODES = {"interrupt": "irq", "dpc": "softirq"}


def cpu(out: MetricBuilder) -> None:
    """Add CPU time by mode, boot time, context switches and interrupts."""
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode, value in times._asdict().items():
            if mode.startswith("guest"):
                continue
            labels = {"cpu": str(number), "mode": _MODES.get(mode, mode)}
            text = "Seconds each CPU spent in each mode."
            out.counter("node_cpu_seconds_total", text, value, labels)
    stats = psutil.cpu_stats()
    out.counter("node_context_switches_total", "Context switches.", stats.ctx_switches)
    out.counter("node_intr_total", "Interrupts.", stats.interrupts)
    out.gauge("node_boot_time_seconds", "When the host was booted.", psutil.boot_time())
    out.gauge("node_time_seconds", "The host's time, Unix time.", time.time())


def load(out: MetricBuilder) -> None:
    """Add the load averages; psutil works them out itself on Windows."""
    for minutes, value in zip(("1", "5", "15"), psutil.getloadavg(), strict=True):
        out.gauge(f"node_load{minutes}", f"Load average of {minutes} min.", value)


def memory(out: MetricBuilder) -> None:
    """Add memory and swap."""
    found = psutil.virtual_memory()
    for field, name in _MEMORY.items():
        if hasattr(found, field):
            out.gauge(name, f"psutil's virtual_memory().{field}.", getattr(found, field))
    swap = psutil.swap_memory()
    out.gauge("node_memory_SwapTotal_bytes", "Swap space.", swap.total)
    out.gauge("node_memory_SwapFree_bytes", "Swap space that is free.", swap.free)


def disk(out: MetricBuilder) -> None:
    """Add disk input and output by disk."""
    for device, io in psutil.disk_io_counters(perdisk=True, nowrap=True).items():
        for field, name, unit in (
            ("read_count", "reads_completed", 1),
            ("write_count", "writes_completed", 1),
            ("read_bytes", "read_bytes", 1),
            ("write_bytes", "written_bytes", 1),
            ("read_time", "read_time_seconds", 1000),
            ("write_time", "write_time_seconds", 1000),
        ):
            if hasattr(io, field):
                value = getattr(io, field) / unit
                text = f"psutil's disk_io_counters().{field}."
                out.counter(f"node_disk_{name}_total", text, value, {"device": device})


def filesystem(out: MetricBuilder) -> None:
    """Add size and free space of real disks."""
    for part in psutil.disk_partitions(all=False):
        labels = {"device": part.device, "fstype": part.fstype, "mountpoint": part.mountpoint}
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:  # an empty drive
            continue
        out.gauge("node_filesystem_size_bytes", "Size.", usage.total, labels)
        out.gauge("node_filesystem_avail_bytes", "Space that anyone may use.", usage.free, labels)
        readonly = 1 if "ro" in part.opts.split(",") else 0
        out.gauge("node_filesystem_readonly", "1 when mounted read-only.", readonly, labels)


def network(out: MetricBuilder) -> None:
    """Add traffic and state by interface."""
    for device, io in psutil.net_io_counters(pernic=True, nowrap=True).items():
        for field, name in (
            ("bytes_recv", "receive_bytes"),
            ("bytes_sent", "transmit_bytes"),
            ("packets_recv", "receive_packets"),
            ("packets_sent", "transmit_packets"),
            ("errin", "receive_errs"),
            ("errout", "transmit_errs"),
            ("dropin", "receive_drop"),
            ("dropout", "transmit_drop"),
        ):
            text = f"psutil's net_io_counters().{field}."
            out.counter(f"node_network_{name}_total", text, getattr(io, field), {"device": device})
    for device, state in psutil.net_if_stats().items():
        up = 1 if state.isup else 0
        out.gauge("node_network_up", "1 when the interface is up.", up, {"device": device})


def processes(out: MetricBuilder) -> None:
    """Add the number of processes."""
    out.gauge("node_processes_pids", "Processes.", len(psutil.pids()))


def uname(out: MetricBuilder) -> None:
    """Add the names of system and machine."""
    names = platform.uname()
    labels = {
        "domainname": "(none)",
        "machine": names.machine,
        "nodename": names.node,
        "release": names.release,
        "sysname": names.system,
        "version": names.version,
    }
    out.gauge("node_uname_info", "System and machine, in labels.", 1, labels)


PARTS: dict[str, Callable[[MetricBuilder], None]] = {
    "cpu": cpu,
    "diskstats": disk,
    "filesystem": filesystem,
    "loadavg": load,
    "meminfo": memory,
    "netdev": network,
    "processes": processes,
    "uname": uname,
}
