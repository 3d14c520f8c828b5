"""The Performance dashboard: how fast, how much, on what, and where it waits."""

from __future__ import annotations

from tools.dashboards import files, machine, speed
from tools.dashboards.expressions import AGENT, RATE, or_zero, per_second, quantile
from tools.dashboards.model import Dashboard, Row, agent_variable
from tools.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Json,
    Query,
    bars,
    stat,
)


def dashboard() -> Dashboard:
    """Return the Performance dashboard."""
    return Dashboard(
        uid="dreamos-performance",
        title="Dream.OS Performance",
        description="Response times, throughput, resources, bottlenecks, files and caches.",
        variables=[agent_variable()],
        rows=[
            Row(4, [6, 6, 6, 6], [response(), per_minute(), queued(), hit_rate()]),
            Row(
                8,
                [8, 8, 8],
                [speed.responses(), speed.operation_durations(), speed.api_durations()],
                title="Response times",
            ),
            Row(8, [12, 12], [speed.throughput(), speed.requests()], title="Throughput"),
            Row(
                8,
                [6, 6, 6, 6],
                [machine.used(), machine.load(), machine.network(), machine.disk()],
                title="Resources",
            ),
            Row(
                8,
                [6, 6, 6, 6],
                [slowest(), speed.waiting(), speed.queue_lengths(), speed.queue_ages()],
                title="Bottlenecks",
            ),
            Row(
                8,
                [8, 8, 8],
                [files.file_durations(), files.file_operations(), files.file_bytes()],
                title="Files",
            ),
            Row(
                8,
                [8, 8, 8],
                [speed.cache_hits(), speed.api_failures(), speed.route_durations()],
                title="Caches, APIs, routes",
            ),
        ],
    )


def response() -> Json:
    """Show the time within which nearly all work is done."""
    name = "dreamos_agent_operation_duration_seconds"
    return stat(
        "Operations: 95 % are faster than",
        "95th percentile of the durations of operations of the chosen agents.",
        "s",
        Query(quantile(0.95, name)),
        steps=[(None, GREEN), (30, ORANGE), (120, RED)],
        none="none has ended",
        graph=True,
    )


def per_minute() -> Json:
    """Show how much is finished in a minute."""
    done = " + ".join(
        f"({or_zero(per_second(name))})"
        for name in (
            "dreamos_agent_tasks_completed_total",
            "dreamos_agent_operation_duration_seconds_count",
            "file_operation_duration_seconds_count",
        )
    )
    return stat(
        "Finished per minute",
        "Tasks, operations and file operations of the chosen agents that ended, per minute.",
        "none",
        Query(f"60 * ({done})"),
        steps=[(None, BLUE)],
        graph=True,
        decimals=0,
    )


def queued() -> Json:
    """Show how much waits."""
    return stat(
        "Waiting in queues",
        "Entries that wait in the queues of the chosen agents.",
        "none",
        Query(f"sum(dreamos_queue_length{{{AGENT}}})"),
        steps=[(None, GREEN), (500, ORANGE), (1000, RED)],
        none="no queue",
        graph=True,
        decimals=0,
    )


def hit_rate() -> Json:
    """Show how much the caches answer."""
    hits = or_zero(f"sum(rate(dreamos_cache_hits_total{{{AGENT}}}[{RATE}]))")
    misses = or_zero(f"sum(rate(dreamos_cache_misses_total{{{AGENT}}}[{RATE}]))")
    return stat(
        "Cache hit rate",
        "Share of look-ups that caches of the chosen agents answered.",
        "percentunit",
        Query(f"({hits}) / ((({hits}) + ({misses})) > 0)"),
        steps=[(None, RED), (0.5, ORANGE), (0.8, GREEN)],
        none="no cache",
        graph=True,
        decimals=1,
    )


def slowest() -> Json:
    """Compare the operations that take the most time in all."""
    name = "dreamos_agent_operation_duration_seconds_sum"
    return bars(
        "Where the time goes, last 15 min",
        "Time spent in each operation, summed over agents: what takes most in all is worth making "
        "faster first, even when a single call is quick.",
        "s",
        Query(
            f"sort_desc(topk(8, sum by (operation) (increase({name}{{{AGENT}}}[15m])) > 0))",
            "{{operation}}",
            instant=True,
        ),
        steps=[(None, BLUE)],
        none="No operation has ended in the last 15 minutes",
    )
