"""The Overview: is all well, does data arrive, what fails, how fast, on which resources.

Shown as the home page. Read from above: one glance, then where to look.
"""

from __future__ import annotations

from tools.dashboards import alerts, common, failures, files, host, own, speed
from tools.dashboards.expressions import AGENT, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import GREY, NEUTRAL, RED
from tools.dashboards.panels import Query, stat


def dashboard() -> Dashboard:
    """Return the Overview dashboard."""
    return Dashboard(
        uid="dreamos-overview",
        title="Dream.OS Overview",
        description="Health, agents, errors, performance, files and resources at one glance.",
        rows=[
            common.top("dreamos-overview"),
            Row(
                [alerts.firing(), failures.recent_errors()],
                to="dreamos-agents",
                title="What is wrong",
                height=9,
                widths=[14, 10],
            ),
            Row(
                [failures.errors(), working(), files.file_failures()],
                to="dreamos-agents",
                title="What is done, what fails",
                height=4,
            ),
            Row(
                common.hops(),
                to="dreamos-health",
                title="Does it arrive? From the agent to the person",
                height=3,
            ),
            Row(
                [failures.error_rates(), failures.file_error_rates(), failures.log_warnings()],
                to="dreamos-agents",
                title="Errors",
            ),
            Row(
                [speed.durations(), speed.throughput()],
                to="dreamos-performance",
                title="Performance",
            ),
            Row([files.file_operations(), files.file_bytes()], to="dreamos-files", title="Files"),
            Row(
                [host.used(), own.agent_cpu(), own.agent_memory()],
                to="dreamos-host",
                title="Resources",
            ),
        ],
    )


def working() -> Json:
    """Show what is being worked on at this moment."""
    panel = stat(
        "In progress",
        "Tasks and operations (such as calls of a model) that have begun and not ended. Overdue "
        "ones are past the deadline that the agent set: Agents names them.",
        "locale",
        Query(or_zero(f"sum(dreamos_agent_tasks_in_progress{{{AGENT}}})"), "Tasks"),
        Query(or_zero(f"sum(dreamos_agent_operations_in_flight{{{AGENT}}})"), "Operations"),
        Query(or_zero(f"sum(dreamos_agent_operations_overdue{{{AGENT}}})"), "Overdue"),
        steps=NEUTRAL,
        none="Prometheus gives no answer",
        decimals=0,
    )
    return common.colored(panel, Overdue=[(None, GREY), (1, RED)])
