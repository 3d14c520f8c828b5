"""`docs/metrics.md` lists what the library exports, as it exports it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "metrics.md"
ROW = re.compile(r"(?m)^\| `(\w+)` \| (\w+)(?: \((\w+)\))? \|([^|]*)\|([^|]*)\| [^|]+ \|$")

EVERYTHING = """
import importlib, json, pkgutil
import dreamos_metrics as metrics
for module in pkgutil.walk_packages(metrics.__path__, "dreamos_metrics."):
    importlib.import_module(module.name)
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.agents import activate
activate("Agent-1", stalled_after=600).health(1)
logs, bridge = metrics.LogMetrics(), metrics.BridgeMetrics()
logs.record_log("INFO", "discord"); logs.record_error("x"); logs.record_rotation()
logs.record_metric("latency", 1)
bridge.record_request("a", "b"); bridge.record_success("a", "b", 1); bridge.record_error("a", "b", "")
suffix = {"counter": "_total", "info": "_info"}
print(json.dumps({
    family.name + suffix.get(family.kind, ""): [family.kind, family.aggregate, family.labelnames]
    for family in REGISTRY.families.values()
}))
"""


def declared() -> dict[str, tuple[str, str, list[str]]]:
    """Return type, aggregation and labels of all that a fresh process declares."""
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return {
        name: (kind, how, labels) for name, (kind, how, labels) in json.loads(done.stdout).items()
    }


def rows() -> dict[str, tuple[str, str, list[str]]]:
    text = PAGE.read_text(encoding="utf-8")
    section = text.split("## Pushed by the library")[1].split("\n## ")[0]
    return {
        name: (kind, how, [label.strip() for label in labels.split(",") if label.strip()])
        for name, kind, how, _, labels in ROW.findall(section)
        if not name.startswith("process_")  # prometheus_client's, not ours
    }


OURS = declared()
ROWS = rows()


def test_every_metric_of_the_library_is_in_the_catalogue() -> None:
    assert [] == sorted(set(OURS) - set(ROWS))


def test_every_row_is_a_metric_of_the_library() -> None:
    assert [] == sorted(set(ROWS) - set(OURS))


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_row_tells_type_aggregation_and_labels(name: str) -> None:
    kind, how, labels = ROWS[name]
    ours = OURS[name]
    assert (kind, how or ("sum" if kind == "gauge" else "")) == ours[:2]
    if kind != "info":
        assert labels == ours[2]
