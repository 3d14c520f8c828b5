"""Disk input and output, from ``/proc/diskstats``. Names as in node_exporter."""

from __future__ import annotations

import re

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source

# Partitions, memory disks, loop devices and floppies: their work is counted with the disk below, or is none.
IGNORED = re.compile(r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$")
SECTOR_BYTES = 512.0  # bytes; the unit of diskstats whatever the disk's own sector size

_COUNTERS = (
    ("node_disk_reads_completed_total", "Reads completed.", 1.0),
    ("node_disk_reads_merged_total", "Reads merged.", 1.0),
    ("node_disk_read_bytes_total", "Bytes read.", SECTOR_BYTES),
    ("node_disk_read_time_seconds_total", "Seconds spent by all reads.", 1e-3),
    ("node_disk_writes_completed_total", "Writes completed.", 1.0),
    ("node_disk_writes_merged_total", "Writes merged.", 1.0),
    ("node_disk_written_bytes_total", "Bytes written.", SECTOR_BYTES),
    ("node_disk_write_time_seconds_total", "Seconds spent by all writes.", 1e-3),
    ("node_disk_io_now", "Operations in progress.", 1.0),
    ("node_disk_io_time_seconds_total", "Seconds with an operation in progress.", 1e-3),
    (
        "node_disk_io_time_weighted_seconds_total",
        "Seconds of all operations, summed over those in progress.",
        1e-3,
    ),
    ("node_disk_discards_completed_total", "Discards completed.", 1.0),
    ("node_disk_discards_merged_total", "Discards merged.", 1.0),
    ("node_disk_discarded_sectors_total", "Sectors discarded.", 1.0),
    ("node_disk_discard_time_seconds_total", "Seconds spent by all discards.", 1e-3),
    ("node_disk_flush_requests_total", "Flushes completed.", 1.0),
    ("node_disk_flush_requests_time_seconds_total", "Seconds spent by all flushes.", 1e-3),
)


def diskstats(source: Source, out: MetricBuilder) -> None:
    """Add the counters of every whole disk. Raises OSError."""
    for line in source.text("diskstats").splitlines():
        fields = line.split()
        if len(fields) < 14 or IGNORED.match(fields[2]):
            continue
        labels = {"device": fields[2]}
        for (name, text, unit), field in zip(_COUNTERS, fields[3:], strict=False):
            add = out.gauge if name == "node_disk_io_now" else out.counter
            add(name, text, _scaled(int(field), unit), labels)


def _scaled(value: int, unit: float) -> float:
    """Multiply; thousandths are divided, so that 12345 ms reads 12.345 and not 12.345000000000001."""
    return value / 1000.0 if unit == 1e-3 else value * unit
