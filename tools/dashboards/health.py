"""The Health dashboard: the parts of the stack, warnings, files, and the service's own condition."""

from __future__ import annotations

from tools.dashboards import common, failures, files, machine
from tools.dashboards.expressions import RATE, named, or_zero
from tools.dashboards.model import Dashboard, Row, agent_variable
from tools.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    Json,
    Query,
    Steps,
    bars,
    stat,
    timeseries,
)

STALE: Steps = ((None, GREEN), (60, ORANGE), (300, RED))


def dashboard() -> Dashboard:
    """Return the Health dashboard."""
    return Dashboard(
        uid="dreamos-health",
        title="Dream.OS Health",
        description="Components, errors, warnings, files, and the service's own condition.",
        variables=[agent_variable()],
        rows=[
            Row(
                4,
                [10, 5, 5, 4],
                [components(), uptime(), last_flush(), store_size()],
                title="Components",
            ),
            Row(3, [5, 5, 5, 5, 4], common.hops()),
            Row(8, [12, 12], [common.firing(), failures.recent_errors()], title="Errors"),
            Row(
                8,
                [8, 8, 8],
                [
                    failures.error_rates(),
                    failures.errors_by_kind(),
                    failures.warnings_by_logger(),
                ],
            ),
            Row(
                6, [8, 8, 8], [dependencies(), latency(), starts()], title="Dependencies, stability"
            ),
            Row(
                8,
                [8, 8, 8],
                [machine.file_systems(), files.file_errors(), failures.file_error_rates()],
                title="File systems",
            ),
            Row(
                8,
                [8, 8, 8],
                [machine.used(), machine.load(), memory_of_parts()],
                title="Resources",
            ),
            Row(
                8,
                [6, 6, 6, 6],
                [pushes(), push_latency(), refused(), series()],
                title="The service itself",
            ),
        ],
    )


def components() -> Json:
    """Show for each part whether Prometheus can read it."""
    return stat(
        "Components",
        "Whether Prometheus could read each part at its last attempt.",
        "none",
        Query("max by (job) (up)", "{{job}}"),
        texts={0: ("down", RED), 1: ("up", GREEN)},
        none="Prometheus gives no answer",
        names=True,
    )


def uptime() -> Json:
    """Show how long the service has run."""
    return stat(
        "Service has run for",
        "Time since the metrics service started. A short time that keeps returning means that it "
        "restarts.",
        "s",
        Query("time() - max(dreamos_service_start_time_seconds)"),
        steps=[(None, BLUE)],
        none="no answer",
        decimals=1,
    )


def last_flush() -> Json:
    """Show the age of the last good write of the store."""
    return stat(
        "Store written",
        "Time since the service last wrote its store to disk. With nothing new to write it may "
        "stand still; failures are in the alert StoreFlushFailing.",
        "s",
        Query("time() - max(dreamos_store_last_flush_timestamp_seconds > 0)"),
        steps=STALE,
        none="not yet",
        decimals=0,
    )


def store_size() -> Json:
    """Show the size of the service's store."""
    return stat(
        "Store size",
        "Size of the metrics service's store on disk.",
        "bytes",
        Query("max(dreamos_store_size_bytes)"),
        steps=[(None, BLUE)],
        none="no store",
        graph=True,
    )


def dependencies() -> Json:
    """Show what the service probes, and whether it is well."""
    return stat(
        "Dependencies",
        "What the service probes, as listed in its file of probes (METRICS_PROBES_FILE), and "
        "whether the last probe found it well.",
        "none",
        Query("max by (dependency) (dreamos_dependency_up)", "{{dependency}}"),
        texts={0: ("down", RED), 1: ("up", GREEN)},
        none="no probes (METRICS_PROBES_FILE)",
        names=True,
    )


def latency() -> Json:
    """Draw how long dependencies take to answer."""
    return timeseries(
        "How long dependencies take",
        "Time that the last probe of each dependency took; the eight slowest.",
        "s",
        Query(
            "topk(8, max by (dependency) (dreamos_dependency_latency_seconds))", "{{dependency}}"
        ),
        none="No dependency is probed (METRICS_PROBES_FILE)",
    )


def starts() -> Json:
    """Draw how often the service and agents start, and dependencies change."""
    lost = 'increase(dreamos_agent_incarnations_ended_total{end="lost"}[1h])'
    parts = named(
        "what",
        Service_starts=or_zero("sum(increase(dreamos_service_starts_total[1h]))"),
        Agents_lost=or_zero(f"sum({lost})"),
        Dependency_changes=or_zero("sum(increase(dreamos_dependency_changes_total[1h]))"),
    )
    return timeseries(
        "Stability, per hour",
        "How often, in the hour before each moment, the service started, processes of agents were "
        "lost, and dependencies went up or down. Zero is calm.",
        "short",
        Query(parts, "{{what}}"),
    )


def memory_of_parts() -> Json:
    """Draw the memory of the parts of the stack."""
    return timeseries(
        "Memory of the stack's parts",
        "Resident memory of Prometheus, Alertmanager and Grafana; of the service and the observer, the "
        "memory of the container that cannot be given back.",
        "bytes",
        Query(
            'sum by (job) (process_resident_memory_bytes{agent=""}) or '
            "sum by (job) (dreamos_container_memory_working_set_bytes)",
            "{{job}}",
        ),
    )


def pushes() -> Json:
    """Draw pushes by outcome."""
    return timeseries(
        "Pushes per second",
        "Pushes that arrived, by what became of them: accepted, stale (already known), rejected.",
        "reqps",
        Query(f"sum by (outcome) (rate(dreamos_ingest_pushes_total[{RATE}]))", "{{outcome}}"),
        stacked=True,
        colors={"accepted": GREEN, "stale": BLUE, "rejected": RED},
        none="Nothing has been pushed yet",
    )


def push_latency() -> Json:
    """Draw how long the service takes for a push, and Prometheus for a scrape."""
    bucket = f"sum by (le) (rate(dreamos_ingest_push_duration_seconds_bucket[{RATE}]))"
    parts = named(
        "what",
        Pushes=f"histogram_quantile(0.95, {bucket}) >= 0",
        Scrape='max(scrape_duration_seconds{job="dreamos-metrics"})',
    )
    return timeseries(
        "Pushes (95 % are faster) and scrapes",
        "How long the service takes to take a push in, and Prometheus to read the service.",
        "s",
        Query(parts, "{{what}}"),
        colors={"Pushes": BLUE, "Scrape": PURPLE},
    )


def refused() -> Json:
    """Draw refused pushes by reason, and refused tokens."""
    rejected = f"60 * sum by (reason) (rate(dreamos_ingest_rejected_total[{RATE}])) > 0"
    tokens = f"60 * sum(rate(dreamos_auth_failures_total[{RATE}]))"
    return timeseries(
        "Refused per minute",
        "Pushes that the service refused, by reason, and requests without a right token.",
        "short",
        Query(rejected, "{{reason}}"),
        Query(or_zero(tokens), "wrong token"),
        stacked=True,
    )


def series() -> Json:
    """Compare the agents with the most series."""
    return bars(
        "Series by agent",
        "How many series each agent keeps in the service, the ten with most. Too many come from a "
        "label that holds a path, an id or a message.",
        "short",
        Query("sort_desc(topk(10, sum by (agent) (dreamos_series)))", "{{agent}}", instant=True),
        steps=[(None, BLUE)],
        none="No agent has pushed yet",
    )
