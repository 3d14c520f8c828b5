"""The Overview: is all well, does data arrive, what fails, how fast, on which resources.

Shown as the home page. Read from above: one glance, then where to look.
"""

from __future__ import annotations

from tools.dashboards import common, machine
from tools.dashboards.expressions import (
    AGENT,
    RATE,
    named,
    or_zero,
    per_second,
    quantile,
)
from tools.dashboards.model import Dashboard, Row, agent_variable
from tools.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Column,
    Json,
    Query,
    stat,
    table,
    timeseries,
)


def dashboard() -> Dashboard:
    """Return the Overview dashboard."""
    return Dashboard(
        uid="dreamos-overview",
        title="Dream.OS Overview",
        description="Health, agents, errors, performance, files and resources at one glance.",
        variables=[agent_variable()],
        rows=[
            Row(
                4,
                [5, 5, 5, 5, 4],
                [health(), agents(), errors(), file_failures(), working()],
            ),
            Row(
                3,
                [5, 5, 5, 5, 4],
                common.hops(),
                title="Does data arrive? From the agent to the person",
            ),
            Row(8, [12, 12], [common.firing(), recent_errors()], title="What is wrong"),
            Row(8, [8, 8, 8], [error_rates(), file_error_rates(), log_warnings()]),
            Row(8, [12, 12], [durations(), throughput()], title="Performance"),
            Row(8, [12, 12], [file_operations(), file_bytes()], title="Files"),
            Row(
                8,
                [8, 8, 8],
                [machine.used(), common.agent_cpu(), common.agent_memory()],
                title="Resources",
            ),
        ],
    )


def health() -> Json:
    """Show the worst that fires: the system's health in one word."""
    firing = 'ALERTS{alertstate="firing",severity="%s"}'
    return stat(
        "System health",
        "The worst alert that fires now. It judges everything that the rules watch: agents, the "
        "service, Prometheus, Alertmanager and Grafana.",
        "none",
        Query(f"max({firing % 'critical'} * 2 or {firing % 'warning'} or vector(0))"),
        texts={0: ("Healthy", GREEN), 1: ("Warning", ORANGE), 2: ("Critical", RED)},
        none="Prometheus gives no answer",
        filled=True,
    )


def agents() -> Json:
    """Show how many agents run, ended cleanly, and were lost."""
    state = 'sum(dreamos_agent_state{%s, state="%s"})'
    panel = stat(
        "Agents",
        "Running: pushes arrive. Ended: said goodbye. Lost: fell silent without a word, so it was "
        "killed, hangs, or cannot reach the service.",
        "none",
        *(
            Query(or_zero(state % (AGENT, name.lower())), name)
            for name in ("Running", "Lost", "Ended")
        ),
    )
    return common.colored(panel, Running=GREEN, Lost=[(None, GREY), (1, RED)], Ended=GREY)


def errors() -> Json:
    """Show the number of failures of the last quarter of an hour."""
    return stat(
        "Errors, last 15 min",
        "Failed tasks and operations, and failed file operations, of the chosen agents.",
        "none",
        Query(or_zero(f"sum({common.failures('15m')})")),
        steps=[(None, GREEN), (1, ORANGE), (100, RED)],
        graph=True,
        decimals=0,
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


def working() -> Json:
    """Show what is being worked on at this moment."""
    panel = stat(
        "In progress",
        "Tasks and operations (such as calls of a model) that have begun and not ended. Overdue "
        "ones are past the deadline that the agent set for them.",
        "none",
        Query(or_zero(f"sum(dreamos_agent_tasks_in_progress{{{AGENT}}})"), "Tasks"),
        Query(or_zero(f"sum(dreamos_agent_operations_in_flight{{{AGENT}}})"), "Operations"),
        Query(or_zero(f"sum(dreamos_agent_operations_overdue{{{AGENT}}})"), "Overdue"),
        steps=[(None, BLUE)],
    )
    return common.colored(panel, Overdue=[(None, GREY), (1, RED)])


def recent_errors() -> Json:
    """List the most frequent failures of the last quarter of an hour."""
    return table(
        "Recent errors, last 15 min",
        "What failed most often, by agent and by the type of the error. The agent's own log has "
        "the words.",
        Query(f"topk(20, {common.failures('15m')} > 0.5)", instant=True),
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
