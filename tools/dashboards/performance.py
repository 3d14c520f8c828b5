"""The Performance dashboard: how fast, how much, on what, and where it waits."""

from __future__ import annotations

from tools.dashboards import common, files, host, speed
from tools.dashboards.expressions import AGENT, RATE, or_zero, per_second, quantile
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import BLUE, GREEN, NEUTRAL, bad_above
from tools.dashboards.panels import Query, bars, stat
from tools.dashboards.thresholds import limit


def dashboard() -> Dashboard:
    """Return the Performance dashboard."""
    agents, on_files = "dreamos-agents", "dreamos-files"
    return Dashboard(
        uid="dreamos-performance",
        title="Dream.OS Performance",
        description="Response times, throughput, resources, bottlenecks, files and caches.",
        rows=[
            common.top("dreamos-performance"),
            Row([response(), per_minute(), queued(), hit_rate()], to=agents, height=4),
            Row(
                [speed.responses(), speed.operation_durations(), speed.api_durations()],
                to=agents,
                title="Response times",
            ),
            Row([speed.throughput(), speed.requests()], to=agents, title="Throughput"),
            Row(
                [host.used(), host.load(), host.pressure()],
                to="dreamos-host",
                title="Resources",
            ),
            Row(
                [slowest(), speed.waiting(), speed.queue_lengths(), speed.queue_ages()],
                to=agents,
                title="Bottlenecks",
            ),
            Row(
                [files.file_durations(), files.file_operations(), files.file_bytes()],
                to=on_files,
                title="Files",
            ),
            Row(
                [speed.cache_hits(), speed.api_failures(), speed.route_durations()],
                to=agents,
                title="Caches, APIs, routes",
            ),
        ],
    )


def response() -> Json:
    """Show the time within which nearly all work is done."""
    name = "dreamos_agent_operation_duration_seconds"
    return stat(
        "Operations: 95 % are faster than",
        "95th percentile of the durations of operations of the chosen agents. A rise "
        "is bad: How long operations take says which it is.",
        "s",
        Query(quantile(0.95, name)),
        steps=bad_above(limit("AgentSlow")),
        none="No operation ended just now",
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
        "Tasks, operations and file operations of the chosen agents that ended, per minute. A "
        "fall is bad where there is work: see Bottlenecks.",
        "locale",
        Query(f"60 * ({done})"),
        steps=NEUTRAL,
        none="Prometheus gives no answer",
        graph=True,
        decimals=0,
    )


def queued() -> Json:
    """Show how much waits."""
    return stat(
        "Waiting in queues",
        "Entries that wait in the queues of the chosen agents. The alert QueueBacklog fires "
        "for a queue above its limit that grows: Queue lengths says which.",
        "locale",
        Query(f"sum(dreamos_queue_length{{{AGENT}}})"),
        steps=bad_above(limit("QueueBacklog")),
        none="No agent has a measured queue",
        graph=True,
        decimals=0,
    )


def hit_rate() -> Json:
    """Show how much the caches answer."""
    hits = or_zero(f"sum(rate(dreamos_cache_hits_total{{{AGENT}}}[{RATE}]))")
    misses = or_zero(f"sum(rate(dreamos_cache_misses_total{{{AGENT}}}[{RATE}]))")
    return stat(
        "Cache hit rate",
        "Share of look-ups that caches of the chosen agents answered. Green above what the alert "
        "CacheHitRateLow wants; below it is no fault, but the cache does little.",
        "percentunit",
        Query(f"({hits}) / ((({hits}) + ({misses})) > 0)"),
        steps=((None, BLUE), (limit("CacheHitRateLow"), GREEN)),
        none="No cache was asked just now",
        graph=True,
        decimals=1,
    )


def slowest() -> Json:
    """Compare the operations that take the most time in all."""
    name = "dreamos_agent_operation_duration_seconds_sum"
    return bars(
        "Where the time goes, the last $interval",
        "Time spent in each operation, summed over agents: what takes most in all is worth making "
        "faster first, even when a single call is quick.",
        "s",
        Query(
            f"sort_desc(topk(8, sum by (operation) (increase({name}{{{AGENT}}}[$interval])) > 0))",
            "{{operation}}",
            instant=True,
        ),
        steps=NEUTRAL,
        none="No operation ended in this time",
    )
