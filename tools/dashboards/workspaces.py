"""The Workspaces board: what agents say they do, their inboxes, the queue, and what is stale."""

from __future__ import annotations

from tools.dashboards import common, messages, own
from tools.dashboards.expressions import NAME, leading_gauges
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import BLUE, GREEN, GREY, ORANGE, RED, bad_above, bad_from
from tools.dashboards.panels import Query, stat, timeseries
from tools.dashboards.tables import Column, table
from tools.dashboards.thresholds import limit

NO_WORKSPACE = "No workspace is read (METRICS_WORKSPACE)"
STATES = {
    "7": ("error", RED),
    "6": ("blocked", RED),
    "5": ("unknown", ORANGE),
    "4": ("active", GREEN),
    "3": ("onboarding", BLUE),
    "2": ("idle", GREY),
    "1": ("complete", GREY),
}
STATE_COLORS = dict(STATES.values())


def dashboard() -> Dashboard:
    """Return the Workspaces dashboard."""
    agent, stack = "dreamos-agent", "dreamos-stack"
    return Dashboard(
        uid="dreamos-workspaces",
        title="Dream.OS Workspaces",
        description="What agents say in their files: status, inboxes, queue, tasks, activity.",
        rows=[
            common.top("dreamos-workspaces"),
            Row([readable(), stuck(), unread()], to="dreamos-alerts", height=4),
            Row([everyone()], to=agent, title="What agents say, the worst first", height=10),
            Row([states(), inboxes(), oldest()], to=agent),
            Row(
                [messages.queue(), messages.waiting(), messages.deliveries()],
                to="dreamos-performance",
                title="Messages",
            ),
            Row(
                [messages.tasks(), messages.events(), messages.read_errors()],
                to=stack,
                title="Tasks, activity, faults",
            ),
            Row([own.seen_from_outside()], to="dreamos-host", title="Processes"),
        ],
    )


def readable() -> Json:
    """Show whether the workspace can be read."""
    return stat(
        "Workspace",
        "Whether the workspace can be listed. When not, everything below is old: the folder is "
        "gone, or closed to the observer (runbook WorkspaceUnreadable).",
        "none",
        Query("min(dreamos_workspace_up)"),
        texts={0: ("cannot be read", RED), 1: ("is read", GREEN)},
        none=NO_WORKSPACE,
    )


def stuck() -> Json:
    """Show how many messages are stuck."""
    return stat(
        "Messages that are stuck",
        "Messages in processing for longer than they should be. Any is bad: what delivers them has "
        "stopped (alert MessagesStuck).",
        "locale",
        Query("sum(dreamos_workspace_queue_stuck)"),
        steps=bad_from(1),
        none="No queue is read",
        decimals=0,
    )


def unread() -> Json:
    """Show how many messages nobody has handled."""
    return stat(
        "Messages that nobody handled",
        "Messages in the inboxes of the chosen agents. Many, and old ones, are bad: the table "
        "names whose they are.",
        "locale",
        Query(f"sum(dreamos_workspace_inbox_unread{{{NAME}}})"),
        steps=((None, BLUE),),
        none="No inbox is read",
        decimals=0,
    )


def _table(title: str, description: str) -> Json:
    by = "max by (agent)"
    state = " or ".join(
        f'{by} (dreamos_workspace_agent_state{{{NAME}, state="{name}"}} == 1) * {number}'
        for number, (name, _color) in STATES.items()
    )
    old = limit("WorkspaceAgentSilent")
    return table(
        title,
        description,
        [
            Query(state),
            Query(f"{by} (dreamos_workspace_agent_status_age_seconds{{{NAME}}})"),
            Query(f"{by} (dreamos_workspace_agent_stale{{{NAME}}})"),
            Query(f'{by} (dreamos_workspace_agent_tasks{{{NAME}, state="current"}})'),
            Query(f"{by} (dreamos_workspace_agent_blockers{{{NAME}}})"),
            Query(f"{by} (dreamos_workspace_inbox_unread{{{NAME}}})"),
            Query(f"{by} (dreamos_workspace_inbox_oldest_age_seconds{{{NAME}}} > 0)"),
            Query(f"{by} (dreamos_workspace_agent_points{{{NAME}}})"),
        ],
        Column("agent", "Agent"),
        Column("Value #A", "Says", unit="none", texts=STATES),
        Column("Value #B", "Said", unit="s", decimals=0, steps=bad_above(old)),
        Column(
            "Value #C",
            "Readable",
            unit="none",
            texts={"0": ("yes", GREEN), "1": ("no, figures are old", RED)},
        ),
        Column("Value #D", "Tasks", unit="locale"),
        Column("Value #E", "Blockers", unit="locale", steps=((None, GREY), (1, ORANGE))),
        Column("Value #F", "Unread", unit="locale"),
        Column("Value #G", "Oldest", unit="s", decimals=0, steps=bad_above(limit("InboxBacklog"))),
        Column("Value #H", "Points", unit="locale"),
        none=NO_WORKSPACE,
        sort_by="Says",
    )


def everyone() -> Json:
    """List what each agent says of itself, the worst first."""
    return _table(
        "Agents, by their status files",
        "What each agent's status file says, how long ago it changed (Said), and its inbox. An "
        "active one that has said nothing for hours is silent; the age is a fact, the rest a "
        "claim.",
    )


def one() -> Json:
    """List what one agent says of itself."""
    return _table(
        "Its status file and inbox",
        "What its status file says, how long ago that changed (Said), and its inbox. Old words of "
        "an active agent are bad.",
    )


def states() -> Json:
    """Draw how many agents say what."""
    return timeseries(
        "Agents by what they say",
        "Agents in each state, by the words of their status files. Blocked ones wait for somebody: "
        "the table names them.",
        "locale",
        Query(f"sum by (state) (dreamos_workspace_agent_state{{{NAME}}}) > 0", "{{state}}"),
        stacked=True,
        colors=STATE_COLORS,
        none=NO_WORKSPACE,
    )


def inboxes() -> Json:
    """Draw the unread messages of each agent."""
    return timeseries(
        "Unread messages by agent",
        "Messages in each inbox that nobody handled; the eight with most. A line that only rises "
        "is an agent that does not read.",
        "locale",
        Query(leading_gauges("dreamos_workspace_inbox_unread", "agent", "max", NAME), "{{agent}}"),
        none="No inbox is read",
    )


def oldest() -> Json:
    """Draw the age of the oldest unread message of each agent."""
    name = "dreamos_workspace_inbox_oldest_age_seconds"
    return timeseries(
        "Oldest unread message by agent",
        "Age of the oldest message that nobody handled; the eight oldest. The alert InboxBacklog "
        "fires above the dashed line.",
        "s",
        Query(leading_gauges(name, "agent", "max", NAME), "{{agent}}"),
        steps=bad_from(limit("InboxBacklog")),
        none="No inbox is read",
    )
