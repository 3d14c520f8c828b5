"""Panels of the host's disks and network."""

from __future__ import annotations

from tools.dashboards.expressions import RATE, named
from tools.dashboards.hostlines import NO_HOST, REAL, SPACE, host_lines, used_share
from tools.dashboards.jsons import Json
from tools.dashboards.palette import GREEN, ORANGE, RED
from tools.dashboards.panels import Query, bars
from tools.dashboards.thresholds import limit

DEVICES = 'device!~"lo|veth.*|br-.*|docker.*"'
INODES = used_share("node_filesystem_files_free", "node_filesystem_files")


def _full(title: str, what: str, expr: str, alert: str) -> Json:
    bad = 1 - limit(alert)
    return bars(
        title,
        f"Share of the {what} of each disk that is in use; a disk that is mounted in several "
        f"places is shown once. The alert {alert} fires above {bad:.0%}. A full one stops agents "
        "first, and the databases of this stack next.",
        "percentunit",
        Query(f"sort_desc({expr})", "{{mountpoint}}", instant=True),
        steps=((None, GREEN), (0.8, ORANGE), (bad, RED)),
        maximum=1,
        none=NO_HOST,
    )


def file_systems() -> Json:
    """Compare how full the disks are."""
    return _full("Disks: space", "space", SPACE, "DiskAlmostFull")


def inodes() -> Json:
    """Compare how many inodes of the disks are taken."""
    return _full("Disks: inodes", "inodes", INODES, "InodesAlmostFull")


def disk_errors() -> Json:
    """Draw file systems that are read-only or cannot be measured."""
    parts = named(
        "what",
        Read_only=f"count(max by (device) (node_filesystem_readonly{{{REAL}}}) == 1) or vector(0)",
        Not_measurable="count(max by (device) (node_filesystem_device_error) == 1) or vector(0)",
    )
    return host_lines(
        "Disks that are read-only, or do not answer",
        "Disks that cannot be written, and those whose state cannot be read. A disk that becomes "
        "read-only most often is broken: see the kernel's log.",
        "locale",
        parts,
        "{{what}}",
    )


def disk() -> Json:
    """Draw what the host reads from and writes to its disks."""
    parts = named(
        "what",
        Read=f"sum(rate(node_disk_read_bytes_total[{RATE}]))",
        Written=f"sum(rate(node_disk_written_bytes_total[{RATE}]))",
    )
    return host_lines(
        "Disks: bytes per second",
        "Bytes read from and written to the host's disks. The board Files says which agents do it.",
        "Bps",
        parts,
        "{{what}}",
    )


def disk_busy() -> Json:
    """Draw the share of time in which each disk works."""
    return host_lines(
        "Disks: time in use",
        "Share of the time in which each disk had something to do. At 100 % a single disk can do "
        "no more; several behind one name still can.",
        "percentunit",
        f"sum by (device) (rate(node_disk_io_time_seconds_total[{RATE}]))",
        "{{device}}",
    )


def disk_queue() -> Json:
    """Draw how much waits for each disk."""
    return host_lines(
        "Disks: operations that wait",
        "Operations under way or waiting, on average. Above the dashed line the alert "
        "DiskSaturated fires: everything that writes is slow.",
        "short",
        f"sum by (device) (rate(node_disk_io_time_weighted_seconds_total[{RATE}]))",
        "{{device}}",
        "DiskSaturated",
    )


def network() -> Json:
    """Draw what the host sends and receives."""
    parts = named(
        "what",
        Received=f"sum(rate(node_network_receive_bytes_total{{{DEVICES}}}[{RATE}]))",
        Sent=f"sum(rate(node_network_transmit_bytes_total{{{DEVICES}}}[{RATE}]))",
    )
    return host_lines(
        "Network: bytes per second",
        "Bytes over the host's own network devices, without those of containers. A line that is "
        "flat at the top is a link that is full.",
        "Bps",
        parts,
        "{{what}}",
    )


def network_errors() -> Json:
    """Draw packets that were broken or thrown away."""
    parts = named(
        "what",
        **{
            f"{word}_{way}": f"sum(rate(node_network_{way}_{kind}_total{{{DEVICES}}}[{RATE}]))"
            for word, kind in (("Errors", "errs"), ("Drops", "drop"))
            for way in ("receive", "transmit")
        },
    )
    return host_lines(
        "Network: errors and drops per second",
        "Packets that arrived broken or were thrown away. A few drops are usual; errors mean a "
        "cable, a card or a driver (alerts NetworkErrors, NetworkDrops).",
        "short",
        parts,
        "{{what}}",
    )


def sockets() -> Json:
    """Draw sockets, and segments that were sent again."""
    parts = named(
        "what",
        In_use="sum(node_sockstat_TCP_inuse)",
        Waiting_to_end="sum(node_sockstat_TCP_tw)",
        Orphans="sum(node_sockstat_TCP_orphan)",
    )
    return host_lines(
        "Connections",
        "TCP connections in use, and those that wait to end. Ever more of them mean that a program "
        "opens and never closes.",
        "locale",
        parts,
        "{{what}}",
    )
