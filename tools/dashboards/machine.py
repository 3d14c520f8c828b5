"""Panels of the machine itself, over node_exporter's names."""

from __future__ import annotations

from tools.dashboards.expressions import RATE, named
from tools.dashboards.panels import GREEN, ORANGE, RED, Json, Query, timeseries

REAL_FILE_SYSTEMS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"'

CPU = f'1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}[{RATE}]))'
MEMORY = "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)"
DISK = (
    f"max(1 - node_filesystem_avail_bytes{{{REAL_FILE_SYSTEMS}}}"
    f" / (node_filesystem_size_bytes{{{REAL_FILE_SYSTEMS}}} > 0))"
)


def used() -> Json:
    """Draw how full the machine is: processors, memory, the fullest disk."""
    return timeseries(
        "The machine",
        "Share of the processors, of the memory, and of the fullest file system that is in use.",
        "percentunit",
        Query(named("what", CPU=CPU, Memory=MEMORY, Fullest_disk=DISK), "{{what}}"),
        steps=[(None, GREEN), (0.85, ORANGE), (0.95, RED)],
        maximum=1,
    )
