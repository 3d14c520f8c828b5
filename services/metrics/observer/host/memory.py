"""Memory and paging. Names as in node_exporter: the kernel's own, with units."""

from __future__ import annotations

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source

_VMSTAT = ("pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout", "oom_kill")
_NAMES: dict[str, str] = {}


def meminfo(source: Source, out: MetricBuilder) -> dict[str, float]:
    """Add every line of ``/proc/meminfo``; return them as name -> bytes (or pages). Raises OSError."""
    found: dict[str, float] = {}
    for line in source.text("meminfo").splitlines():
        key, _, rest = line.partition(":")
        fields = rest.split()
        if not fields:
            continue
        value = float(fields[0]) * (1024 if len(fields) > 1 else 1)
        name = _NAMES.get(key) or _name(key, len(fields) > 1)
        found[key] = value
        out.gauge(name, f"The line {key} of /proc/meminfo.", value)
    return found


def _name(key: str, sized: bool) -> str:
    name = "node_memory_" + key.replace("(", "_").replace(")", "") + ("_bytes" if sized else "")
    _NAMES[key] = name
    return name


def vmstat(source: Source, out: MetricBuilder) -> None:
    """Add page faults, paging, swapping and OOM kills. Raises OSError."""
    for line in source.text("vmstat").splitlines():
        key, _, value = line.partition(" ")
        if key in _VMSTAT:
            out.untyped(f"node_vmstat_{key}", f"The line {key} of /proc/vmstat.", float(value))
