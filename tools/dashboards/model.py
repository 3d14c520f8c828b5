"""A dashboard: rows of panels, laid out on Grafana's grid of 24 columns, with numbers and a uid."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.dashboards.panels import DATASOURCE, Json

COLUMNS = 24
SCHEMA_VERSION = 39
"""The newest that Grafana 10.4 writes; later versions bring it up to their own when they load it."""


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height in units of 30 pixels, under an optional heading.

    `widths` are the panels' shares of the 24 columns.
    """

    height: int
    widths: Sequence[int]
    panels: Sequence[Json]
    title: str = ""

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.panels) or sum(self.widths) != COLUMNS:
            raise ValueError(f"widths {self.widths} do not fill {COLUMNS} columns panel by panel")


@dataclass(frozen=True)
class Dashboard:
    """Everything that Grafana needs to know of one dashboard."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    since: str = "now-1h"
    refresh: str = "15s"
    variables: Sequence[Json] = field(default_factory=tuple)

    @property
    def file_name(self) -> str:
        """Return the name of the JSON file: the uid without its prefix."""
        return self.uid.removeprefix("dreamos-") + ".json"

    def document(self) -> Json:
        """Return the dashboard as Grafana's JSON model."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["dreamos"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": self.refresh,
            "time": {"from": self.since, "to": "now"},
            "timepicker": {},
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "weekStart": "",
            "annotations": {"list": [_alerts_as_annotations()]},
            "templating": {"list": list(self.variables)},
            "links": [_links()],
            "panels": _placed(self.rows),
        }


def text_of(document: Json) -> str:
    """Return the text that is committed: stable, readable in a diff."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def importable(document: Json) -> Json:
    """Return the dashboard for an import by hand: it asks for the data source, and has no uid.

    Without a uid it can stand beside the provisioned one.
    """
    text = json.dumps(document).replace(f'"{DATASOURCE["uid"]}"', '"${DS_PROMETHEUS}"')
    copied: Json = json.loads(text)
    copied.pop("uid")
    asked = {
        "name": "DS_PROMETHEUS",
        "label": "Prometheus",
        "description": "The Prometheus that scrapes the Dream.OS metrics service",
        "type": "datasource",
        "pluginId": "prometheus",
        "pluginName": "Prometheus",
    }
    kinds = sorted({panel["type"] for panel in copied["panels"]} - {"row"})
    needs = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.4.0"},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *({"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds),
    ]
    return {"__inputs": [asked], "__requires": needs, "id": None, **copied}


def agent_variable() -> Json:
    """Return the choice of agents above the dashboard; the default is all of them.

    The value of "all" is `.+`: series without an agent, such as the service's own, are left out.
    """
    query = "label_values(dreamos_agent_state, agent)"
    return {
        "name": "agent",
        "label": "Agent",
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": "agents"},
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


def _placed(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    top = 0
    for row in rows:
        if row.title:
            placed.append(_heading(row.title, top, len(placed) + 1))
            top += 1
        left = 0
        for width, panel in zip(row.widths, row.panels, strict=True):
            grid = {"x": left, "y": top, "w": width, "h": row.height}
            placed.append({"id": len(placed) + 1, "gridPos": grid, **copy.deepcopy(panel)})
            left += width
        top += row.height
    return placed


def _heading(title: str, top: int, number: int) -> Json:
    grid = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "gridPos": grid,
        "collapsed": False,
        "panels": [],
    }


def _alerts_as_annotations() -> Json:
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        # Off until it is asked for: bands over every panel hide more than they tell.
        "enable": False,
        "hide": False,
        "iconColor": "red",
        "expr": (
            "max by (alertname, severity) "
            '(ALERTS{alertstate="firing",severity=~"critical|warning"})'
        ),
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}}",
        "step": "60s",
        "useValueForTime": False,
    }


def _links() -> Json:
    link: dict[str, Any] = {
        "title": "Dream.OS",
        "type": "dashboards",
        "tags": ["dreamos"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return link
