"""The names that are known: the catalogue in docs/metrics.md, and what Prometheus adds by itself."""

from __future__ import annotations

import re

from tests.rules.tooling import ROOT

CATALOGUE = ROOT / "docs/metrics.md"
# Prometheus makes these itself while it scrapes and judges.
BY_PROMETHEUS = {
    "up",
    "ALERTS",
    "ALERTS_FOR_STATE",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
}
# Grafana exports it of each data source that was asked; no Grafana runs in these tests.
BY_GRAFANA = {"grafana_datasource_request_total"}
_NAME = re.compile(r"`([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^`]*\})?`")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")


def documented() -> set[str]:
    """Return every name that begins a line of a table in the catalogue."""
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()
    cells = (line.split("|")[1] for line in lines if line.startswith("|"))
    return {name for cell in cells for name in _NAME.findall(cell)}


def is_known(name: str, known: set[str]) -> bool:
    """Return whether `name`, or the histogram that it belongs to, is among `known`."""
    return name in known or _SUFFIX.sub("", name) in known
