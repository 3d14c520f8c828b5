"""Panels of how fast work goes, and of what it waits for."""

from __future__ import annotations

from tools.dashboards.expressions import (
    AGENT,
    RATE,
    named,
    or_zero,
    per_second,
    quantile,
)
from tools.dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Json,
    Query,
    timeseries,
)


def durations() -> Json:
    """Draw how long work takes: the 95th percentile of each kind."""
    parts = named(
        "what",
        Tasks=quantile(0.95, "dreamos_agent_task_duration_seconds"),
        Operations=quantile(0.95, "dreamos_agent_operation_duration_seconds"),
        Responses=quantile(0.95, "dreamos_agent_response_seconds"),
        File_operations=quantile(0.95, "file_operation_duration_seconds"),
        Calls_of_APIs=quantile(0.95, "dreamos_api_request_duration_seconds"),
    )
    return timeseries(
        "How long things take (95 % are faster)",
        "95th percentile of the durations of each kind of work. Kinds that no agent does are "
        "left out.",
        "s",
        Query(parts, "{{what}}"),
    )


def throughput() -> Json:
    """Draw how much work is finished, by kind."""
    operations = per_second("dreamos_agent_operation_duration_seconds_count")
    file_operations_done = f"sum(rate(file_operation_duration_seconds_count{{{AGENT}}}[{RATE}]))"
    parts = named(
        "what",
        Tasks=per_second("dreamos_agent_tasks_completed_total"),
        Operations=operations,
        File_operations=file_operations_done,
    )
    return timeseries(
        "Work finished per second",
        "Tasks completed, operations and file operations ended, per second over the chosen agents.",
        "ops",
        Query(parts, "{{what}}"),
    )


def responses() -> Json:
    """Draw how long agents take to answer: half, most, nearly all."""
    name = "dreamos_agent_response_seconds"
    parts = {"Half": 0.5, "95_%": 0.95, "99_%": 0.99}
    return timeseries(
        "Response times of agents",
        "Time within which half, 95 % and 99 % of the answers of agents came.",
        "s",
        Query(
            named("share", **{share: quantile(level, name) for share, level in parts.items()}),
            "{{share}}",
        ),
        none="No agent has measured a response yet: agent.response(seconds)",
    )


def operation_durations() -> Json:
    """Draw how long operations take, by operation."""
    return timeseries(
        "How long operations take (95 % are faster)",
        "95th percentile of the durations of operations such as calls of a model; the eight "
        "slowest.",
        "s",
        Query(
            f"topk(8, {quantile(0.95, 'dreamos_agent_operation_duration_seconds', 'operation')})",
            "{{operation}}",
        ),
        none="No operation has ended yet: with agent.operation(name)",
    )


def api_durations() -> Json:
    """Draw how long calls of other services take, by service."""
    return timeseries(
        "Calls of APIs (95 % are faster)",
        "95th percentile of the durations of calls of other services, by service.",
        "s",
        Query(quantile(0.95, "dreamos_api_request_duration_seconds", "service"), "{{service}}"),
        none="No agent has measured a call of an API yet",
    )


def api_failures() -> Json:
    """Draw which share of the calls of other services fails, by service."""
    count = "dreamos_api_request_duration_seconds_count"
    failed = per_second(count, "service", f'{AGENT}, outcome=~"error|timeout"')
    return timeseries(
        "Calls of APIs that fail",
        "Share of the calls of other services that ended with an error or a time-out, by service.",
        "percentunit",
        Query(
            f"({failed} or 0 * {per_second(count, 'service')})"
            f" / ({per_second(count, 'service')} > 0)",
            "{{service}}",
        ),
        none="No agent has measured a call of an API yet",
    )


def cache_hits() -> Json:
    """Draw which share of look-ups the caches answer."""
    hits = per_second("dreamos_cache_hits_total", "cache")
    misses = per_second("dreamos_cache_misses_total", "cache")
    return timeseries(
        "Cache hit rate",
        "Share of look-ups that each cache answered.",
        "percentunit",
        Query(
            f"({hits} or 0 * {misses}) / ((({hits}) + ({misses}) or {hits} or {misses}) > 0)",
            "{{cache}}",
        ),
        maximum=1,
        none="No agent has a measured cache yet",
    )


def queue_lengths() -> Json:
    """Draw how much waits in each queue."""
    return timeseries(
        "Queue lengths",
        "Entries that wait in each queue, summed over agents; the eight longest.",
        "short",
        Query(f"topk(8, sum by (queue) (dreamos_queue_length{{{AGENT}}}))", "{{queue}}"),
        none="No agent has a measured queue yet",
    )


def queue_ages() -> Json:
    """Draw how long the oldest entry of each queue has waited."""
    return timeseries(
        "Oldest entry in each queue",
        "How long the oldest entry has waited: a length that stands still says little, an age that "
        "rises says that nobody works on it.",
        "s",
        Query(
            f"topk(8, max by (queue) (dreamos_queue_oldest_age_seconds{{{AGENT}}}))", "{{queue}}"
        ),
        none="No agent has a measured queue yet",
    )


def requests() -> Json:
    """Draw HTTP requests by class of the answer."""
    return timeseries(
        "HTTP requests per second",
        "Requests that agents with a web application answered, by class of the status.",
        "reqps",
        Query(per_second("dreamos_http_request_duration_seconds_count", "status"), "{{status}}"),
        stacked=True,
        colors={"2xx": GREEN, "3xx": BLUE, "4xx": ORANGE, "5xx": RED},
        none="No agent serves HTTP through the middleware yet",
    )


def route_durations() -> Json:
    """Draw how long HTTP requests take, by route."""
    return timeseries(
        "HTTP routes (95 % are faster)",
        "95th percentile of the time that requests took, by the template of the route; the eight "
        "slowest.",
        "s",
        Query(
            f"topk(8, {quantile(0.95, 'dreamos_http_request_duration_seconds', 'route')})",
            "{{route}}",
        ),
        none="No agent serves HTTP through the middleware yet",
    )


def waiting() -> Json:
    """Draw what is in flight, and what is late."""
    parts = named(
        "what",
        In_flight=or_zero(f"sum(dreamos_agent_operations_in_flight{{{AGENT}}})"),
        Overdue=or_zero(f"sum(dreamos_agent_operations_overdue{{{AGENT}}})"),
        Tasks_in_progress=or_zero(f"sum(dreamos_agent_tasks_in_progress{{{AGENT}}})"),
    )
    return timeseries(
        "Begun and not ended",
        "Tasks and operations under way, and operations past their deadline.",
        "short",
        Query(parts, "{{what}}"),
        colors={"Overdue": RED},
    )
