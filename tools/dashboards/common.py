"""Panels and expressions that more than one dashboard shows."""

from __future__ import annotations

from typing import Any

from tools.dashboards.expressions import AGENT, RATE, or_zero
from tools.dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Json,
    Query,
    Steps,
    stat,
    timeseries,
)
from tools.dashboards.tables import Column, table

SEVERITIES = {
    "critical": ("critical", RED),
    "warning": ("warning", ORANGE),
    "info": ("info", "blue"),
}

# After a start the service asks once for the text of a compact push; that is no refusal.
REFUSED = 'reason!~"unknown_list|stopping"'

STATES = {"firing": ("firing", RED), "pending": ("pending", YELLOW)}


def hops() -> list[Json]:
    """Return one small panel per hop, so that the broken one is seen at once."""
    return [pushes(), accepted(), scraped(), judged(), delivered()]


def pushes() -> Json:
    """Show the age of the newest push: agent to service."""
    return stat(
        "Agent → service",
        "Age of the newest push of any agent. Agents push every 5 seconds; when all are silent, "
        "the network, the token or the service is the cause.",
        "s",
        Query("time() - max(dreamos_agent_last_push_timestamp_seconds)"),
        steps=[(None, GREEN), (60, ORANGE), (300, RED)],
        none="no agent yet",
        decimals=0,
    )


def accepted() -> Json:
    """Show refused pushes: what arrives at the service and is not taken."""
    return stat(
        "Refused by the service",
        "Pushes that the service refused in the last 5 minutes: wrong token, wrong format, too "
        "large. The alert PushesRejected and its runbook tell the reasons apart.",
        "short",
        Query(or_zero(f"sum(increase(dreamos_ingest_rejected_total{{{REFUSED}}}[5m]))")),
        steps=[(None, GREEN), (1, ORANGE)],
        texts={0: ("none", GREEN)},
        decimals=0,
    )


def scraped() -> Json:
    """Show whether Prometheus reads the service."""
    return stat(
        "Service → Prometheus",
        "Whether Prometheus could read the service at its last attempt.",
        "none",
        Query('min(up{job="dreamos-metrics"})'),
        texts={0: ("cannot be read", RED), 1: ("reads", GREEN)},
        none="not scraped",
    )


def judged() -> Json:
    """Show whether Prometheus can hand its alerts to Alertmanager."""
    return stat(
        "Prometheus → Alertmanager",
        "Whether Prometheus knows an Alertmanager and could hand over its alerts in the last 5 "
        "minutes.",
        "none",
        Query(
            'min(up{job="alertmanager"}) * (sum(prometheus_notifications_alertmanagers_discovered)'
            " > bool 0) * (sum(increase(prometheus_notifications_errors_total[5m])) < bool 1)"
        ),
        texts={0: ("broken", RED), 1: ("hands over", GREEN)},
        none="no answer",
    )


def delivered() -> Json:
    """Show messages that Alertmanager could not deliver."""
    return stat(
        "Messages that failed",
        "Messages to people that Alertmanager could not deliver in the last 15 minutes, over all "
        "receivers. The alert NotificationsFailing names the receiver.",
        "short",
        Query(or_zero("sum(increase(alertmanager_notifications_failed_total[15m]))")),
        steps=[(None, GREEN), (1, RED)],
        texts={0: ("none", GREEN)},
        decimals=0,
    )


def firing() -> Json:
    """List the alerts that fire now, and those that soon will."""
    labels = ("agent", "operation", "dependency", "mountpoint", "integration", "reason")
    things = ", ".join(f'"{label}"' for label in labels)
    return table(
        "Alerts",
        "Alerts that fire now, or will when their cause lasts (pending). Watchdog is left out: it "
        "always fires. What to do stands in the runbook, linked from every message and from "
        "Prometheus' page of alerts.",
        Query(
            f'label_replace(label_join(ALERTS{{severity!="none"}}, "about", " ", {things}),'
            r' "about", "$1", "about", "\\s*(.*\\S)\\s*")',
            instant=True,
        ),
        Column("alertstate", "State", width=90, texts=STATES),
        Column("severity", "Severity", width=90, texts=SEVERITIES),
        Column("alertname", "Alert"),
        Column("about", "About"),
        Column("job", "Job"),
        none="Nothing fires",
        sort_by="State",
        descending=False,
    )


def agent_cpu() -> Json:
    """Draw the processors that each agent's processes use."""
    return timeseries(
        "CPU by agent",
        "Processor time that the agent's own processes use, the eight that use most; 100 % is one "
        "whole core.",
        "percentunit",
        Query(f"sum by (agent) (rate(process_cpu_seconds_total{{{AGENT}}}[{RATE}]))", "{{agent}}"),
    )


def agent_memory() -> Json:
    """Draw the memory of each agent's processes."""
    return timeseries(
        "Memory by agent",
        "Resident memory of the agent's own processes, the eight that hold most.",
        "bytes",
        Query(f"topk(8, sum by (agent) (process_resident_memory_bytes{{{AGENT}}}))", "{{agent}}"),
    )


def colored(panel: Json, **looks: str | Steps) -> Json:
    """Return the panel with a colour, or with thresholds, for single series by name."""
    for name, look in looks.items():
        steps: Steps = [(None, look)] if isinstance(look, str) else look
        value: dict[str, Any] = {
            "mode": "absolute",
            "steps": [{"value": at, "color": color} for at, color in steps],
        }
        panel["fieldConfig"]["overrides"].append(
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": "thresholds", "value": value}],
            }
        )
    return panel
