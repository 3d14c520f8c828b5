"""The Agents board: each agent's state, tasks, errors, answers and resources."""

from __future__ import annotations

from tools.dashboards import common, failures, own, speed
from tools.dashboards.expressions import AGENT, RATE, leading, named, per_second, slowest
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import BLUE, GREEN, GREY, RED, bad_above, bad_from
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit

STATES = {
    "4": ("lost", RED),
    "3": ("hangs", RED),
    "2": ("running", GREEN),
    "1": ("ended", GREY),
}
STATE_COLORS = {"running": GREEN, "ended": GREY, "lost": RED}
STALLED = 600
"""Without a limit of its own an agent is stalled after ten minutes without progress."""


def dashboard() -> Dashboard:
    """Return the Agents dashboard."""
    one, performance = "dreamos-agent", "dreamos-performance"
    return Dashboard(
        uid="dreamos-agents",
        title="Dream.OS Agents",
        description="Activity, tasks, errors, response times, resources and health of each agent.",
        rows=[
            common.top("dreamos-agents"),
            Row([everyone()], to=one, title="Who is there, the worst first", height=11),
            Row([under_way(), states(), finished()], to=one, title="Activity"),
            Row([tasks(), task_durations(), signs_of_life()], to=performance, title="Tasks"),
            Row(
                [failures.error_rates(), failures.errors_by_kind(), failures.recent_errors()],
                to=one,
                title="Errors",
                widths=[8, 7, 9],
            ),
            Row(
                [speed.responses(), speed.operation_durations()],
                to=performance,
                title="Response times",
            ),
            Row(
                [own.agent_cpu(), own.agent_memory(), own.open_files(), own.threads()],
                to="dreamos-host",
                title="Resources",
            ),
            Row([own.health(), endings()], to=one, title="Health"),
            Row([own.seen_from_outside()], to="dreamos-workspaces"),
        ],
    )


def everyone() -> Json:
    """List every agent with its state, its last signs of life and its health, the worst first."""
    by = "max by (job, agent)"
    running = f'on (job, agent) (dreamos_agent_state{{{AGENT}, state="running"}} == 1)'
    last = "time() - max by (job, agent) (dreamos_agent_last_%s_timestamp_seconds{%s}%s)"
    state = " or ".join(
        [
            f'{by} (dreamos_agent_state{{{AGENT}, state="lost"}} == 1) * 4',
            f"({common.hanging()} and {running}) * 3",
            f'{by} (dreamos_agent_state{{{AGENT}, state="running"}} == 1) * 2',
            f'{by} (dreamos_agent_state{{{AGENT}, state="ended"}} == 1)',
        ]
    )
    firing = f"count by (job, agent) (ALERTS{{{common.JUDGED}, {AGENT}}})"
    return table(
        "Agents",
        "Every agent that pushes. Lost: silent without a word. Hangs: pushes, but an operation is "
        "past its deadline, or an alert says that it makes no progress. Click a name for all about "
        "that agent; agents that push nothing are on the board Workspaces.",
        [
            Query(state),
            Query(firing),
            Query(f"sum by (job, agent) (dreamos_agent_operations_overdue{{{AGENT}}})"),
            Query(last % ("push", AGENT, "")),
            Query(f"{last % ('heartbeat', AGENT, ' > 0')} and {running}"),
            Query(f"{last % ('progress', AGENT, ' > 0')} and {running}"),
            Query(f"{by} (error_rate{{{AGENT}}})"),
            Query(f"{by} (dreamos_agent_health{{{AGENT}}})"),
            Query(f"{by} (dreamos_agent_incarnations{{{AGENT}}})"),
        ],
        Column("agent", "Agent"),
        Column("Value #A", "State", unit="none", texts=STATES),
        Column("Value #B", "Alerts", unit="locale", steps=bad_from(1)),
        Column("Value #C", "Overdue", unit="locale", steps=bad_from(1)),
        Column("Value #D", "Last push", unit="s", decimals=0, steps=common.SILENT),
        Column("Value #E", "Last heartbeat", unit="s", decimals=0, steps=bad_above(STALLED)),
        Column("Value #F", "Last progress", unit="s", decimals=0, steps=bad_above(STALLED)),
        Column(
            "Value #G",
            "Work that fails",
            unit="percentunit",
            decimals=1,
            steps=bad_above(limit("HighErrorRate")),
        ),
        Column("Value #H", "Health", unit="percentunit", decimals=0, steps=own.UNWELL),
        Column("Value #I", "Processes", unit="locale"),
        Column("job", "Job"),
        none="No agent has pushed yet",
        sort_by="State",
    )


def under_way() -> Json:
    """List operations and tasks that have begun and not ended, overdue ones first."""
    by = "agent, name"

    def of(metric: str, label: str) -> str:
        named_so = f'label_replace({metric}{{{AGENT}}}, "name", "$1", "{label}", "(.*)")'
        return f"sum by ({by}) ({named_so})"

    operations = of("dreamos_agent_operations_in_flight", "operation")
    overdue = of("dreamos_agent_operations_overdue", "operation")
    in_progress = of("dreamos_agent_tasks_in_progress", "task")
    return table(
        "What is under way",
        "Operations and tasks that have begun and not ended, by agent. Overdue: past the deadline "
        "that the agent set. An overdue one is what the agent hangs in.",
        [
            Query(f"{overdue} and {operations} > 0"),
            Query(f"({operations} > 0) or ({in_progress} > 0)"),
        ],
        Column("Value #A", "Overdue", unit="locale", width=80, steps=bad_from(1)),
        Column("agent", "Agent"),
        Column("name", "Operation or task"),
        Column("Value #B", "Number", unit="locale", width=75),
        none="Nothing has begun and not ended",
        sort_by="Overdue",
    )


def states() -> Json:
    """Draw how many agents are in each state."""
    return timeseries(
        "Agents by state",
        "Running: pushes arrive. Ended: said goodbye. Lost: fell silent without a word. Lost ones "
        "are bad: the table above names them.",
        "locale",
        Query(f"sum by (state) (dreamos_agent_state{{{AGENT}}})", "{{state}}"),
        stacked=True,
        colors=STATE_COLORS,
        none="No agent has pushed yet",
    )


def finished() -> Json:
    """Draw how much each agent gets done."""
    counted = {
        "tasks": "dreamos_agent_tasks_completed_total",
        "operations": "dreamos_agent_operation_duration_seconds_count",
        "files": "file_operation_duration_seconds_count",
    }
    drawn = named("kind", **{kind: per_second(name, "agent") for kind, name in counted.items()})
    ranked = named(
        "kind",
        **{
            kind: f"sum by (agent) (increase({name}{{{AGENT}}}[$__range] @ end()))"
            for kind, name in counted.items()
        },
    )
    expr = leading(f"60 * sum by (agent) ({drawn})", f"sum by (agent) ({ranked})", "agent")
    return timeseries(
        "Work finished per minute, by agent",
        "Tasks, operations and file operations that each agent ended per minute; the eight "
        "busiest. A line at zero of an agent with work to do is bad: click it.",
        "short",
        Query(expr, "{{agent}}"),
        none="No agent has finished anything yet",
    )


def signs_of_life() -> Json:
    """Draw heartbeats and progress: alive, and getting on."""
    parts = named(
        "what",
        Heartbeats=f"60 * {per_second('dreamos_agent_heartbeats_total')}",
        Progress=f"60 * {per_second('dreamos_agent_progress_total')}",
    )
    return timeseries(
        "Heartbeats and progress per minute",
        "Heartbeats say that agents live, progress that they get on. Heartbeats without progress "
        "are the mark of an agent that hangs.",
        "short",
        Query(parts, "{{what}}"),
        colors={"Heartbeats": BLUE, "Progress": GREEN},
        none="No agent gives heartbeats yet: agent.heartbeat(), agent.progress()",
    )


def tasks() -> Json:
    """Draw tasks begun, completed and failed."""
    parts = named(
        "what",
        Started=f"60 * {per_second('dreamos_agent_tasks_started_total')}",
        Completed=f"60 * {per_second('dreamos_agent_tasks_completed_total')}",
        Failed=f"60 * {per_second('dreamos_agent_tasks_failed_total')}",
    )
    return timeseries(
        "Tasks per minute",
        "Tasks that began, were completed, and failed. Many more begun than ended are bad: see "
        "What is under way.",
        "short",
        Query(parts, "{{what}}"),
        colors={"Started": BLUE, "Completed": GREEN, "Failed": RED},
        none="No agent has a task yet: with agent.task(name)",
    )


def task_durations() -> Json:
    """Draw how long tasks take, by task."""
    return timeseries(
        "How long tasks take (95 % are faster)",
        "95th percentile of the durations of tasks, by task; the eight slowest. A rise is bad: "
        "Performance says which operation it comes from.",
        "s",
        Query(slowest("dreamos_agent_task_duration_seconds", "task"), "{{task}}"),
        none="No task ended in this time range",
    )


def endings() -> Json:
    """Draw how processes of agents end."""
    name = "dreamos_agent_incarnations_ended_total"
    return timeseries(
        "Processes that ended, per minute",
        "Clean: said goodbye. Lost: killed, or cut off. Many clean ends are short jobs; many lost "
        "ones are crashes, or want of memory: see Host.",
        "short",
        Query(f"60 * sum by (end) (rate({name}{{{AGENT}}}[{RATE}]))", "{{end}}"),
        colors={"clean": GREEN, "lost": RED},
        none="No process of an agent has ended yet",
    )
