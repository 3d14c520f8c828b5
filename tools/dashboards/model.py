"""A dashboard: rows of panels, laid out on Grafana's grid of 24 columns, with numbers and a uid."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.dashboards.jsons import Json
from tools.dashboards.links import BOARDS, to_board
from tools.dashboards.panels import DATASOURCE
from tools.dashboards.variables import marks, variables

COLUMNS = 24
SCHEMA_VERSION = 39
"""The newest that Grafana 10.4 writes; later versions bring it up to their own when they load it."""


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height in units of 30 pixels, under an optional heading.

    Attributes:
        panels: what stands in the row.
        to: uid of the board that every panel of the row leads to: the next level.
        title: the heading.
        height: in units of 30 pixels.
        widths: the panels' shares of the 24 columns; equal ones unless they are given.
    """

    panels: Sequence[Json]
    to: str
    title: str = ""
    height: int = 9
    widths: Sequence[int] = ()

    def __post_init__(self) -> None:
        if self.to not in BOARDS:
            raise ValueError(f"{self.to} is no board: name one of {', '.join(BOARDS)}")
        if len(self.places) != len(self.panels) or sum(self.places) != COLUMNS:
            raise ValueError(f"widths {self.places} do not fill {COLUMNS} columns panel by panel")

    @property
    def places(self) -> Sequence[int]:
        """Return the widths of the panels."""
        return self.widths or [COLUMNS // len(self.panels)] * len(self.panels)


@dataclass(frozen=True)
class Dashboard:
    """Everything that Grafana needs to know of one dashboard."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    since: str = "now-1h"
    refresh: str = "15s"
    one_agent: bool = False

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
            "annotations": {"list": marks(self.one_agent)},
            "templating": {"list": variables(self.one_agent)},
            "links": [_links()],
            "panels": _placed(self.rows),
        }


def text_of(document: Json) -> str:
    """Return the text that is committed: stable, readable in a diff."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def importable(document: Json) -> Json:
    """Return the dashboard for an import by hand: it asks for the data source.

    Its uid is its own, so that it stands beside the provisioned one, and replaces its older copy.
    """
    text = json.dumps(document).replace(f'"{DATASOURCE["uid"]}"', '"${DS_PROMETHEUS}"')
    copied: Json = json.loads(text.replace("&${datasource:queryparam}", ""))
    choices = copied["templating"]["list"]
    copied["templating"]["list"] = [item for item in choices if item["type"] != "datasource"]
    copied["uid"] = f"{document['uid']}-example"
    copied["title"] = f"{document['title']} (example)"
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


def _placed(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    top = 0
    for row in rows:
        if row.title:
            placed.append(_heading(row.title, top, len(placed) + 1))
            top += 1
        left = 0
        for width, panel in zip(row.places, row.panels, strict=True):
            place: Json = {
                "id": len(placed) + 1,
                "gridPos": {"x": left, "y": top, "w": width, "h": row.height},
                "links": [to_board(row.to)],
            }
            placed.append({**place, **copy.deepcopy(panel)})
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
