"""The kinds of panel that the dashboards are made of, in the JSON that Grafana 10.4 to 13 reads.

Every function takes a title, a description (shown to the person as a tooltip), the queries and a
unit, and returns the panel without its place; `model.py` puts it where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tools.dashboards.jsons import Json
from tools.dashboards.links import to_agent_of_series
from tools.dashboards.palette import NO_STEPS, Steps

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
"""The data source that is chosen above the board."""


@dataclass(frozen=True)
class Query:
    """One PromQL expression and how its series are called (`{{label}}` puts a label in)."""

    expr: str
    legend: str = ""
    instant: bool = False


def timeseries(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Steps = (),
    stacked: bool = False,
    colors: Mapping[str, str] | None = None,
    maximum: float | None = None,
    none: str,
) -> Json:
    """Return lines over time, each with its newest and highest value in the legend.

    Args:
        title: shown above it.
        description: shown as a tooltip.
        unit: Grafana's name of the unit.
        queries: what to draw.
        steps: thresholds, drawn as dashed lines.
        stacked: whether the lines are put on top of each other.
        colors: a colour for single series, by name.
        maximum: the end of the axis; None lets the data decide.
        none: what is shown when there is nothing to draw: what that means.
    """
    custom: Json = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 2,
        "fillOpacity": 35 if stacked else 8,
        "gradientMode": "none" if stacked else "opacity",
        "showPoints": "never",
        "spanNulls": False,
        "axisBorderShow": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    panel = panel_of("timeseries", title, description, unit, queries, steps or NO_STEPS)
    defaults = panel["fieldConfig"]["defaults"]
    by_agent = _are_agents(queries)
    mode = "palette-classic-by-name" if by_agent else "palette-classic"
    defaults.update(custom=custom, color={"mode": mode}, min=0, noValue=none)
    defaults["links"] = _links_of(queries)
    if by_agent:
        # Grafana 10.4 colours by the name of the field, which is "Value" until a label becomes it:
        # only so has an agent the same colour in every panel.
        panel["transformations"] = [
            {"id": "labelsToFields", "options": {"mode": "columns", "valueLabel": "agent"}}
        ]
    if maximum is not None:
        defaults["max"] = maximum
    panel["fieldConfig"]["overrides"] = [
        override(name, color={"mode": "fixed", "fixedColor": color})
        for name, color in (colors or {}).items()
    ]
    panel["options"] = {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
            "sortBy": "Last *",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def stat(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Steps = NO_STEPS,
    texts: Mapping[float, tuple[str, str]] | None = None,
    none: str,
    filled: bool = False,
    graph: bool = False,
    decimals: int | None = None,
    names: bool = False,
    only_names: bool = False,
) -> Json:
    """Return one large figure per series.

    Args:
        title: shown above it.
        description: shown as a tooltip.
        unit: Grafana's name of the unit.
        queries: what to show; only the newest value counts.
        steps: colours by value.
        texts: a word and a colour in place of a value.
        none: what is shown when there is nothing to show.
        filled: whether the colour fills the panel.
        graph: whether the course is drawn behind the figure.
        decimals: digits after the point; None lets Grafana choose.
        names: whether one query yields several series that need their names.
        only_names: whether the names are all that is shown, the values being their colours.
    """
    panel = panel_of("stat", title, description, unit, queries, steps)
    defaults = panel["fieldConfig"]["defaults"]
    defaults.update(color={"mode": "thresholds"}, noValue=none, links=_links_of(queries))
    if decimals is not None:
        defaults["decimals"] = decimals
    if texts:
        options = {
            f"{value:g}": {"text": text, "color": color, "index": index}
            for index, (value, (text, color)) in enumerate(texts.items())
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    mode = "value_and_name" if names or len(queries) > 1 else "value"
    panel["options"] = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": "name" if only_names else mode,
        "colorMode": "background" if filled else "value",
        "graphMode": "area" if graph else "none",
        "justifyMode": "center",
    }
    return panel


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    steps: Steps = NO_STEPS,
    maximum: float | None = None,
    none: str,
    decimals: int | None = None,
) -> Json:
    """Return one horizontal bar per series, for what is compared rather than followed."""
    panel = panel_of("bargauge", title, description, unit, queries, steps)
    defaults = panel["fieldConfig"]["defaults"]
    defaults.update(color={"mode": "thresholds"}, min=0, noValue=none, links=_links_of(queries))
    # Without it Grafana leaves the name of a single bar out.
    defaults["displayName"] = "${__series.name}"
    if decimals is not None:
        defaults["decimals"] = decimals
    if maximum is not None:
        defaults["max"] = maximum
    panel["options"] = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "gradient",
        "valueMode": "color",
        "showUnfilled": True,
        "minVizWidth": 8,
        # Ten bars fit beside their names; above them the names of nine were cut away.
        "minVizHeight": 12,
        "maxVizHeight": 26,
        "sizing": "manual",
        "namePlacement": "left",
        "text": {"valueSize": 15},
    }
    return panel


def panel_of(
    kind: Literal["timeseries", "stat", "bargauge", "table"],
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    steps: Steps,
) -> Json:
    """Return what every kind of panel has: words, queries, unit and thresholds."""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [_target(chr(ord("A") + index), query) for index, query in enumerate(queries)],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "mappings": [],
                "thresholds": {
                    "mode": "absolute",
                    "steps": [{"value": value, "color": color} for value, color in steps],
                },
            },
            "overrides": [],
        },
    }


def _target(name: str, query: Query) -> Json:
    return {
        "refId": name,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "range": not query.instant,
        "instant": query.instant,
    }


def _are_agents(queries: Sequence[Query]) -> bool:
    return all(item.legend == "{{agent}}" for item in queries)


def _links_of(queries: Sequence[Query]) -> list[Json]:
    return [to_agent_of_series()] if _are_agents(queries) else []


def override(name: str, **properties: Any) -> Json:
    """Return properties for the single series or column `name`."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }
