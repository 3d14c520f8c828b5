"""Panels of what agents use, and of how they are: by agent."""

from __future__ import annotations

from tools.dashboards.expressions import (
    NAME,
    RATE,
    leading_gauges,
    leading_rates,
    lowest_gauges,
)
from tools.dashboards.jsons import Json
from tools.dashboards.palette import NEUTRAL, bad_below, bad_from
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit

UNWELL = bad_below(limit("AgentUnhealthy"))
NONE_PUSHES = "No agent pushed this in this time range"


def _by_agent(title: str, description: str, unit: str, expr: str) -> Json:
    return timeseries(
        f"{title} by agent",
        f"{description} The eight with most; click a line for that agent.",
        unit,
        Query(expr, "{{agent}}"),
        none=NONE_PUSHES,
    )


def agent_cpu() -> Json:
    """Draw the CPU time that each agent's processes use."""
    return _by_agent(
        "CPU",
        "CPU time that the agent's own processes use; 100 % is one whole CPU. One that stays there "
        "while nothing gets done runs in a circle.",
        "percentunit",
        leading_rates("process_cpu_seconds_total", "agent"),
    )


def agent_memory() -> Json:
    """Draw the memory of each agent's processes."""
    return _by_agent(
        "Memory",
        "Resident memory of the agent's own processes. A line that only rises is a leak.",
        "bytes",
        leading_gauges("process_resident_memory_bytes", "agent"),
    )


def open_files() -> Json:
    """Draw the files that each agent holds open."""
    return _by_agent(
        "Open files",
        "Files and connections that the agent's processes hold open. A line that only rises is a "
        "leak, and ends in errors when the limit is reached.",
        "locale",
        leading_gauges("process_open_fds", "agent"),
    )


def threads() -> Json:
    """Draw the threads of each agent."""
    return _by_agent(
        "Threads",
        "Threads of the agent's processes. A line that only rises means threads that never end.",
        "locale",
        leading_gauges("dreamos_agent_threads", "agent"),
    )


def health() -> Json:
    """Draw how healthy agents call themselves."""
    bad = limit("AgentUnhealthy")
    return timeseries(
        "Health by agent",
        "How healthy agents call themselves, 100 % being well; the eight least healthy. The alert "
        f"AgentUnhealthy fires below {bad:.0%} (dashed).",
        "percentunit",
        Query(lowest_gauges("dreamos_agent_health", "agent"), "{{agent}}"),
        steps=UNWELL,
        maximum=1,
        none="No agent tells its health: agent.health(ratio)",
    )


def seen_from_outside() -> Json:
    """List the processes of agents as the observer sees them, without a word from the agents."""
    by = "sum by (agent)"
    return table(
        "Processes, seen from outside",
        "Processes of agents found by their command line or pid file, whether they push or not. "
        "None (0) is an agent that ended, or died; many starts in an hour are a crash that "
        "repeats.",
        [
            Query(f"{by} (dreamos_processes{{{NAME}}})"),
            Query(f"{by} (increase(dreamos_process_starts_total{{{NAME}}}[1h]))"),
            Query(f"{by} (rate(dreamos_process_cpu_seconds_total{{{NAME}}}[{RATE}]))"),
            Query(f"{by} (dreamos_process_resident_memory_bytes{{{NAME}}})"),
            Query(f"{by} (dreamos_process_open_fds{{{NAME}}})"),
            Query(f"{by} (dreamos_process_threads{{{NAME}}})"),
        ],
        Column("agent", "Agent"),
        Column("Value #A", "Processes", unit="locale", steps=bad_below(1)),
        Column(
            "Value #B",
            "Starts, 1 h",
            unit="locale",
            decimals=0,
            steps=bad_from(limit("ProcessRestarting")),
        ),
        Column("Value #C", "CPU", unit="percentunit", decimals=0, steps=NEUTRAL),
        Column("Value #D", "Memory", unit="bytes", decimals=0, steps=NEUTRAL),
        Column("Value #E", "Files", unit="locale"),
        Column("Value #F", "Threads", unit="locale"),
        none="No process is looked for (METRICS_PROCESS_PATTERN, METRICS_PID_FILES)",
        sort_by="Processes",
        descending=False,
    )
