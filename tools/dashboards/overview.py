"""The Overview: is all well, does data arrive, what fails, how fast, on which resources.

Shown as the home page. Read from above: one glance, then where to look.
"""

from __future__ import annotations

from tools.dashboards import common, failures, files, machine, speed
from tools.dashboards.expressions import (
    AGENT,
    or_zero,
)
from tools.dashboards.model import Dashboard, Row, agent_variable
from tools.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Json,
    Query,
    stat,
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
                [4, 5, 6, 5, 4],
                [health(), agents(), failures.errors(), files.file_failures(), working()],
            ),
            Row(
                3,
                [5, 5, 5, 5, 4],
                common.hops(),
                title="Does data arrive? From the agent to the person",
            ),
            Row(8, [12, 12], [common.firing(), failures.recent_errors()], title="What is wrong"),
            Row(
                8,
                [8, 8, 8],
                [failures.error_rates(), failures.file_error_rates(), failures.log_warnings()],
            ),
            Row(8, [12, 12], [speed.durations(), speed.throughput()], title="Performance"),
            Row(8, [12, 12], [files.file_operations(), files.file_bytes()], title="Files"),
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
