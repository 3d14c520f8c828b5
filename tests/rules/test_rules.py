"""Prometheus accepts its configuration, and the rules do what they promise (promtool's own tests)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules import unit
from tests.rules.tooling import DEPLOY, ROOT, Tool, promtool

RUNBOOKS = ROOT / "docs/runbooks"
ALERTS = unit.alerts()
NAMES = sorted({rule["alert"] for rule in ALERTS})
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "How to see that it is over"]


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


def test_every_rule_file_passes_prometheus_own_lint(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "made.yml").write_text(yaml.safe_dump({"groups": unit.promised()}))
    files = ["/tests/made.yml"] + [
        f"/etc/prometheus/{path.parent.name}/{path.name}"
        for path in (DEPLOY / "prometheus").glob("[ar]*/*.yml")
    ]

    answer = tool.run(
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        *files,
        mounts={DEPLOY / "prometheus": "/etc/prometheus", tmp_path: "/tests"},
    )

    assert 0 == answer.code, answer.text


@pytest.mark.parametrize("path", unit.FILES, ids=lambda path: path.stem)
def test_rules_keep_their_promises(tool: Tool, path: Path, tmp_path: Path) -> None:
    (tmp_path / path.name).write_text(unit.completed(path), encoding="utf-8")
    made = yaml.safe_dump({"groups": unit.promised()}, sort_keys=False)
    (tmp_path / "made.yml").write_text(made, encoding="utf-8")

    answer = tool.run(
        "test",
        "rules",
        f"/tests/{path.name}",
        mounts={DEPLOY / "prometheus": "/etc/prometheus", tmp_path: "/tests"},
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
    seen = {bool(case["exp_alerts"]) for case in unit.cases() if name == case["alertname"]}

    assert {True, False} == seen


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_why_and_what_to_do(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]

    assert ["summary", "description", "impact", "runbook_url", "dashboard_url"] == list(notes)
    assert f"http://127.0.0.1:8000/runbooks/{rule['alert']}" == notes["runbook_url"]
    assert re.fullmatch(
        r"http://127\.0\.0\.1:3000/d/dreamos-[a-z]+\?(var-\w+={{ \$labels\.\w+ \| urlquery }}&)*"
        r"from=now-\d+[hd]&to=now",
        notes["dashboard_url"],
    )
    assert "{{" not in notes["impact"]
    assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}


def test_no_text_turns_into_a_field_where_alertmanager_reads_it_as_yaml() -> None:
    texts = [
        text
        for case in unit.cases()
        for alert in case["exp_alerts"]
        for text in alert["exp_annotations"].values()
    ] + [rule["annotations"]["impact"] for rule in ALERTS]

    assert len(texts) >= 3 * len(NAMES)
    assert texts == [yaml.safe_load(text) for text in texts]


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_runbook_with_the_five_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")

    assert text.startswith(f"# {name}\n")
    assert PARTS == [line[3:] for line in text.splitlines() if line.startswith("## ")]


def test_the_page_about_alerts_lists_each_with_its_runbook() -> None:
    text = (ROOT / "docs/alerting.md").read_text(encoding="utf-8")

    assert [name for name in NAMES if f"[{name}](runbooks/{name}.md)" not in text] == []


def test_every_runbook_belongs_to_an_alert() -> None:
    assert NAMES == sorted(path.stem for path in RUNBOOKS.glob("*.md"))


def test_every_rule_has_its_own_name_and_says_level_metric_and_operation() -> None:
    records = [rule["record"] for rule in unit.rules() if "record" in rule]
    of_the_seed = {"error_rate", "file_error_rate"}

    own = [name for name in records if not name.startswith("objective:")]
    assert len(set(own)) == len(own)
    assert [] == [
        name
        for name in records
        if name not in of_the_seed and not re.fullmatch(r"[a-z_]+:\w+:\w+", name)
    ]


def test_no_rule_fails_because_too_much_is_wrong_at_once() -> None:
    # Over its limit a group gives nothing at all, also of what it found.
    assert [] == [group["name"] for group in unit.groups() if "limit" in group]
