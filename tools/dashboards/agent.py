"""The Agent board: everything about one agent, opened by a click on its name."""

from __future__ import annotations

from tools.dashboards import agents, alerts, common, failures, files, own, speed, workspaces
from tools.dashboards.expressions import AGENT, NAME, named, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import BLUE, GREEN, GREY, RED, bad_above, bad_below, bad_from
from tools.dashboards.panels import Query, stat, timeseries
from tools.dashboards.thresholds import limit


def dashboard() -> Dashboard:
    """Return the Agent dashboard."""
    performance, host = "dreamos-performance", "dreamos-host"
    return Dashboard(
        uid="dreamos-agent",
        title="Dream.OS Agent",
        description="Everything about one agent: state, work, errors, speed, files, resources.",
        one_agent=True,
        rows=[
            common.top("dreamos-agent"),
            Row(
                [state(), last_push(), last_progress(), overdue(), failing(), health()],
                to="dreamos-agents",
                title="$agent now",
                height=4,
            ),
            Row(
                [alerts.firing(f"{alerts.TOLD}, {NAME}"), agents.under_way()],
                to="dreamos-alerts",
                widths=[14, 10],
            ),
            Row(
                [agents.tasks(), agents.task_durations(), agents.signs_of_life()],
                to=performance,
                title="Work",
            ),
            Row(
                [failures.errors_by_kind(), failures.recent_errors(), failures.log_warnings()],
                to="dreamos-files",
                title="Errors",
            ),
            Row(
                [speed.responses(), speed.operation_durations(), speed.api_durations()],
                to=performance,
                title="Speed",
            ),
            Row(
                [speed.queue_lengths(), speed.cache_hits(), speed.requests()],
                to=performance,
            ),
            Row(
                [files.file_operations(), files.file_bytes(), files.file_durations()],
                to="dreamos-files",
                title="Files",
            ),
            Row(
                [own.agent_cpu(), own.agent_memory(), own.open_files(), own.threads()],
                to=host,
                title="Resources",
            ),
            Row([own.seen_from_outside(), starts()], to=host),
            Row(
                [workspaces.one(), workspaces.inboxes(), instrumentation()],
                to="dreamos-workspaces",
                title="What it says in its workspace, and what its instrumentation lost",
            ),
        ],
    )


def state() -> Json:
    """Show the state of the agent in a word."""
    running = f'dreamos_agent_state{{{AGENT}, state="running"}} == 1'
    number = " or ".join(
        [
            f'(max by (agent) (dreamos_agent_state{{{AGENT}, state="lost"}} == 1)) * 4',
            f"({common.hanging('agent')} and on (agent) ({running})) * 3",
            f"max by (agent) ({running}) * 2",
            f'max by (agent) (dreamos_agent_state{{{AGENT}, state="ended"}} == 1)',
        ]
    )
    return stat(
        "State",
        "Lost: silent without a word. Hangs: pushes, but an operation is past its deadline, or an "
        "alert says that it makes no progress: see What is under way.",
        "none",
        Query(number),
        texts={float(value): look for value, look in agents.STATES.items()},
        none="It pushes nothing",
        filled=True,
    )


def _age(title: str, description: str, what: str, at_most: float) -> Json:
    name = f"dreamos_agent_last_{what}_timestamp_seconds"
    return stat(
        title,
        description,
        "s",
        Query(f"time() - max({name}{{{AGENT}}} > 0)"),
        steps=bad_above(at_most),
        none="never",
        decimals=0,
    )


def last_push() -> Json:
    """Show the age of the agent's last push."""
    text = "Time since its last push. Minutes of silence: it was killed, or the network is down."
    return _age("Last push", text, "push", common.LOST_AFTER)


def last_progress() -> Json:
    """Show the time since the agent last got anything done."""
    text = (
        "Time since it last got anything done (agent.progress(), a task that ended well). Long, "
        "with tasks under way, means that it hangs."
    )
    return _age("Last progress", text, "progress", agents.STALLED)


def overdue() -> Json:
    """Show the number of operations past their deadline."""
    return stat(
        "Overdue",
        "Operations that are past the deadline that the agent set. Any is bad: What is under way "
        "names it.",
        "locale",
        Query(or_zero(f"sum(dreamos_agent_operations_overdue{{{AGENT}}})")),
        steps=bad_from(1),
        none="Prometheus gives no answer",
        decimals=0,
    )


def failing() -> Json:
    """Show which share of the agent's work fails."""
    bad = limit("HighErrorRate")
    return stat(
        "Work that fails",
        "Share of its tasks and operations that failed over 5 minutes. The alert HighErrorRate "
        f"fires above {bad:.0%}: Recent errors says which.",
        "percentunit",
        Query(f"max(error_rate{{{AGENT}}})"),
        steps=bad_above(bad),
        none="It finished nothing in 5 minutes",
        decimals=1,
        graph=True,
    )


def health() -> Json:
    """Show how healthy the agent calls itself."""
    return stat(
        "Its own health",
        "How healthy the agent calls itself, 100 % being well. What it means is the agent's "
        "choice.",
        "percentunit",
        Query(f"min(dreamos_agent_health{{{AGENT}}})"),
        steps=bad_below(limit("AgentUnhealthy")),
        none="It does not say",
        decimals=0,
    )


def starts() -> Json:
    """Draw how many processes the agent has, and how they ended."""
    ended = f'increase(dreamos_agent_incarnations_ended_total{{{AGENT}, end="%s"}}[1h])'
    parts = named(
        "what",
        Live=or_zero(f"sum(dreamos_agent_incarnations{{{AGENT}}})"),
        Ended_cleanly=or_zero(f"round(sum({ended % 'clean'}))"),
        Lost=or_zero(f"round(sum({ended % 'lost'}))"),
    )
    return timeseries(
        "Processes: live, and ended in an hour",
        "Its processes that push, and those that ended in the hour before each moment. Lost ones "
        "were killed, or crashed; the alert AgentRestarting fires when they are many.",
        "locale",
        Query(parts, "{{what}}"),
        colors={"Live": GREEN, "Ended cleanly": GREY, "Lost": RED},
        none="Prometheus gives no answer",
    )


def instrumentation() -> Json:
    """Draw what the library lost, folded and could not push."""
    parts = named(
        "what",
        Errors=or_zero(f"round(sum(increase(dreamos_client_errors_total{{{AGENT}}}[1h])))"),
        Folded_labels=or_zero(
            f"round(sum(increase(dreamos_client_folded_labels_total{{{AGENT}}}[1h])))"
        ),
    )
    return timeseries(
        "Instrumentation, per hour",
        "Faults of the metrics library in this agent, and label values that were too many and "
        "became (other), in the hour before each moment. Zero is well.",
        "locale",
        Query(parts, "{{what}}"),
        colors={"Folded labels": BLUE},
        none="Prometheus gives no answer",
    )
