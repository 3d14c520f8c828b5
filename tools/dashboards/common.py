"""What every board has: the row at its top, and the hops from an agent to a person."""

from __future__ import annotations

from tools.dashboards.expressions import AGENT, NAME, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.model import Row
from tools.dashboards.palette import (
    ANY_IS_BAD,
    ANY_IS_ODD,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Steps,
    bad_above,
)
from tools.dashboards.panels import Query, override, stat

# After a start the service asks once for the text of a compact push; that is no refusal.
REFUSED = 'reason!~"unknown_list|stopping"'
LOST_AFTER = 300
"""Seconds without a push after which the service calls an agent lost (METRICS_AGENT_TIMEOUT)."""
SILENT: Steps = bad_above(LOST_AFTER)
JUDGED = 'alertstate="firing", severity=~"critical|warning"'
HANGING = 'alertname=~"AgentStalled|AgentHangs|AgentNoProgress"'
"""Alerts of an agent that pushes and does not get on."""


def hanging(by: str = "job, agent") -> str:
    """Return 1 for each agent that hangs: an operation is overdue, or an alert says so."""
    overdue = f"sum by ({by}) (dreamos_agent_operations_overdue{{{AGENT}}}) > 0"
    alerts = f"max by ({by}) (ALERTS{{{HANGING}, {AGENT}}})"
    return f"({alerts} or ({overdue}) ^ 0)"


def top(uid: str) -> Row:
    """Return the row at the top of the board `uid`: is it fine, and who is not."""
    to = "dreamos-alerts" if uid != "dreamos-alerts" else "dreamos-overview"
    return Row(
        [health(), alerts(), agents(), not_fine(), arriving()],
        to=to,
        height=4,
        widths=[4, 4, 6, 6, 4],
    )


def health() -> Json:
    """Show the worst that fires: the system's health in one word."""
    firing = 'ALERTS{alertstate="firing",severity="%s"}'
    return stat(
        "Is it fine?",
        "The worst alert that fires now, over agents, service, Prometheus, Alertmanager, Grafana "
        "and host. Warning or Critical is bad: the list of alerts says what it is.",
        "none",
        Query(f"max({firing % 'critical'} * 2 or {firing % 'warning'} or vector(0))"),
        texts={0: ("Healthy", GREEN), 1: ("Warning", ORANGE), 2: ("Critical", RED)},
        none="Prometheus gives no answer",
        filled=True,
    )


def alerts() -> Json:
    """Show how many alerts fire, by severity."""
    panel = stat(
        "Alerts that fire",
        "How many alerts of each severity fire now. Any is bad; the board Alerts lists them with "
        "how long they have fired.",
        "locale",
        *(
            Query(or_zero(f'count(ALERTS{{alertstate="firing", severity="{name.lower()}"}})'), name)
            for name in ("Critical", "Warning")
        ),
        none="Prometheus gives no answer",
        decimals=0,
    )
    return colored(panel, Critical=ANY_IS_BAD, Warning=ANY_IS_ODD)


def agents() -> Json:
    """Show how many agents run, hang, were lost and ended cleanly."""
    state = 'sum(dreamos_agent_state{%s, state="%s"})'
    panel = stat(
        "Agents",
        "Running: pushes arrive. Hanging: those of them that do not get on. Lost: fell silent "
        "without a word: killed, or cannot reach the service. Ended: said goodbye. Hanging and "
        "lost are bad; the board Agents lists them first.",
        "locale",
        Query(or_zero(state % (AGENT, "running")), "Running"),
        Query(or_zero(f"count({hanging()})"), "Hanging"),
        Query(or_zero(state % (AGENT, "lost")), "Lost"),
        Query(or_zero(state % (AGENT, "ended")), "Ended"),
        none="Prometheus gives no answer",
        decimals=0,
    )
    bad: Steps = ((None, GREY), (1, RED))
    return colored(panel, Running=[(None, GREEN)], Hanging=bad, Lost=bad, Ended=[(None, GREY)])


def not_fine() -> Json:
    """Name the agents of which an alert fires."""
    worst = (
        f'max by (agent) (ALERTS{{{JUDGED}, severity="critical", {NAME}}}) * 2'
        f" or max by (agent) (ALERTS{{{JUDGED}, {NAME}}})"
    )
    # A name must be there for the panel to be green: an empty one would show its last colour.
    nobody = 'label_replace(vector(0), "agent", "Nobody: no agent has an alert", "", "")'
    return stat(
        "Who is not",
        "The agents of which an alert fires now, nine at most, those with a critical one first. A "
        "click on a name shows everything about that agent.",
        "none",
        Query(f"sort_desc(topk(9, {worst})) or on () {nobody}", "{{agent}}", instant=True),
        steps=[(None, GREEN), (1, ORANGE), (2, RED)],
        none="Prometheus gives no answer",
        filled=True,
        only_names=True,
    )


def arriving() -> Json:
    """Show the age of the newest push: whether what the board says is of now."""
    return stat(
        "Newest figures",
        "Age of the newest push of any agent. Agents push every 5 seconds; when all are silent, "
        "the network, the token or the service is the cause: see the board Health.",
        "s",
        Query("time() - max(dreamos_agent_last_push_timestamp_seconds)"),
        steps=SILENT,
        none="No agent has pushed yet",
        decimals=0,
    )


def hops() -> list[Json]:
    """Return one small panel per hop, so that the broken one is seen at once."""
    return [accepted(), scraped(), judged(), delivered()]


def accepted() -> Json:
    """Show refused pushes: what arrives at the service and is not taken."""
    return stat(
        "Refused by the service",
        "Pushes that the service refused in the last 5 minutes: wrong token, wrong format, too "
        "large. Any is bad; the alert PushesRejected and its runbook tell the reasons apart.",
        "locale",
        Query(or_zero(f"sum(increase(dreamos_ingest_rejected_total{{{REFUSED}}}[5m]))")),
        steps=ANY_IS_ODD,
        texts={0: ("none", GREEN)},
        none="Prometheus gives no answer",
        decimals=0,
    )


def scraped() -> Json:
    """Show whether Prometheus reads the service."""
    return stat(
        "Service → Prometheus",
        "Whether Prometheus could read the service at its last attempt. When not, nothing on these "
        "boards is of now: see the log of the service.",
        "none",
        Query('min(up{job="dreamos-metrics"})'),
        texts={0: ("cannot be read", RED), 1: ("reads", GREEN)},
        none="The service is no target of Prometheus",
    )


def judged() -> Json:
    """Show whether Prometheus can hand its alerts to Alertmanager."""
    return stat(
        "Prometheus → Alertmanager",
        "Whether Prometheus knows an Alertmanager and could hand over its alerts in the last 5 "
        "minutes. When it is broken, nobody is told of anything.",
        "none",
        Query(
            'min(up{job="alertmanager"}) * (sum(prometheus_notifications_alertmanagers_discovered)'
            " > bool 0) * (sum(increase(prometheus_notifications_errors_total[5m])) < bool 1)"
        ),
        texts={0: ("broken", RED), 1: ("hands over", GREEN)},
        none="Alertmanager is no target of Prometheus",
    )


def delivered() -> Json:
    """Show messages that Alertmanager could not deliver."""
    return stat(
        "Messages that failed",
        "Messages to people that Alertmanager could not deliver in the last 15 minutes, over all "
        "receivers. Any is bad; the board Alerts shows which receiver.",
        "locale",
        Query(or_zero("sum(increase(alertmanager_notifications_failed_total[15m]))")),
        steps=ANY_IS_BAD,
        texts={0: ("none", GREEN)},
        none="Prometheus gives no answer",
        decimals=0,
    )


def colored(panel: Json, **looks: Steps) -> Json:
    """Return the panel with thresholds of their own for single series, by name."""
    panel["fieldConfig"]["overrides"] += [
        override(
            name,
            thresholds={
                "mode": "absolute",
                "steps": [{"value": at, "color": color} for at, color in steps],
            },
        )
        for name, steps in looks.items()
    ]
    return panel
