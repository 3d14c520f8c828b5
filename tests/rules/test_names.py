"""No dead rules: whatever a rule names is exported by a part that runs, or listed with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerting.live import alertmanager
from tests.alerting.support import Rendering, everything
from tests.dashboards.catalogue import documented, is_known
from tests.rules import unit
from tests.rules.live import figures, prometheus
from tests.rules.tooling import ROOT, amtool, promtool
from tools.waiting import eventually

NOT_SEEN_HERE = {
    "grafana_datasource_request_total": "Grafana's, and there once it asked for something",
    "dreamos_agent_stalled_after_seconds": "there for agents that name a limit of their own",
}
BY_PROMETHEUS_ITSELF = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
WORDS = set(
    """
    abs absent_over_time and avg_over_time bool bottomk by count deriv histogram_quantile ignoring
    increase label_replace last_over_time max max_over_time min min_over_time offset on or rate sum
    time timestamp unless without group_left group_right
    """.split()  # noqa: SIM905
)
_NOT_NAMES = re.compile(r'"[^"]*"|\[[^\]]*\]|\b(?:by|on|ignoring|without|group_\w+)\s*\([^)]*\)')
_MATCHER = re.compile(r'(\w+)(=~?|!~?=?)"([^"]*)"')


def names(expression: str) -> set[str]:
    """Return the metrics that an expression names."""
    bare = re.sub(r"{[^}]*}", "", _NOT_NAMES.sub("", expression))
    found = set(re.findall(r"(?<![\w.:])[a-zA-Z_:][a-zA-Z0-9_:]*", bare))
    return {name for name in found if name not in WORDS and not re.fullmatch(r"e\d+|[smhd]", name)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give what Prometheus and Alertmanager show of themselves."""
    base = tmp_path_factory.mktemp("names")
    rendering: Rendering = everything(base)
    assert [] == rendering.run()
    lists = {
        "job_name": "x",
        "file_sd_configs": [{"files": ["/generated/prometheus/targets/*.json"]}],
    }
    rules = {"some.yml": (ROOT / "deploy/prometheus/alerts/stack.yml").read_text()}
    with (
        figures() as shown,
        alertmanager(amtool(), rendering) as told,
        prometheus(
            promtool(), base / "p", shown, rules, targets=[lists],
            mounts={rendering.out: "/generated"},
        ) as running,
    ):  # fmt: skip
        eventually(lambda: running.query("prometheus_sd_file_mtime_seconds"), within=120)
        own = running.api("label/__name__/values")
        yield "\n".join(own) + "\n" + told.exposition()


@pytest.mark.parametrize("group", unit.groups(), ids=lambda group: group["name"])
def test_every_metric_that_a_rule_names_is_exported(
    exported: str, group: dict[str, object]
) -> None:
    known = documented() | {rule["record"] for rule in unit.rules() if "record" in rule}
    rules = group["rules"]
    assert isinstance(rules, list)
    named = {name for rule in rules for name in names(rule["expr"])}

    dead = {
        name
        for name in named - BY_PROMETHEUS_ITSELF - set(NOT_SEEN_HERE)
        if not is_known(name, known) and not re.search(rf"^{name}\b", exported, re.MULTILINE)
    }

    assert named
    assert set() == dead


def test_every_label_value_that_a_rule_names_is_in_the_catalogue() -> None:
    text = Path(ROOT / "docs/metrics.md").read_text()
    # Of others: file systems, levels of Python's logging, jobs and files of prometheus.yml.
    elsewhere = {
        "fstype",
        "level",
        "job",
        "filename",
        "__name__",
        "agent",
        "code",
        "le",
        "objective",
    }
    elsewhere |= {"reason", "error_type", "mode", "status", "operation"}
    values = {
        (label, value)
        for rule in unit.rules()
        for label, _operator, text_ in _MATCHER.findall(rule["expr"])
        for value in text_.split("|")
        if label not in elsewhere and value
    }

    assert values
    assert set() == {(a, b) for a, b in values if not re.search(rf"\b{re.escape(b)}\b", text)} - {
        ("state", "active")  # of a silence, Alertmanager's
    }


def test_the_exceptions_are_needed() -> None:
    named = {name for rule in unit.rules() for name in names(rule["expr"])}

    assert set(NOT_SEEN_HERE) <= named
