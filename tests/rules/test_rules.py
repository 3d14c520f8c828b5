"""Prometheus accepts its configuration, and the rules do what they promise (promtool's own tests)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.tooling import DEPLOY, ROOT, Tool, promtool

RULE_TESTS = sorted(Path(__file__).parent.glob("*.yml"))
RUNBOOKS = ROOT / "docs/runbooks"


def rules() -> list[dict[str, Any]]:
    found = []
    for path in sorted((DEPLOY / "prometheus").glob("*/*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            found += group["rules"]
    return found


ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})


@pytest.fixture(scope="module")
def tool() -> Tool:
    return promtool()


def test_configuration_is_valid_as_it_stands(tool: Tool, tmp_path: Path) -> None:
    for kind in ("read", "observer"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "token").write_text("a token\n")
    mounts = {DEPLOY / "prometheus": "/etc/prometheus", tmp_path: "/run/secrets"}

    answer = tool.run("check", "config", "/etc/prometheus/prometheus.yml", mounts=mounts)

    assert 0 == answer.code, answer.text


def test_the_service_is_never_scraped_in_the_form_that_keeps_prometheus_busy() -> None:
    text = (DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8")
    [job] = [
        job
        for job in yaml.safe_load(text)["scrape_configs"]
        if job["job_name"] == "dreamos-metrics"
    ]

    # docs/decisions/0020-scrape-in-protocol-buffers.md
    assert ["PrometheusProto", "PrometheusText0.0.4"] == job["scrape_protocols"]


def test_every_rule_file_passes_prometheus_own_lint(tool: Tool) -> None:
    files = [
        f"/etc/prometheus/{path.parent.name}/{path.name}"
        for path in (DEPLOY / "prometheus").glob("*/*.yml")
    ]

    answer = tool.run(
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        *files,
        mounts={DEPLOY / "prometheus": "/etc/prometheus"},
    )

    assert 0 == answer.code, answer.text


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_rules_keep_their_promises(tool: Tool, path: Path) -> None:
    answer = tool.run(
        "test",
        "rules",
        f"/tests/{path.name}",
        mounts={DEPLOY / "prometheus": "/etc/prometheus", path.parent: "/tests"},
    )

    assert 0 == answer.code, answer.text


def test_the_seeds_alerts_are_exactly_the_seeds() -> None:
    seeds = {
        "HighErrorRate": ("error_rate > 0.1", "5m", {"severity": "warning"}),
        "HighFileErrorRate": ("file_error_rate > 0.05", "5m", {"severity": "warning"}),
    }

    assert seeds == {
        rule["alert"]: (rule["expr"], rule["for"], rule["labels"])
        for rule in ALERTS
        if rule["alert"] in seeds
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_seen_firing_and_seen_silent(name: str) -> None:
    seen = [
        bool(case["exp_alerts"])
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for case in test.get("alert_rule_test", [])
        if name == case["alertname"]
    ]

    assert True in seen
    # Watchdog is the one that is never silent.
    assert name == "Watchdog" or False in seen


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_why_and_what_to_do(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]

    assert {"summary", "description", "runbook_url", "dashboard_url"} == set(notes)
    assert f"http://127.0.0.1:8000/runbooks/{rule['alert']}" == notes["runbook_url"]
    assert notes["dashboard_url"].startswith("http://127.0.0.1:3000/d/dreamos-")
    assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}


def test_no_text_turns_into_a_field_where_alertmanager_reads_it_as_yaml() -> None:
    texts = [
        text
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for case in test.get("alert_rule_test", [])
        for alert in case["exp_alerts"]
        for text in alert["exp_annotations"].values()
    ]

    assert len(texts) >= 4 * len(NAMES)
    assert texts == [yaml.safe_load(text) for text in texts]


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_runbook_with_the_four_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")

    assert text.startswith(f"# {name}\n")
    parts = [line for line in text.splitlines() if line.startswith("## ")]
    assert ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"] == parts


def test_the_page_about_alerts_lists_each_with_its_runbook() -> None:
    text = (ROOT / "docs/alerting.md").read_text(encoding="utf-8")

    assert [name for name in NAMES if f"[{name}](runbooks/{name}.md)" not in text] == []


def test_every_runbook_belongs_to_an_alert() -> None:
    assert NAMES == sorted(path.stem for path in RUNBOOKS.glob("*.md"))


def test_every_rule_group_is_limited_and_every_rule_has_its_own_name() -> None:
    records = [rule["record"] for rule in rules() if "record" in rule]
    groups = [
        group
        for path in sorted((DEPLOY / "prometheus").glob("*/*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]

    assert len(set(records)) == len(records)
    assert all(group["limit"] > 0 for group in groups)
