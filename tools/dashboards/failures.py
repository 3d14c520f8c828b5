"""Panels of what fails: by agent, by kind, by type of the error."""

from __future__ import annotations

from tools.dashboards.expressions import (
    AGENT,
    RATE,
    increase,
    named,
    or_zero,
)
from tools.dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    Json,
    Query,
    stat,
    timeseries,
)
from tools.dashboards.tables import Column, table


def failed(window: str) -> str:
    """Return what failed in `window`, by agent, kind (`what`) and type of the error."""
    by = "agent, error_type"
    kinds = {
        "task": increase("dreamos_agent_tasks_failed_total", window, by),
        "file write": increase("file_ops_write_errors_total", window, by),
        "file read": increase("file_ops_read_errors_total", window, by),
        "directory": increase("file_ops_directory_errors_total", window, by),
        "reported": increase("dreamos_agent_errors_total", window, by),
    }
    parts = [f'label_replace({expr}, "what", "{name}", "", "")' for name, expr in kinds.items()]
    return "(" + " or ".join(parts) + ")"


def errors() -> Json:
    """Show the numbers of failures of the last quarter of an hour."""
    file_failures = " or ".join(
        f'label_replace(increase(file_ops_{kind}_errors_total{{{AGENT}}}[15m]), "kind", "{kind}", "", "")'
        for kind in ("write", "read", "directory")
    )
    return stat(
        "Errors, last 15 min",
        "Failed tasks, failed file operations, and errors that agents reported themselves. One "
        "mishap may be all three: a file that is missing fails the task, and the agent reports it.",
        "none",
        Query(or_zero(increase("dreamos_agent_tasks_failed_total", "15m")), "Tasks"),
        Query(or_zero(f"sum({file_failures})"), "Files"),
        Query(or_zero(increase("dreamos_agent_errors_total", "15m")), "Reported"),
        steps=[(None, GREEN), (1, ORANGE), (100, RED)],
        decimals=0,
    )


def recent_errors() -> Json:
    """List the most frequent failures of the last quarter of an hour."""
    return table(
        "Recent errors, last 15 min",
        "What failed most often, by agent and by the type of the error. One mishap may be in "
        "several lines: a missing file fails the task, and the agent reports it. The agent's own "
        "log has the words.",
        Query(f"topk(20, {failed('15m')} > 0.5)", instant=True),
        Column("agent", "Agent"),
        Column("what", "What", width=150),
        Column("error_type", "Error"),
        Column("Value", "Count", unit="short", width=90, decimals=0),
        none="No errors in the last 15 minutes",
        sort_by="Count",
    )


def error_rates() -> Json:
    """Draw the error rate per agent, as the alert judges it."""
    return timeseries(
        "Work that fails, by agent",
        "Share of an agent's tasks and operations that failed over 5 minutes; the eight worst. "
        "The alert HighErrorRate fires above 10 % (dashed).",
        "percentunit",
        Query(f"topk(8, error_rate{{{AGENT}}})", "{{agent}}"),
        steps=[(None, GREEN), (0.1, RED)],
    )


def file_error_rates() -> Json:
    """Draw the file error rate per agent, as the alert judges it."""
    return timeseries(
        "File operations that fail, by agent",
        "Share of an agent's file operations that failed over 5 minutes; the eight worst. The "
        "alert HighFileErrorRate fires above 5 % (dashed).",
        "percentunit",
        Query(f"topk(8, file_error_rate{{{AGENT}}})", "{{agent}}"),
        steps=[(None, GREEN), (0.05, RED)],
    )


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
        "Log records of level WARNING, and of ERROR and above, per minute over the chosen agents.",
        "short",
        Query(parts, "{{level}}"),
        stacked=True,
        colors={"Warnings": ORANGE, "Errors": RED},
    )


def errors_by_kind() -> Json:
    """Draw how often each kind of work fails."""
    return timeseries(
        "Errors per minute, by kind",
        "Failed tasks and file operations, and errors that agents reported themselves, per minute. "
        "One mishap may be several of these.",
        "short",
        Query(f"60 / 300 * sum by (what) ({failed('5m')})", "{{what}}"),
        none="No agent has failed at anything yet",
    )


def warnings_by_logger() -> Json:
    """Draw which parts of the agents' code warn."""
    return timeseries(
        "Warnings by logger, per minute",
        "Log records of level WARNING and above per minute, by the logger that wrote them; the "
        "eight most frequent.",
        "short",
        Query(
            f"topk(8, 60 * sum by (logger) (rate(dreamos_log_records_total{{{AGENT}}}[{RATE}])))",
            "{{logger}}",
        ),
        stacked=True,
        none="No agent has logged a warning yet",
    )
