"""The unit tests of the rules, in the form of `promtool test rules` with what goes without saying filled in.

An expected alert names its labels, summary and description. Its impact, runbook and dashboard follow from
the rule, so they are taken from there, and what they hold is checked for all rules at once. A series with
`{1..40}` in it stands for forty.
"""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import yaml

from tests.rules.tooling import DEPLOY
from tools.render import objectives

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.yml"))
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_LABEL = re.compile(r"{{ \$labels\.(\w+) \| urlquery }}")


@cache
def groups() -> tuple[dict[str, Any], ...]:
    """Return every group of rules of the project."""
    found = []
    for path in sorted((DEPLOY / "prometheus").glob("[ar]*/*.yml")):
        found += yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return (*found, *promised())


def promised() -> list[dict[str, Any]]:
    """Return the groups that are made of the objectives."""
    return objectives.groups(objectives.load(DEPLOY / "prometheus/objectives.yml"))


def rules() -> list[dict[str, Any]]:
    """Return every rule of the project."""
    return [rule for group in groups() for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Return every alert of the project; a name comes twice where an alert has two severities."""
    return [rule for rule in rules() if "alert" in rule]


def tests() -> Iterator[dict[str, Any]]:
    """Yield every unit test."""
    for path in FILES:
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]


def cases() -> Iterator[dict[str, Any]]:
    """Yield every question of a unit test for an alert."""
    for test in tests():
        yield from test.get("alert_rule_test", [])


def completed(path: Path) -> str:
    """Return a file of unit tests as promtool wants it."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for test in document["tests"]:
        test["input_series"] = [one for series in test["input_series"] for one in _each(series)]
        for case in test.get("alert_rule_test", []):
            case["exp_alerts"] = [_completed(case["alertname"], one) for one in case["exp_alerts"]]
    return yaml.safe_dump(document, width=4096, allow_unicode=True, sort_keys=False)


def _fixed(rule: dict[str, Any], labels: dict[str, str]) -> ItemsView[str, str]:
    # A label of a rule that is a template says nothing about which rule it is.
    templates = {key: text for key, text in rule["labels"].items() if "{{" in text}
    return {**labels, **templates}.items()


def _each(series: dict[str, str]) -> list[dict[str, str]]:
    found = _RANGE.search(series["series"])
    if not found:
        return [series]
    return [
        {key: text.replace(found[0], str(number)) for key, text in series.items()}
        for number in range(int(found[1]), int(found[2]) + 1)
    ]


def _completed(name: str, expected: dict[str, Any]) -> dict[str, Any]:
    labels = expected["exp_labels"]
    [rule] = [
        rule
        for rule in alerts()
        if rule["alert"] == name and rule["labels"].items() <= _fixed(rule, labels)
    ]
    own = {
        key: _LABEL.sub(lambda found: quote_plus(labels.get(found[1], "")), text)
        for key, text in rule["annotations"].items()
    }
    notes = {key: own[key] for key in ("impact", "runbook_url", "dashboard_url")}
    return {**expected, "exp_annotations": {**notes, **expected["exp_annotations"]}}
