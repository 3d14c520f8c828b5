"""Lines about the host, and the queries that several of its panels share."""

from __future__ import annotations

from tools.dashboards.expressions import RATE
from tools.dashboards.jsons import Json
from tools.dashboards.palette import bad_from
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.thresholds import limit

# No label `job` anywhere: who looks at the host is a matter of how the stack is run.
REAL = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"'
NO_HOST = "The host is not looked at (METRICS_COLLECT_HOST)"

CPUS = "count(count by (instance, cpu) (node_cpu_seconds_total))"
CPU = f'1 - sum(rate(node_cpu_seconds_total{{mode=~"idle|iowait"}}[{RATE}])) / {CPUS}'
MEMORY = "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)"


def used_share(free: str, size: str) -> str:
    """Return the share in use of each disk, once, whatever it is mounted on besides."""
    ratio = f"1 - {free}{{{REAL}}} / ({size}{{{REAL}}} > 0)"
    return f"topk by (instance, device, fstype) (1, {ratio})"


SPACE = used_share("node_filesystem_avail_bytes", "node_filesystem_size_bytes")


def host_lines(
    title: str, description: str, unit: str, expr: str, legend: str, alert: str = ""
) -> Json:
    """Draw figures of the host, with the limit of an alert."""
    steps = bad_from(limit(alert)) if alert else ()
    return timeseries(title, description, unit, Query(expr, legend), steps=steps, none=NO_HOST)
