"""Panels of what fails: by agent, by kind, by type of the error."""

from __future__ import annotations

from tools.dashboards.expressions import (
    AGENT,
    RATE,
    increase,
    leading_gauges,
    leading_rates,
    named,
    or_zero,
)
from tools.dashboards.jsons import Json
from tools.dashboards.palette import GREEN, ORANGE, RED, bad_from
from tools.dashboards.panels import Query, stat, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit

FILE_KINDS = ("write", "read", "directory")


def failed(window: str, by: str = "agent, error_type") -> str:
    """Return what failed in `window`, by kind (`what`) and the labels `by`."""
    kinds = {
        "task": "dreamos_agent_tasks_failed_total",
        "file write": "file_ops_write_errors_total",
        "file read": "file_ops_read_errors_total",
        "directory": "file_ops_directory_errors_total",
        "reported": "dreamos_agent_errors_total",
    }
    parts = [
        f'label_replace({increase(metric, window, by)}, "what", "{name}", "", "")'
        for name, metric in kinds.items()
    ]
    return "(" + " or ".join(parts) + ")"


def errors() -> Json:
    """Show the numbers of failures of the last quarter of an hour."""
    file_failures = " or ".join(
        f'label_replace(increase(file_ops_{kind}_errors_total{{{AGENT}}}[$interval]), "kind", '
        f'"{kind}", "", "")'
        for kind in FILE_KINDS
    )
    return stat(
        "Errors, the last $interval",
        "Failed tasks, failed file operations, and errors that agents reported themselves. One "
        "mishap may be all three: a file that is missing fails the task, and the agent reports "
        "it. Many are bad: Recent errors says whose and which.",
        "locale",
        Query(or_zero(increase("dreamos_agent_tasks_failed_total", "$interval")), "Tasks"),
        Query(or_zero(f"sum({file_failures})"), "Files"),
        Query(or_zero(increase("dreamos_agent_errors_total", "$interval")), "Reported"),
        steps=((None, GREEN), (1, ORANGE)),
        none="Prometheus gives no answer",
        decimals=0,
    )


def recent_errors() -> Json:
    """List the most frequent failures of the last minutes."""
    return table(
        "Recent errors, the last $interval",
        "What failed most often, by agent and by the type of the error. One mishap may be in "
        "several lines: a missing file fails the task, and the agent reports it. The agent's own "
        "log has the words.",
        Query(f"topk(20, {failed('$interval')} > 0.5)", instant=True),
        Column("Value", "Count", unit="locale", width=70, decimals=0),
        Column("agent", "Agent"),
        Column("what", "What", width=90),
        Column("error_type", "Error"),
        none="Nothing failed in this time",
        sort_by="Count",
    )


def _rates(title: str, what: str, metric: str, alert: str) -> Json:
    return timeseries(
        title,
        f"Share of an agent's {what} that failed over 5 minutes; the eight worst. The alert "
        f"{alert} fires above {limit(alert):.0%} (dashed). A click on a line shows that agent.",
        "percentunit",
        Query(leading_gauges(metric, "agent", "max"), "{{agent}}"),
        steps=bad_from(limit(alert)),
        none="No agent finished any in this time range",
    )


def error_rates() -> Json:
    """Draw the error rate per agent, as the alert judges it."""
    return _rates(
        "Work that fails, by agent", "tasks and operations", "error_rate", "HighErrorRate"
    )


def file_error_rates() -> Json:
    """Draw the file error rate per agent, as the alert judges it."""
    title = "File operations that fail, by agent"
    return _rates(title, "file operations", "file_error_rate", "HighFileErrorRate")


def log_warnings() -> Json:
    """Draw how many warnings and errors agents write to their logs."""
    rate = f"60 * sum(rate(dreamos_log_records_total{{{AGENT}, level%s}}[{RATE}]))"
    parts = named(
        "level",
        Warnings=or_zero(rate % '="WARNING"'),
        Errors=or_zero(rate % '=~"ERROR|CRITICAL"'),
    )
    return timeseries(
        "Warnings and errors in agents' logs, per minute",
        "Log records of level WARNING, and of ERROR and above, per minute over the chosen agents. "
        "A step upwards is worth a look into the log of the agent that made it.",
        "short",
        Query(parts, "{{level}}"),
        stacked=True,
        colors={"Warnings": ORANGE, "Errors": RED},
        none="Prometheus gives no answer",
    )


def errors_by_kind() -> Json:
    """Draw how often each kind of work fails."""
    return timeseries(
        "Errors per minute, by kind",
        "Failed tasks and file operations, and errors that agents reported themselves, per minute. "
        "One mishap may be several of these. Recent errors says whose they are.",
        "short",
        Query(f"60 / 300 * sum by (what) ({failed('5m')})", "{{what}}"),
        none="Nothing failed in this time range",
    )


def warnings_by_logger() -> Json:
    """Draw which parts of the agents' code warn."""
    return timeseries(
        "Warnings by logger, per second",
        "Log records of level WARNING and above per second, by the logger that wrote them; the "
        "eight most frequent. The logger's name says which part of the code it is.",
        "short",
        Query(leading_rates("dreamos_log_records_total", "logger"), "{{logger}}"),
        stacked=True,
        none="No agent logged a warning in this time range",
    )
