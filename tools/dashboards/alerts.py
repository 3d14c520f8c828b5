"""The Alerts board: what fires, what fired, how soon it ended, whether people were told."""

from __future__ import annotations

from tools.dashboards import common
from tools.dashboards.expressions import RATE, or_zero
from tools.dashboards.jsons import Json
from tools.dashboards.model import Dashboard, Row
from tools.dashboards.palette import ANY_IS_BAD, BLUE, GREEN, NEUTRAL, ORANGE, RED, YELLOW
from tools.dashboards.panels import Query, bars, stat, timeseries
from tools.dashboards.tables import Column, table

ABOUT = ("operation", "task", "dependency", "device", "integration", "reason", "queue", "service")
TOLD = 'severity!="none"'
RANKS = {
    "6": ("critical", RED),
    "5": ("warning", ORANGE),
    "4": ("info", BLUE),
    "3": ("soon critical", YELLOW),
    "2": ("soon warning", YELLOW),
    "1": ("soon info", YELLOW),
}


def dashboard() -> Dashboard:
    """Return the Alerts dashboard."""
    return Dashboard(
        uid="dreamos-alerts",
        title="Dream.OS Alerts",
        description="Alerts now and before, how soon they end, and whether people were told.",
        since="now-6h",
        rows=[
            common.top("dreamos-alerts"),
            Row([firing()], to="dreamos-agents", title="Now", height=12),
            Row([history(), longest()], to="dreamos-agents", title="In this time range"),
            Row([time_to_resolve(), ended(), silences()], to="dreamos-stack", height=5),
            Row([sent(), failures(), delays()], to="dreamos-stack", title="Delivery"),
            Row([burnt(), good()], to="dreamos-performance", title="Error budgets"),
        ],
    )


def firing(labels: str = TOLD) -> Json:
    """List the alerts that fire now, and those that soon will, the worst first."""
    things = ", ".join(f'"{label}"' for label in ABOUT)
    rank = " or ".join(
        f'(ALERTS{{{labels}, alertstate="{state}", severity="{severity}"}} * {number})'
        for number, state, severity in (
            (6, "firing", "critical"),
            (5, "firing", "warning"),
            (4, "firing", "info"),
            (3, "pending", "critical"),
            (2, "pending", "warning"),
            (1, "pending", "info"),
        )
    )
    since = f"(time() - ALERTS_FOR_STATE) * ignoring (alertstate) group_right () ALERTS{{{labels}}}"

    def about(expr: str) -> str:
        return (
            "max by (alertname, alertstate, agent, job, about) (label_replace("
            f'label_join({expr}, "about", " ", {things}),'
            r' "about", "$1", "about", "\\s*(.*\\S)\\s*"))'
        )

    return table(
        "Alerts, the worst first",
        "What fires now, and (soon) what will when its cause lasts. Since: how long ago its cause "
        "began. Watchdog is left out: it always fires. What to do stands in the runbook, linked "
        "from every message and from Prometheus' page of alerts.",
        [Query(about(rank)), Query(about(since))],
        Column("Value #A", "How bad", width=105, unit="none", texts=RANKS),
        Column("alertname", "Alert", width=190),
        Column("agent", "Agent"),
        Column("about", "About"),
        Column("Value #B", "Since", unit="s", decimals=0, width=90),
        Column("job", "Job"),
        none="Nothing fires, and nothing is about to",
        sort_by="How bad",
    )


def history() -> Json:
    """Draw how many alerts fire, by name."""
    return timeseries(
        "Alerts that fired",
        "How many alerts of each name fired at each moment. A line that comes and goes is a "
        "limit too close to what is usual, or a fault that nobody has mended.",
        "locale",
        Query(f'count by (alertname) (ALERTS{{alertstate="firing", {TOLD}}})', "{{alertname}}"),
        stacked=True,
        none="Nothing fired in this time range",
    )


def longest() -> Json:
    """Compare for how long alerts fired."""
    step = "1m"
    firing_minutes = f'count_over_time(ALERTS{{alertstate="firing", {TOLD}}}[$__range:{step}])'
    return bars(
        "Time spent firing",
        "For how long each alert fired in the time range, summed over what it fired about; the ten "
        "that fired longest. What is at the top is worth mending first.",
        "s",
        Query(
            f"sort_desc(topk(10, 60 * sum by (alertname) ({firing_minutes})))",
            "{{alertname}}",
            instant=True,
        ),
        steps=((None, ORANGE),),
        none="Nothing fired in this time range",
    )


def time_to_resolve() -> Json:
    """Show how long an alert lasted on average."""
    minutes = f'sum(count_over_time(ALERTS{{alertstate="firing", {TOLD}}}[$__range:1m]))'
    return stat(
        "Mean time to resolve",
        "Time spent firing, divided by the alerts that fired, over the time range; an alert that "
        "came again counts once. Hours mean that nobody looked, or nobody was told.",
        "s",
        Query(f"60 * {minutes} / count({_fired('$__range:1m')})", instant=True),
        steps=NEUTRAL,
        none="Nothing fired in this time range",
        decimals=1,
    )


def ended() -> Json:
    """Show how many alerts fired, and how many of those still do."""
    return stat(
        "Fired, still firing",
        "Alerts that fired in the time range, and those of them that still do.",
        "locale",
        Query(or_zero(f"count({_fired('$__range:1m')})"), "Fired", instant=True),
        Query(or_zero(f'count(ALERTS{{alertstate="firing", {TOLD}}})'), "Still firing"),
        steps=NEUTRAL,
        none="Prometheus gives no answer",
        decimals=0,
    )


def _fired(window: str) -> str:
    return f'count_over_time(ALERTS{{alertstate="firing", {TOLD}}}[{window}])'


def silences() -> Json:
    """Show how many silences hold messages back."""
    return stat(
        "Silences in force",
        "Silences that hold messages back now. One that nobody remembers hides the next fault: see "
        "Alertmanager's page of silences.",
        "locale",
        Query('sum(alertmanager_silences{state="active"})'),
        steps=((None, GREEN), (1, ORANGE)),
        none="Alertmanager is not read by Prometheus",
        decimals=0,
    )


def sent() -> Json:
    """Draw messages by receiver."""
    return timeseries(
        "Messages per hour, by way",
        "Messages that Alertmanager sent in the hour before each moment, by the way it sent them. "
        "None while something fires means that nobody is told.",
        "locale",
        Query(
            "round(sum by (integration) (increase(alertmanager_notifications_total[1h]))) > 0",
            "{{integration}}",
        ),
        none="No message was sent in this time range",
    )


def failures() -> Json:
    """Draw messages that failed, by receiver."""
    return timeseries(
        "Messages that failed per hour, by way",
        "Messages that could not be delivered in the hour before each moment. Any is bad: a wrong "
        "password, a server that is down; the log of Alertmanager has its words.",
        "locale",
        Query(
            "round(sum by (integration) (increase(alertmanager_notifications_failed_total[1h]))) > 0",
            "{{integration}}",
        ),
        steps=ANY_IS_BAD,
        none="No message failed in this time range",
    )


def delays() -> Json:
    """Draw how long deliveries take."""
    name = "alertmanager_notification_latency_seconds"
    total = f"sum by (integration) (rate({name}_sum[{RATE}]))"
    count = f"sum by (integration) (rate({name}_count[{RATE}])) > 0"
    return timeseries(
        "How long a delivery takes",
        "Mean time of a delivery, by way. Many seconds mean a slow server or a bad network.",
        "s",
        Query(f"{total} / ({count})", "{{integration}}"),
        none="No message was sent in this time range",
    )


def burnt() -> Json:
    """Draw which share of the work went wrong, by objective."""
    return timeseries(
        "Share that went wrong, by objective",
        "Share of what each objective counts that went wrong in the hour before each moment, the "
        "worst job's. Above the objective's budget the alerts ObjectiveBurning fire.",
        "percentunit",
        Query("max by (objective) (objective:bad:ratio_rate1h)", "{{objective}}"),
        none="No objective has counted anything yet",
    )


def good() -> Json:
    """Compare which share of the work of the last three days went well."""
    return bars(
        "What went well, last 3 days",
        "Share of what each objective counts that went well over three days, the worst job's. The "
        "promises stand in deploy/prometheus/objectives.yml.",
        "percentunit",
        Query(
            "sort(1 - max by (objective) (objective:bad:ratio_rate3d))",
            "{{objective}}",
            instant=True,
        ),
        steps=((None, RED), (0.9, ORANGE), (0.95, GREEN)),
        maximum=1,
        none="No objective has counted anything yet",
    )
