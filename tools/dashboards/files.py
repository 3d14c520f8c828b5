"""The Files board, and the panels of file operations that other boards show too."""

from __future__ import annotations

from tools.dashboards import common, failures
from tools.dashboards.expressions import (
    AGENT,
    RATE,
    increase,
    leading_gauges,
    leading_rates,
    named,
    or_zero,
    per_second,
    quantile,
)
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import BLUE, GREEN, ORANGE, PURPLE, RED, bad_from
from tools.dashboards.panels import Query, bars, stat, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit


def dashboard() -> Dashboard:
    """Return the Files dashboard."""
    return Dashboard(
        uid="dreamos-files",
        title="Dream.OS Files",
        description="What agents do with files, what fails, how long it takes, what grows.",
        rows=[
            common.top("dreamos-files"),
            Row(
                [file_failures(), file_operations(), file_bytes()],
                to="dreamos-agents",
                widths=[4, 10, 10],
            ),
            Row(
                [failures.file_error_rates(), file_errors(), failing()],
                to="dreamos-agents",
                title="What fails",
                widths=[7, 6, 11],
            ),
            Row(
                [file_durations(), by_operation(), by_agent()],
                to="dreamos-performance",
                title="How fast, how many",
            ),
            Row([sizes(), events()], to="dreamos-host", title="What grows and changes"),
        ],
    )


def _of_all_kinds(template: str) -> str:
    parts = (
        f'label_replace({template.replace("KIND", kind)}, "kind", "{kind}", "", "")'
        for kind in failures.FILE_KINDS
    )
    return " or ".join(parts)


def file_failures() -> Json:
    """Show the share of failed file operations, against the alert's threshold."""
    failed = or_zero(f"sum(job_agent:file_ops_failed:rate5m{{{AGENT}}})")
    succeeded = or_zero(f"sum(job_agent:file_ops_succeeded:rate5m{{{AGENT}}})")
    bad = limit("HighFileErrorRate")
    return stat(
        "File operations that fail",
        "Share of file operations that failed over the last 5 minutes, over the chosen agents. "
        f"The alert HighFileErrorRate fires for an agent above {bad:.0%}: Files says which.",
        "percentunit",
        Query(f"({failed}) / ((({succeeded}) + ({failed})) > 0)"),
        steps=bad_from(bad),
        none="No file operation in the last 5 minutes",
        graph=True,
        decimals=1,
    )


def file_operations() -> Json:
    """Draw file operations by kind, failures in red."""
    failed = _of_all_kinds(f"rate(file_ops_KIND_errors_total{{{AGENT}}}[{RATE}])")
    parts = named(
        "what",
        Writes=per_second("file_ops_write_total"),
        Reads=per_second("file_ops_read_total"),
        Directories=per_second("file_ops_directory_total"),
        Failed=f"sum({failed})",
    )
    return timeseries(
        "File operations per second",
        "Successful writes, reads and directory operations, and all that failed. Many failures "
        "are bad: the board Files says of which type.",
        "ops",
        Query(parts, "{{what}}"),
        colors={"Writes": BLUE, "Reads": GREEN, "Directories": PURPLE, "Failed": RED},
        none="No file operation in this time range",
    )


def file_bytes() -> Json:
    """Draw how many bytes agents read and write."""
    return timeseries(
        "Bytes in files per second",
        "Bytes on disk that agents read and wrote, by operation. A rise that stays fills the disk: "
        "see Host.",
        "Bps",
        Query(per_second("file_ops_bytes_total", by="operation"), "{{operation}}"),
        stacked=True,
        none="No file was read or written in this time range",
    )


def file_durations() -> Json:
    """Draw how long file operations take, by operation."""
    return timeseries(
        "How long file operations take (95 % are faster)",
        "95th percentile of the durations of file operations, by operation. The alert "
        "FileOperationsSlow fires above the dashed line: the disk is busy (see Host), or far away.",
        "s",
        Query(quantile(0.95, "file_operation_duration_seconds", "operation"), "{{operation}}"),
        steps=bad_from(limit("FileOperationsSlow")),
        none="No file operation ended in this time range",
    )


def file_errors() -> Json:
    """Compare the types of errors of file operations."""
    by = "error_type"
    parts = _of_all_kinds(increase("file_ops_KIND_errors_total", "$interval", by))
    return bars(
        "File errors of the last $interval, by type",
        "How often each type of error ended a file operation. PermissionError and OSError most "
        "often mean the disk or the rights; FileNotFoundError another agent.",
        "locale",
        Query(f"sort_desc(sum by (error_type) ({parts}) > 0.5)", "{{error_type}}", instant=True),
        steps=((None, ORANGE),),
        none="No file operation failed in this time",
        decimals=0,
    )


def failing() -> Json:
    """List which files' operations fail, by path label, operation and error."""
    by = "agent, path, operation, error_type"
    parts = _of_all_kinds(increase("file_ops_KIND_errors_total", "$interval", by))
    return table(
        "What failed, the last $interval",
        "Failed file operations by agent, label of the path, operation and error, the twenty most "
        "frequent. How much of a path the label shows is the agent's choice "
        "(DREAMOS_METRICS_PATH_LABEL).",
        Query(f"topk(20, ({parts}) > 0.5)", instant=True),
        Column("Value", "Count", unit="locale", width=70, decimals=0),
        Column("agent", "Agent"),
        Column("operation", "Operation"),
        Column("path", "Path"),
        Column("error_type", "Error"),
        none="No file operation failed in this time",
        sort_by="Count",
    )


def by_operation() -> Json:
    """Draw which operations agents do most."""
    return timeseries(
        "Operations per second, by operation",
        "File operations that ended, failed ones too, by operation; the eight most frequent.",
        "ops",
        Query(leading_rates("file_operation_duration_seconds_count", "operation"), "{{operation}}"),
        stacked=True,
        none="No file operation ended in this time range",
    )


def by_agent() -> Json:
    """Draw which agents use files most."""
    return timeseries(
        "Operations per second, by agent",
        "File operations of each agent; the eight busiest. One that writes without getting on "
        "hangs in a loop: a click on its line shows what it does.",
        "ops",
        Query(leading_rates("file_operation_duration_seconds_count", "agent"), "{{agent}}"),
        none="No file operation ended in this time range",
    )


def sizes() -> Json:
    """Draw the sizes of the files that agents write."""
    return timeseries(
        "Largest files",
        "Size of the file written last under each label of a path; the eight largest. A line that "
        "only rises is a file that nobody cuts.",
        "bytes",
        Query(leading_gauges("file_size_bytes", "agent, path", "max"), "{{agent}} {{path}}"),
        none="No file was written in this time range",
    )


def events() -> Json:
    """Draw the changes that a watcher of files saw."""
    return timeseries(
        "Changes seen by a watcher, per second",
        "Files created, modified and deleted, as a watcher's log says them. Many deletions that "
        "nobody ordered are bad.",
        "ops",
        Query(per_second("dreamos_file_events_total", "event"), "{{event}}"),
        none="No watcher of files logs to a handler (dreamos.core.metrics.logs)",
    )
