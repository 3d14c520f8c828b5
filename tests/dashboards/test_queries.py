"""Rules and dashboards read only what is exported (Prometheus' own parser names what they read)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.alerting.live import alertmanager
from tests.alerting.support import Rendering
from tests.dashboards.catalogue import BY_GRAFANA, BY_PROMETHEUS, documented, is_known
from tests.dashboards.live import Prometheus, names_in, prometheus, selected
from tests.rules.tooling import DEPLOY, amtool, promtool
from tools.waiting import eventually

BUILT_IN = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$__interval": "15s",
    "$__from": "1700000000000",
    "$interval": "15m",
    "$agent": ".+",
    "$job": ".+",
}


# What Prometheus exports only when it has done it once.
LATE = {
    "prometheus_notifications_errors_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_last_duration_seconds",
    "prometheus_sd_file_mtime_seconds",
    "prometheus_tsdb_head_samples_appended_total",
}


def filled(expr: str) -> str:
    for name, value in BUILT_IN.items():
        expr = expr.replace(name, value)
    return expr


def rule_queries() -> list[tuple[str, str]]:
    return [
        (rule.get("alert") or rule["record"], rule["expr"])
        for path in sorted((DEPLOY / "prometheus").glob("*/*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def panel_queries() -> list[tuple[str, str]]:
    """Return every query of every board, once, with the first place where it stands."""
    places: dict[str, str] = {}
    for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for mark in document["annotations"]["list"]:
            places.setdefault(filled(mark["expr"]), f"{path.stem}: marks: {mark['name']}")
        for panel in document["panels"]:
            for target in panel.get("targets", []):
                places.setdefault(filled(target["expr"]), f"{path.stem}: {panel['title']}")
    return [(place, query) for query, place in places.items()]


QUERIES = rule_queries() + panel_queries()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(promtool(), tmp_path_factory.mktemp("prometheus")) as started:
        yield started


@pytest.fixture(scope="module")
def known(running: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    rendering = Rendering(tmp_path_factory.mktemp("alertmanager"))
    assert rendering.run() == []
    with alertmanager(amtool(), rendering) as started:
        own = names_in(started.exposition())
    eventually(lambda: LATE <= running.own_metrics())
    return documented() | BY_PROMETHEUS | BY_GRAFANA | running.own_metrics() | own


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_metric_that_is_read_is_exported(
    running: Prometheus, known: set[str], where: str, query: str
) -> None:
    read = selected(running.parse(query))

    assert [name for name in sorted(read) if not is_known(name, known)] == []


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_query_can_be_evaluated(running: Prometheus, where: str, query: str) -> None:
    result: Any = running.run(query)

    assert isinstance(result, list)


def test_the_check_notices_a_metric_that_nobody_exports(
    running: Prometheus, known: set[str]
) -> None:
    read = selected(running.parse("sum(rate(nobody_exports_this_total[5m])) / up"))

    assert {"nobody_exports_this_total"} == {name for name in read if not is_known(name, known)}
