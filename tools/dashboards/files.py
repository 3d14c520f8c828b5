"""Panels of the file operations of agents."""

from __future__ import annotations

from tools.dashboards.expressions import (
    AGENT,
    RATE,
    increase,
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
    bars,
    stat,
    timeseries,
)


def file_failures() -> Json:
    """Show the share of failed file operations, against the alert's threshold."""
    failed = or_zero(f"sum(job_agent:file_ops_failed:rate5m{{{AGENT}}})")
    succeeded = or_zero(f"sum(job_agent:file_ops_succeeded:rate5m{{{AGENT}}})")
    return stat(
        "File operations that fail",
        "Share of file operations that failed over the last 5 minutes, over the chosen agents. "
        "The alert HighFileErrorRate fires for an agent above 5 %.",
        "percentunit",
        Query(f"({failed}) / ((({succeeded}) + ({failed})) > 0)"),
        steps=[(None, GREEN), (0.05, RED)],
        none="no file operations",
        graph=True,
        decimals=1,
    )


def file_operations() -> Json:
    """Draw file operations by kind, failures in red."""
    failed = " or ".join(
        f"rate(file_ops_{kind}_errors_total{{{AGENT}}}[{RATE}])"
        for kind in ("write", "read", "directory")
    )
    parts = named(
        "what",
        Writes=per_second("file_ops_write_total"),
        Reads=per_second("file_ops_read_total"),
        Directories=per_second("file_ops_directory_total"),
        Failed=f"sum({failed})",
    )
    return timeseries(
        "File operations per second",
        "Successful writes, reads and directory operations, and all that failed.",
        "ops",
        Query(parts, "{{what}}"),
        colors={"Writes": BLUE, "Reads": GREEN, "Directories": "purple", "Failed": RED},
    )


def file_bytes() -> Json:
    """Draw how many bytes agents read and write."""
    return timeseries(
        "Bytes in files per second",
        "Bytes on disk that agents read and wrote, by operation.",
        "Bps",
        Query(per_second("file_ops_bytes_total", by="operation"), "{{operation}}"),
        stacked=True,
    )


def file_durations() -> Json:
    """Draw how long file operations take, by operation."""
    return timeseries(
        "How long file operations take (95 % are faster)",
        "95th percentile of the durations of file operations, by operation.",
        "s",
        Query(quantile(0.95, "file_operation_duration_seconds", "operation"), "{{operation}}"),
        none="No agent has timed a file operation yet",
    )


def file_errors() -> Json:
    """Compare the types of errors of file operations."""
    by = "error_type"
    parts = " or ".join(
        f"label_replace({increase(f'file_ops_{kind}_errors_total', '1h', by)}"
        f', "kind", "{kind}", "", "")'
        for kind in ("write", "read", "directory")
    )
    return bars(
        "File errors of the last hour, by type",
        "How often each type of error ended a file operation in the last hour. PermissionError and "
        "OSError most often mean the disk or the rights; FileNotFoundError another agent.",
        "short",
        Query(f"sort_desc(sum by (error_type) ({parts}) > 0.5)", "{{error_type}}", instant=True),
        steps=[(None, ORANGE)],
        none="No file operation has failed",
        decimals=0,
    )
