"""Panels of how fast work goes, and of what it waits for."""

from __future__ import annotations

from tools.dashboards.expressions import (
    AGENT,
    RATE,
    leading_gauges,
    named,
    or_zero,
    per_second,
    quantile,
    slowest,
)
from tools.dashboards.jsons import Json
from tools.dashboards.palette import BLUE, GREEN, ORANGE, RED, bad_from
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.thresholds import limit


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
        "left out. Performance says which task or operation is slow.",
        "s",
        Query(parts, "{{what}}"),
        none="No work ended in this time range",
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
        "Tasks completed, operations and file operations ended, per second over the chosen agents. "
        "A fall without fewer tasks to do is bad: see Begun and not ended.",
        "ops",
        Query(parts, "{{what}}"),
        none="No agent has finished anything yet",
    )


def responses() -> Json:
    """Draw how long agents take to answer: half, most, nearly all."""
    name = "dreamos_agent_response_seconds"
    parts = {"Half": 0.5, "95_%": 0.95, "99_%": 0.99}
    return timeseries(
        "Response times of agents",
        "Time within which half, 95 % and 99 % of the answers of agents came. The alert "
        "AgentSlow fires when 95 % take longer than the dashed line.",
        "s",
        Query(
            named("share", **{share: quantile(level, name) for share, level in parts.items()}),
            "{{share}}",
        ),
        steps=bad_from(limit("AgentSlow")),
        none="No agent answered, or measured it (agent.response), in this time range",
    )


def operation_durations() -> Json:
    """Draw how long operations take, by operation."""
    return timeseries(
        "How long operations take (95 % are faster)",
        "95th percentile of the durations of operations such as calls of a model; the eight "
        "slowest.",
        "s",
        Query(
            slowest("dreamos_agent_operation_duration_seconds", "operation"),
            "{{operation}}",
        ),
        none="No operation (agent.operation) ended in this time range",
    )


def api_durations() -> Json:
    """Draw how long calls of other services take, by service."""
    return timeseries(
        "Calls of APIs (95 % are faster)",
        "95th percentile of the durations of calls of other services, by service. The alert "
        "ApiCallsSlow fires above the dashed line: the service, or the way to it, is slow.",
        "s",
        Query(slowest("dreamos_api_request_duration_seconds", "service"), "{{service}}"),
        steps=bad_from(limit("ApiCallsSlow")),
        none="No call of an API (api_call) ended in this time range",
    )


def api_failures() -> Json:
    """Draw which share of the calls of other services fails, by service."""
    count = "dreamos_api_request_duration_seconds_count"
    failed = per_second(count, "service", f'{AGENT}, outcome=~"error|timeout"')
    return timeseries(
        "Calls of APIs that fail",
        "Share of the calls of other services that ended with an error or a time-out, by service. "
        "The alert ApiCallsFailing fires above the dashed line: look whether the service is down.",
        "percentunit",
        Query(
            f"({failed} or 0 * {per_second(count, 'service')})"
            f" / ({per_second(count, 'service')} > 0)",
            "{{service}}",
        ),
        steps=bad_from(limit("ApiCallsFailing")),
        none="No call of an API (api_call) ended in this time range",
    )


def cache_hits() -> Json:
    """Draw which share of look-ups the caches answer."""
    hits = per_second("dreamos_cache_hits_total", "cache")
    misses = per_second("dreamos_cache_misses_total", "cache")
    return timeseries(
        "Cache hit rate",
        "Share of look-ups that each cache answered. A fall is bad: the cache was emptied, is too "
        "small, or its keys no longer match.",
        "percentunit",
        Query(
            f"({hits} or 0 * {misses}) / ((({hits}) + ({misses}) or {hits} or {misses}) > 0)",
            "{{cache}}",
        ),
        maximum=1,
        none="No cache was asked in this time range",
    )


def queue_lengths() -> Json:
    """Draw how much waits in each queue."""
    return timeseries(
        "Queue lengths",
        "Entries that wait in each queue, summed over agents; the eight longest. One that only "
        "grows is bad: nobody keeps up with it (alert QueueBacklog).",
        "locale",
        Query(leading_gauges("dreamos_queue_length", "queue"), "{{queue}}"),
        none="No agent has a measured queue",
    )


def queue_ages() -> Json:
    """Draw how long the oldest entry of each queue has waited."""
    return timeseries(
        "Oldest entry in each queue",
        "How long the oldest entry has waited: a length that stands still says little, an age that "
        "rises says that nobody works on it. The alert QueueTooOld fires above the dashed line.",
        "s",
        Query(leading_gauges("dreamos_queue_oldest_age_seconds", "queue", "max"), "{{queue}}"),
        steps=bad_from(limit("QueueTooOld")),
        none="No agent tells since when its oldest entry waits",
    )


def requests() -> Json:
    """Draw HTTP requests by class of the answer."""
    return timeseries(
        "HTTP requests per second",
        "Requests that agents with a web application answered, by class of the status. 5xx are "
        "faults of the application.",
        "reqps",
        Query(per_second("dreamos_http_request_duration_seconds_count", "status"), "{{status}}"),
        stacked=True,
        colors={"2xx": GREEN, "3xx": BLUE, "4xx": ORANGE, "5xx": RED},
        none="No agent answered HTTP through the middleware in this time range",
    )


def route_durations() -> Json:
    """Draw how long HTTP requests take, by route."""
    return timeseries(
        "HTTP routes (95 % are faster)",
        "95th percentile of the time that requests took, by the template of the route; the eight "
        "slowest. The alert HttpSlow fires above the dashed line.",
        "s",
        Query(slowest("dreamos_http_request_duration_seconds", "route"), "{{route}}"),
        steps=bad_from(limit("HttpSlow")),
        none="No agent answered HTTP through the middleware in this time range",
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
        "Tasks and operations under way, and operations past their deadline. Any overdue one is bad: "
        "the board Agents names it under What is under way.",
        "locale",
        Query(parts, "{{what}}"),
        colors={"Overdue": RED},
        none="Prometheus gives no answer",
    )
