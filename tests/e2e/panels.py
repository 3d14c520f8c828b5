"""The queries behind the panels, with Grafana's variables filled in as Grafana would."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.e2e.stack import ROOT

OVERVIEW = ROOT / "deploy" / "grafana" / "dashboards" / "overview.json"
BUILT_IN = {
    "$__rate_interval": "1m",
    "$__interval": "15s",
    "$__range": "15m",
    "$interval": "15m",
    "${__rate_interval}": "1m",
    "${__interval}": "15s",
    "${__range}": "15m",
}


def dashboard() -> dict[str, Any]:
    """Return the Overview dashboard as it is provisioned."""
    model: dict[str, Any] = json.loads(OVERVIEW.read_text(encoding="utf-8"))
    return model


def overview_expressions() -> list[str]:
    """Return every Prometheus query of the Overview dashboard."""
    return [fill_in(target["expr"]) for target in targets(dashboard()) if "expr" in target]


def targets(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the queries of all panels, also of those inside rows."""
    found = []
    for panel in model["panels"]:
        for inner in (panel, *panel.get("panels", ())):
            found += inner.get("targets", [])
    return found


def fill_in(expression: str) -> str:
    """Put values where Grafana's variables stand; the dashboard's own ones mean "All"."""
    for name, value in BUILT_IN.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$\{\w+(:\w+)?\}|\$\w+", ".*", expression)
