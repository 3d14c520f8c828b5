"""The choices above a board, and the marks on its time axis."""

from __future__ import annotations

from tools.dashboards.jsons import Json
from tools.dashboards.palette import BLUE, PURPLE, RED
from tools.dashboards.panels import DATASOURCE

# Agents that push, and those that are only seen from outside.
_AGENTS = (
    "label_values({__name__=~"
    '"dreamos_agent_state|dreamos_workspace_agent_state|dreamos_processes",agent!=""}, agent)'
)


def variables(one_agent: bool = False) -> list[Json]:
    """Return the choices of every board: data source, job, agent (or a single one), interval."""
    return [data_source(), job(), single_agent() if one_agent else agent(), interval()]


def data_source() -> Json:
    """Return the choice of the Prometheus that is asked."""
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {"selected": True, "text": "Prometheus", "value": "dreamos-prometheus"},
        "regex": "",
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "skipUrlSync": False,
    }


def job() -> Json:
    """Return the choice of jobs, all of them at first."""
    return _several("job", "Job", "label_values(dreamos_agent_state, job)")


def agent() -> Json:
    """Return the choice of agents, all of them at first.

    The value of "all" is `.+`: series without an agent, such as the service's own, are left out.
    """
    return _several("agent", "Agent", _AGENTS)


def single_agent() -> Json:
    """Return the choice of one agent. A link may bring the choice "all", so that is one too."""
    return {**agent(), "multi": False, "current": {}}


def interval() -> Json:
    """Return the choice of how far back "the last ..." looks in figures and tables."""
    values = ["5m", "15m", "1h", "6h", "1d"]
    chosen = "15m"
    return {
        "name": "interval",
        "label": "The last",
        "type": "interval",
        "query": ",".join(values),
        "auto": False,
        "auto_count": 30,
        "auto_min": "10s",
        "current": {"selected": True, "text": chosen, "value": chosen},
        "options": [
            {"selected": value == chosen, "text": value, "value": value} for value in values
        ],
        "refresh": 2,
        "hide": 0,
        "skipUrlSync": False,
    }


def _several(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"{name}s"},
        "refresh": 2,
        "sort": 7,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "regex": "",
        "options": [],
        "skipUrlSync": False,
    }


def marks(one_agent: bool = False) -> list[Json]:
    """Return the marks: alerts that fired, agents and services that started anew."""
    service = "dreamos_service_start_time_seconds"
    started = 'max by (agent) (process_start_time_seconds{job=~"$job", agent=~"$agent"})'
    own = ', agent=~"$agent"' if one_agent else ""
    since = (
        f'max by (alertname, agent, severity) (ALERTS_FOR_STATE{{severity=~"critical|warning"{own}}}'
        ' and ignoring (alertstate) ALERTS{alertstate="firing"})'
    )
    return [
        {
            # A line where the cause began: bands, as long as alerts fire, hide what is below them.
            **_marks("Alerts", _moment(since), RED, one_agent),
            "titleFormat": "{{alertname}} {{agent}}",
            "textFormat": "{{severity}}",
            "useValueForTime": True,
        },
        {
            **_marks("Starts of agents", _moment(started), BLUE, one_agent),
            "titleFormat": "{{agent}} started",
            "useValueForTime": True,
        },
        {
            **_marks("Starts of the service", _moment(f"max by (job) ({service})"), PURPLE, True),
            "titleFormat": "The metrics service started",
            "useValueForTime": True,
        },
    ]


def _moment(seconds: str) -> str:
    """Return the moment, in the milliseconds that Grafana wants; only if it is in the range."""
    return f"(({seconds}) > $__from / 1000) * 1000"


def _marks(name: str, expr: str, color: str, shown: bool) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": shown,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "titleFormat": "",
        "textFormat": "",
        "step": "60s",
        "useValueForTime": False,
    }
