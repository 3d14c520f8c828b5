"""Panels of a workspace's messages, tasks and activity."""

from __future__ import annotations

from tools.dashboards.expressions import NAME, RATE, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.palette import BLUE, GREEN, GREY, ORANGE, RED
from tools.dashboards.panels import Query, timeseries
from tools.dashboards.thresholds import limit


def queue() -> Json:
    """Draw how many messages wait in each state."""
    return timeseries(
        "Messages in the queue",
        "Messages that are not delivered, by state. Failed ones, and pending ones that only grow, "
        "are bad.",
        "locale",
        Query("sum by (state) (dreamos_workspace_queue_depth)", "{{state}}"),
        stacked=True,
        colors={"failed": RED, "expired": ORANGE, "pending": BLUE, "processing": GREEN},
        none="No queue is read",
    )


def waiting() -> Json:
    """Draw how long the oldest message waits."""
    return timeseries(
        "Oldest pending message",
        "Age of the oldest message that waits for its delivery, by queue. An age that rises with "
        "the clock says that nothing is delivered.",
        "s",
        Query("max by (queue) (dreamos_workspace_queue_oldest_pending_age_seconds)", "{{queue}}"),
        none="No queue is read",
    )


def deliveries() -> Json:
    """Draw deliveries by outcome."""
    name = "dreamos_workspace_delivery_seconds_count"
    return timeseries(
        "Deliveries per minute",
        "Deliveries of messages by outcome. The alert DeliveriesFailing fires when more than "
        f"{limit('DeliveriesFailing'):.0%} fail.",
        "short",
        Query(f"60 * sum by (outcome) (rate({name}[{RATE}]))", "{{outcome}}"),
        stacked=True,
        colors={"success": GREEN, "failure": RED},
        none="No delivery was written down",
    )


def tasks() -> Json:
    """Draw the tasks of the task store."""
    return timeseries(
        "Tasks in the task store",
        "Tasks by state, as the task store has them. Blocked and failed ones want somebody.",
        "locale",
        Query("sum by (state) (dreamos_workspace_tasks) > 0", "{{state}}"),
        stacked=True,
        colors={"failed": RED, "blocked": ORANGE, "completed": GREY, "in_progress": GREEN},
        none="No task store is read",
    )


def events() -> Json:
    """Draw what agents wrote to the activity log."""
    name = "dreamos_workspace_events_total"
    return timeseries(
        "Activity per hour, by type",
        "Events of the activity log in the hour before each moment. None, while agents are active, "
        "means that the log is not written.",
        "locale",
        Query(f"round(sum by (type) (increase({name}{{{NAME}}}[1h]))) > 0", "{{type}}"),
        stacked=True,
        none="No event was written down in this time range",
    )


def read_errors() -> Json:
    """Draw what could not be used of the files."""
    rate = "round(sum by (kind, reason) (increase(dreamos_workspace_read_errors_total[1h]))) > 0"
    return timeseries(
        "Files that could not be used, per hour",
        "Files and lines of the workspace that were broken, by kind and reason, in the hour before "
        "each moment, and shared files that are shown as they last were (stale).",
        "locale",
        Query(rate, "{{kind}}: {{reason}}"),
        Query(or_zero("sum(dreamos_workspace_file_stale)"), "stale files"),
        none="No workspace is read",
    )
