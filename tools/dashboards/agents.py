"""The Agents dashboard: each agent's state, tasks, errors, answers and resources."""

from __future__ import annotations

from tools.dashboards import common, failures, speed
from tools.dashboards.expressions import AGENT, RATE, named, per_second, quantile
from tools.dashboards.model import Dashboard, Row, agent_variable
from tools.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Json,
    Query,
    Steps,
    timeseries,
)
from tools.dashboards.tables import Column, table

STATES = {"1": ("running", GREEN), "2": ("ended", GREY), "3": ("lost", RED)}
STATE_COLORS = {"running": GREEN, "ended": GREY, "lost": RED}
SILENT: Steps = ((None, GREEN), (60, ORANGE), (300, RED))
BAD_SHARE: Steps = ((None, GREEN), (0.05, ORANGE), (0.1, RED))


def dashboard() -> Dashboard:
    """Return the Agents dashboard."""
    return Dashboard(
        uid="dreamos-agents",
        title="Dream.OS Agents",
        description="Activity, tasks, errors, response times, resources and health of each agent.",
        variables=[agent_variable()],
        rows=[
            Row(9, [24], [everyone()], title="Who is there"),
            Row(7, [8, 8, 8], [states(), finished(), signs_of_life()], title="Activity"),
            Row(7, [8, 8, 8], [tasks(), task_durations(), speed.waiting()], title="Tasks"),
            Row(
                8,
                [8, 8, 8],
                [failures.error_rates(), failures.errors_by_kind(), failures.recent_errors()],
                title="Errors",
            ),
            Row(
                7,
                [12, 12],
                [speed.responses(), speed.operation_durations()],
                title="Response times",
            ),
            Row(
                7,
                [6, 6, 6, 6],
                [common.agent_cpu(), common.agent_memory(), open_files(), threads()],
                title="Resources",
            ),
            Row(7, [12, 12], [health(), endings()], title="Health"),
        ],
    )


def everyone() -> Json:
    """List every agent with its state, its last signs of life and its health."""
    by = "max by (job, agent)"
    state = " or ".join(
        f'(dreamos_agent_state{{{AGENT}, state="{name}"}} == 1) * {number}'
        for number, (name, _color) in STATES.items()
    )
    last = "dreamos_agent_last_%s_timestamp_seconds"
    return table(
        "Agents",
        "Every agent that the service knows: what it is doing, when it last pushed, gave a sign of "
        "life and made progress, how many processes it has, how much of its work fails, and how "
        "healthy it calls itself.",
        [
            Query(f"{by} ({state})"),
            Query(f"time() - {by} ({last % 'push'}{{{AGENT}}})"),
            Query(f"time() - {by} ({last % 'heartbeat'}{{{AGENT}}} > 0)"),
            Query(f"time() - {by} ({last % 'progress'}{{{AGENT}}} > 0)"),
            Query(f"{by} (dreamos_agent_incarnations{{{AGENT}}})"),
            Query(f"{by} (error_rate{{{AGENT}}})"),
            Query(f"{by} (dreamos_agent_health{{{AGENT}}})"),
        ],
        Column("agent", "Agent"),
        Column("job", "Job"),
        Column("Value #A", "State", unit="none", texts=STATES),
        Column("Value #B", "Last push", unit="s", decimals=0, steps=SILENT),
        Column("Value #C", "Last heartbeat", unit="s", decimals=0),
        Column("Value #D", "Last progress", unit="s", decimals=0),
        Column("Value #E", "Processes", unit="none"),
        Column("Value #F", "Work that fails", unit="percentunit", decimals=1, steps=BAD_SHARE),
        Column("Value #G", "Health", unit="percentunit", decimals=0),
        none="No agent has pushed yet",
        sort_by="Agent",
        descending=False,
    )


def states() -> Json:
    """Draw how many agents are in each state."""
    return timeseries(
        "Agents by state",
        "Running: pushes arrive. Ended: said goodbye. Lost: fell silent without a word.",
        "none",
        Query(f"sum by (state) (dreamos_agent_state{{{AGENT}}})", "{{state}}"),
        stacked=True,
        colors=STATE_COLORS,
        none="No agent has pushed yet",
    )


def finished() -> Json:
    """Draw how much each agent gets done."""
    parts = named(
        "kind",
        tasks=per_second("dreamos_agent_tasks_completed_total", "agent"),
        operations=per_second("dreamos_agent_operation_duration_seconds_count", "agent"),
        files=per_second("file_operation_duration_seconds_count", "agent"),
    )
    return timeseries(
        "Work finished per minute, by agent",
        "Tasks, operations and file operations that each agent ended per minute; the eight "
        "busiest.",
        "short",
        Query(f"topk(8, 60 * sum by (agent) ({parts}))", "{{agent}}"),
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
        "Tasks that began, were completed, and failed.",
        "short",
        Query(parts, "{{what}}"),
        colors={"Started": BLUE, "Completed": GREEN, "Failed": RED},
        none="No task has begun yet: with agent.task(name)",
    )


def task_durations() -> Json:
    """Draw how long tasks take, by task."""
    name = "dreamos_agent_task_duration_seconds"
    return timeseries(
        "How long tasks take (95 % are faster)",
        "95th percentile of the durations of tasks, by task; the eight slowest.",
        "s",
        Query(f"topk(8, {quantile(0.95, name, 'task')})", "{{task}}"),
        none="No task has ended yet",
    )


def open_files() -> Json:
    """Draw the files that each agent holds open."""
    return timeseries(
        "Open files by agent",
        "Files and connections that the agent's processes hold open; the eight with most. A line "
        "that only rises is a leak.",
        "short",
        Query(f"topk(8, sum by (agent) (process_open_fds{{{AGENT}}}))", "{{agent}}"),
        none="No agent pushes its open files",
    )


def threads() -> Json:
    """Draw the threads of each agent."""
    return timeseries(
        "Threads by agent",
        "Threads of the agent's processes; the eight with most.",
        "short",
        Query(f"topk(8, sum by (agent) (dreamos_agent_threads{{{AGENT}}}))", "{{agent}}"),
        none="No agent pushes its threads",
    )


def health() -> Json:
    """Draw how healthy agents call themselves."""
    return timeseries(
        "Health by agent",
        "How healthy agents call themselves, 100 % being well; the eight least healthy.",
        "percentunit",
        Query(f"bottomk(8, min by (agent) (dreamos_agent_health{{{AGENT}}}))", "{{agent}}"),
        maximum=1,
        none="No agent tells its health yet: agent.health(ratio)",
    )


def endings() -> Json:
    """Draw how processes of agents end."""
    return timeseries(
        "Processes that ended, per minute",
        "Clean: said goodbye. Lost: killed, or cut off. Many clean ends are short jobs; many lost "
        "ones are crashes.",
        "short",
        Query(
            f"60 * sum by (end) (rate(dreamos_agent_incarnations_ended_total{{{AGENT}}}[{RATE}]))",
            "{{end}}",
        ),
        colors={"clean": GREEN, "lost": RED},
        none="No process of an agent has ended yet",
    )
