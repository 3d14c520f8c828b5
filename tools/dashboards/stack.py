"""The Stack board: the health and the cost of what watches, from the push to the message."""

from __future__ import annotations

from tools.dashboards import common, cost
from tools.dashboards.expressions import AGENT, RATE, named, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import BLUE, GREEN, NEUTRAL, PURPLE, RED, bad_above, bad_from
from tools.dashboards.panels import Query, bars, stat, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit


def dashboard() -> Dashboard:
    """Return the Stack dashboard."""
    health, host = "dreamos-health", "dreamos-host"
    return Dashboard(
        uid="dreamos-stack",
        title="Dream.OS Stack",
        description="The monitoring's own health and cost: pushes, store, scrapes, containers.",
        rows=[
            common.top("dreamos-stack"),
            Row(common.hops(), to="dreamos-alerts", height=4, title="From agent to person"),
            Row([uptime(), last_flush(), store_size(), samples()], to=health, height=4),
            Row([pushes(), push_latency(), refused()], to="dreamos-agents", title="The service"),
            Row([series(), series_in_all(), scrapes()], to="dreamos-agents", title="Series"),
            Row(
                [
                    cost.memory_of_parts(),
                    cost.cpu_of_parts(),
                    cost.files_of_parts(),
                    cost.throttled(),
                ],
                to=host,
                title="What it costs",
            ),
            Row([cost.container_memory(), cost.collectors()], to=host, widths=[10, 14]),
        ],
    )


def uptime() -> Json:
    """Show how long the service has run."""
    return stat(
        "Service has run for",
        "Time since the metrics service started. A short time that keeps returning means that it "
        "restarts: see its log.",
        "s",
        Query("time() - max(dreamos_service_start_time_seconds)"),
        steps=NEUTRAL,
        none="The service gives no answer",
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
        steps=bad_above(120),
        none="Nothing was written yet",
        decimals=0,
    )


def store_size() -> Json:
    """Show the size of the service's store."""
    return stat(
        "Store size",
        "Size of the metrics service's store on disk. It grows with the number of series, not "
        "with time.",
        "bytes",
        Query("max(dreamos_store_size_bytes)"),
        steps=NEUTRAL,
        none="The service keeps no store",
        graph=True,
    )


def samples() -> Json:
    """Show how much Prometheus takes in."""
    return stat(
        "Samples per second",
        "Samples that Prometheus takes in per second: what its disk and memory are spent on.",
        "locale",
        Query(f"sum(rate(prometheus_tsdb_head_samples_appended_total[{RATE}]))"),
        steps=NEUTRAL,
        none="Prometheus does not read itself",
        decimals=0,
        graph=True,
    )


def pushes() -> Json:
    """Draw pushes by outcome."""
    return timeseries(
        "Pushes per second",
        "Pushes that arrived, by what became of them: accepted, stale (already known), rejected. "
        "Rejected ones are bad: Refused per minute has the reasons.",
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
        "How long the service takes to take a push in, and Prometheus to read the service. The "
        "alert ScrapeSlow fires for scrapes above the dashed line.",
        "s",
        Query(parts, "{{what}}"),
        steps=bad_from(limit("ScrapeSlow")),
        colors={"Pushes": BLUE, "Scrape": PURPLE},
        none="Prometheus has not read the service",
    )


def refused() -> Json:
    """Draw refused pushes by reason, and refused tokens."""
    rejected = f"60 * sum by (reason) (rate(dreamos_ingest_rejected_total[{RATE}])) > 0"
    tokens = f"60 * sum(rate(dreamos_auth_failures_total[{RATE}]))"
    return timeseries(
        "Refused per minute",
        "Pushes that the service refused, by reason, and requests without a right token. The "
        "runbook PushesRejected explains each reason.",
        "short",
        Query(rejected, "{{reason}}"),
        Query(or_zero(tokens), "wrong token"),
        stacked=True,
        none="Prometheus gives no answer",
    )


def series() -> Json:
    """Compare the agents with the most series."""
    return bars(
        "Series by agent",
        "How many series each agent keeps in the service, the ten with most. Too many come from a "
        "label that holds a path, an id or a message.",
        "locale",
        Query(
            f"sort_desc(topk(10, sum by (agent) (dreamos_series{{{AGENT}}})))",
            "{{agent}}",
            instant=True,
        ),
        steps=NEUTRAL,
        none="No agent has pushed yet",
        decimals=0,
    )


def series_in_all() -> Json:
    """Draw how many series the service and Prometheus hold."""
    parts = named(
        "what",
        Service="sum(dreamos_series)",
        Prometheus="sum(prometheus_tsdb_head_series)",
    )
    return timeseries(
        "Series in all",
        "Series that the service holds for agents, and that Prometheus holds in memory. A line "
        "that only rises fills the memory: Series by agent says whose they are.",
        "locale",
        Query(parts, "{{what}}"),
        none="Prometheus gives no answer",
    )


def scrapes() -> Json:
    """List the targets of Prometheus with the cost of reading them."""
    return table(
        "Targets of Prometheus",
        "Whether each target could be read, how long that takes, and how many samples it gives. "
        "One that is down is bad: see the log of that part.",
        [
            Query("min by (job) (up)"),
            Query("max by (job) (scrape_duration_seconds)"),
            Query("sum by (job) (scrape_samples_scraped)"),
        ],
        Column(
            "Value #A",
            "Read",
            width=65,
            unit="none",
            texts={"0": ("down", RED), "1": ("up", GREEN)},
        ),
        Column("job", "Job"),
        Column(
            "Value #B",
            "Takes",
            width=80,
            unit="s",
            decimals=2,
            steps=bad_above(limit("ScrapeSlow")),
        ),
        Column("Value #C", "Samples", width=80, unit="locale"),
        none="Prometheus has no targets",
        sort_by="Read",
        descending=False,
    )
