"""Panels of what the stack costs: its processes, its containers, what looks at the host."""

from __future__ import annotations

from tools.dashboards.expressions import RATE
from tools.dashboards.jsons import Json
from tools.dashboards.palette import GREY, RED, bad_above
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit

NO_CONTAINER = "The service does not run in a container"


def memory_of_parts() -> Json:
    """Draw the memory of the parts of the stack."""
    return timeseries(
        "Memory of the stack's parts",
        "Resident memory of Prometheus, Alertmanager and Grafana; of the service and the observer, "
        "the memory of the container that cannot be given back. A line that only rises is a leak.",
        "bytes",
        Query(
            'sum by (job) (process_resident_memory_bytes{agent=""})'
            " or sum by (job) (dreamos_container_memory_working_set_bytes)",
            "{{job}}",
        ),
        none="Prometheus reads no part of the stack",
    )


def cpu_of_parts() -> Json:
    """Draw the CPU time of the parts of the stack."""
    return timeseries(
        "CPU of the stack's parts",
        "CPU time of Prometheus, Alertmanager and Grafana, and of the containers of the service "
        "and the observer; 100 % is one whole CPU. More than the agents use is too much.",
        "percentunit",
        Query(
            f'sum by (job) (rate(process_cpu_seconds_total{{agent=""}}[{RATE}]))'
            f" or sum by (job) (rate(dreamos_container_cpu_seconds_total[{RATE}]))",
            "{{job}}",
        ),
        none="Prometheus reads no part of the stack",
    )


def files_of_parts() -> Json:
    """Draw how many of the files that they may open the parts of the stack hold open."""
    return timeseries(
        "Open files of the stack's parts",
        "How many of the files and connections that it may open each part (not the service) holds open. Near 100 % "
        "it refuses connections: raise the limit, or find what opens them.",
        "percentunit",
        Query(
            'max by (job) (process_open_fds{agent=""} / process_max_fds{agent=""})',
            "{{job}}",
        ),
        none="Prometheus reads no part of the stack",
    )


def throttled() -> Json:
    """Draw how often a container was held back at its limit of CPU time."""
    held = f"sum by (job) (rate(dreamos_container_cpu_throttled_periods_total[{RATE}]))"
    periods = f"sum by (job) (rate(dreamos_container_cpu_periods_total[{RATE}]))"
    return timeseries(
        "Held back at the limit of CPU time",
        "Share of the periods in which a container had to wait, because its limit of CPU time was "
        "used up. Much of it makes pushes slow: raise the limit.",
        "percentunit",
        Query(f"{held} / ({periods} > 0)", "{{job}}"),
        maximum=1,
        none="No container has a limit of CPU time",
    )


def container_memory() -> Json:
    """Draw the memory of the service's container beside its limit, and what was killed in it."""
    return timeseries(
        "Memory of the containers, and their limits",
        "Memory that cannot be given back, and the limit, of the service's and the observer's "
        f"containers. The alert ServiceMemoryNearLimit fires above "
        f"{limit('ServiceMemoryNearLimit'):.0%} of the limit; above it processes are killed.",
        "bytes",
        Query("sum by (job) (dreamos_container_memory_working_set_bytes)", "{{job}}"),
        Query("sum by (job) (dreamos_container_memory_limit_bytes)", "{{job}}: limit"),
        none=NO_CONTAINER,
    )


def collectors() -> Json:
    """List what looks at the host, workspaces and so on, with its cost and its faults."""
    by = "max by (collector)"
    failures = 'increase(dreamos_collector_runs_total{outcome="failure"}[1h])'
    cpu = f"sum by (collector) (rate(dreamos_collector_cpu_seconds_total[{RATE}]))"
    return table(
        "Collectors",
        "What looks at host, workspace, dependencies and processes: when it last succeeded, how "
        "long that took, its CPU time, and failures in the last hour. An old success means that "
        "its figures are old (alert CollectorStale).",
        [
            Query(f"{by} (time() - dreamos_collector_last_success_timestamp_seconds)"),
            Query(f"{by} (dreamos_collector_duration_seconds)"),
            Query(cpu),
            Query(f"sum by (collector) ({failures})"),
        ],
        Column("collector", "Collector"),
        Column(
            "Value #A",
            "Last success",
            unit="s",
            decimals=0,
            steps=bad_above(limit("CollectorStale")),
        ),
        Column("Value #B", "Took", unit="s", decimals=3),
        Column("Value #C", "CPU", unit="percentunit", decimals=2),
        Column(
            "Value #D", "Failures, 1 h", unit="locale", decimals=0, steps=((None, GREY), (1, RED))
        ),
        none="No collector runs",
        sort_by="Last success",
    )
