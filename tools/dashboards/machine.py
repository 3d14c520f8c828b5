"""Panels of the machine itself, over node_exporter's names."""

from __future__ import annotations

from tools.dashboards.expressions import RATE, named
from tools.dashboards.panels import GREEN, GREY, ORANGE, RED, Json, Query, bars, timeseries

REAL_FILE_SYSTEMS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"'

NO_HOST = "The service does not see the machine (METRICS_COLLECT_HOST)"

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
        none=NO_HOST,
    )


def load() -> Json:
    """Draw the load beside the number of processors."""
    parts = named(
        "what",
        Load="node_load1",
        Processors='count(count by (cpu) (node_cpu_seconds_total{mode="idle"}))',
    )
    return timeseries(
        "Load",
        "Processes that run or wait to run, over a minute. Above the number of processors, work "
        "waits.",
        "short",
        Query(parts, "{{what}}"),
        colors={"Processors": GREY},
        none=NO_HOST,
    )


def network() -> Json:
    """Draw what the machine sends and receives."""
    devices = 'device!~"lo|veth.*|br-.*|docker.*"'
    parts = named(
        "what",
        Received=f"sum(rate(node_network_receive_bytes_total{{{devices}}}[{RATE}]))",
        Sent=f"sum(rate(node_network_transmit_bytes_total{{{devices}}}[{RATE}]))",
    )
    return timeseries(
        "Network",
        "Bytes per second over the machine's own network devices, without those of containers.",
        "Bps",
        Query(parts, "{{what}}"),
        none=NO_HOST,
    )


def disk() -> Json:
    """Draw what the machine reads from and writes to its disks."""
    parts = named(
        "what",
        Read=f"sum(rate(node_disk_read_bytes_total[{RATE}]))",
        Written=f"sum(rate(node_disk_written_bytes_total[{RATE}]))",
    )
    return timeseries(
        "Disks",
        "Bytes per second read from and written to the machine's disks.",
        "Bps",
        Query(parts, "{{what}}"),
        none=NO_HOST,
    )


def file_systems() -> Json:
    """Compare how full the file systems are."""
    free = f"node_filesystem_avail_bytes{{{REAL_FILE_SYSTEMS}}}"
    size = f"node_filesystem_size_bytes{{{REAL_FILE_SYSTEMS}}}"
    return bars(
        "File systems",
        "Share of each file system that is in use. A full one stops agents first and the "
        "databases of this stack next.",
        "percentunit",
        Query(
            f"sort_desc(max by (mountpoint) (1 - {free} / ({size} > 0)))",
            "{{mountpoint}}",
            instant=True,
        ),
        steps=[(None, GREEN), (0.8, ORANGE), (0.95, RED)],
        maximum=1,
        none=NO_HOST,
    )
