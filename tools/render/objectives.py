"""Objectives: from a short entry for each, the rules that judge how fast what may fail is used up.

An objective promises a share of good events over thirty days; the rest, its budget, may fail. Two windows
are looked at together: a long one, so that a moment wakes nobody, and a short one, so that the alert ends
soon after the trouble does. The speeds are those of Google's SRE workbook, chapter 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
FAST = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
"""At 14.4 times the speed of a month's budget, two per cent of it go in one hour; at 6, five in six."""
SLOW = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
"""At 3 times that speed ten per cent go in a day; at 1 the whole of it in the month."""
MOST = 0.8
"""A share that wakes somebody whatever the budget: 14.4 times a budget of 10 % cannot be reached."""
SECONDS = {"1h": 3600, "6h": 21600, "1d": 86400, "3d": 259200}
EXAMPLE = "see deploy/prometheus/objectives.yml for entries that are right"
_KEYS = {
    "name": "a word such as task-success",
    "promise": "a sentence such as 95 % of the tasks end well",
    "target": "a number such as 99.5",
    "all": "an expression such as sum by (job) (rate(my_requests_total[$window]))",
}
_OPTIONAL = {"bad", "good", "at_least", "dashboard"}


class ObjectiveError(Exception):
    """An entry is wrong; the message names file, line, what is wrong, and what is right."""


@dataclass(frozen=True)
class Objective:
    """One promise.

    Attributes:
        name: label `objective` of its alerts.
        promise: the sentence that people read.
        target: the share that should go well, above 0 and below 1.
        bad: expression for the events that failed in a second; `$window` is the time.
        total: the same for all events.
        at_least: so few events in the longer window prove nothing.
        dashboard: uid of the dashboard that its alerts link.
    """

    name: str
    promise: str
    target: float
    bad: str
    total: str
    at_least: float
    dashboard: str


def load(path: Path) -> list[Objective]:
    """Read a file of objectives.

    Raises:
        ObjectiveError: where an entry is wrong.
        OSError: when the file cannot be read.
    """
    loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ObjectiveError(f"{path.name}, line {line}: is not YAML; {EXAMPLE}") from None
    reader = _Reader(path.name, loader)
    found = [reader.objective(node) for node in reader.entries(root)]
    for index, objective in enumerate(found):
        if objective.name in {other.name for other in found[:index]}:
            raise ObjectiveError(f"{path.name}: two objectives are called {objective.name}")
    return found


def groups(objectives: list[Objective]) -> list[dict[str, Any]]:
    """Return the groups of rules for these objectives, as Prometheus wants them."""
    return [
        {"name": f"objective-{one.name}", "rules": [*_records(one), *_alerts(one)]}
        for one in objectives
    ]


class _Reader:
    def __init__(self, name: str, loader: yaml.SafeLoader) -> None:
        self.name, self.loader = name, loader

    def wrong(self, node: yaml.Node | None, text: str) -> ObjectiveError:
        line = node.start_mark.line + 1 if node else 1
        return ObjectiveError(f"{self.name}, line {line}: {text}")

    def entries(self, root: yaml.Node | None) -> list[yaml.Node]:
        pairs = root.value if isinstance(root, yaml.MappingNode) else []
        lists = [value for key, value in pairs if key.value == "objectives"]
        if len(lists) != 1 or not isinstance(lists[0], yaml.SequenceNode):
            raise self.wrong(root, f"holds no list under the key objectives; {EXAMPLE}")
        return list(lists[0].value)

    def objective(self, node: yaml.Node) -> Objective:
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"is no entry with keys and values; {EXAMPLE}")
        nodes = {key.value: value for key, value in node.value}
        values = {key: self.loader.construct_object(value) for key, value in nodes.items()}
        for key in nodes:
            if key not in _KEYS and key not in _OPTIONAL:
                right = ", ".join([*_KEYS, *sorted(_OPTIONAL)])
                raise self.wrong(nodes[key], f"nothing reads {key}; the keys are {right}")
        for key, example in _KEYS.items():
            if key not in nodes:
                raise self.wrong(node, f"{key} is missing; for example {example}")
        if ("bad" in nodes) == ("good" in nodes):
            raise self.wrong(node, "one of bad and good is needed, and not both")
        self._check(nodes, values)
        total = values["all"].strip()
        good = f"{total} - (\n{values['good'].strip()}\n)" if "good" in values else ""
        return Objective(
            values["name"],
            values["promise"],
            float(values["target"]) / 100,
            good or values["bad"].strip(),
            total,
            float(values.get("at_least", 10)),
            values.get("dashboard", "dreamos-overview"),
        )

    def _check(self, nodes: dict[str, yaml.Node], values: dict[str, Any]) -> None:
        name, target = values["name"], values["target"]
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
            raise self.wrong(nodes["name"], f"name: {name!r} is not a word of a to z, 0 to 9 and -")
        if isinstance(target, bool) or not isinstance(target, (int, float)) or not 0 < target < 100:
            said = f"target: {target!r} is not a number above 0 and below 100; for example 99.5"
            raise self.wrong(nodes["target"], said)
        if not isinstance(values["promise"], str) or ": " in values["promise"]:
            said = f"promise: {values['promise']!r} is not a sentence without a colon"
            raise self.wrong(nodes["promise"], said)
        least = values.get("at_least", 10)
        if isinstance(least, bool) or not isinstance(least, (int, float)) or least < 0:
            raise self.wrong(
                nodes["at_least"], f"at_least: {least!r} is not a number; for example 10"
            )
        for key in ("all", "bad", "good"):
            if key in values:
                self._check_expression(nodes[key], key, values[key])

    def _check_expression(self, node: yaml.Node, key: str, text: object) -> None:
        if not isinstance(text, str) or "$window" not in text:
            raise self.wrong(node, f"{key}: no $window in it; for example {_KEYS['all']}")
        if text.count("(") != text.count(")"):
            raise self.wrong(node, f"{key}: not every parenthesis is closed")


def _records(one: Objective) -> list[dict[str, Any]]:
    labels = {"objective": one.name}
    rules = []
    for window in WINDOWS:
        bad = one.bad.replace("$window", window)
        total = one.total.replace("$window", window)
        if window in SECONDS:
            record = f"objective:events:rate{window}"
            rules.append({"record": record, "expr": total, "labels": labels})
        # Without a single failure there may be no series of failures; that is none, not unknown.
        ratio = f"(\n({bad})\nor\n0 * ({total})\n)\n/\n(({total}) > 0)"
        record = f"objective:bad:ratio_rate{window}"
        rules.append({"record": record, "expr": ratio, "labels": labels})
    return rules


def _alerts(one: Objective) -> list[dict[str, Any]]:
    kinds = (
        ("ObjectiveBurningFast", "critical", "2m", "12h", FAST),
        ("ObjectiveBurningSlow", "warning", "15m", "7d", SLOW),
    )
    return [
        {
            "alert": name,
            "expr": "\nor\n".join(_burns(one, *speed) for speed in speeds),
            "for": waits,
            "labels": {"severity": severity, "objective": one.name},
            "annotations": _notes(one, name, window),
        }
        for name, severity, waits, window, speeds in kinds
    ]


def _burns(one: Objective, long: str, short: str, speed: float) -> str:
    label = f'{{objective="{one.name}"}}'
    limit = f"{min(MOST, speed * (1 - one.target)):.6g}"
    return (
        f"(\nobjective:bad:ratio_rate{long}{label} > {limit}\n"
        f"and\nobjective:bad:ratio_rate{short}{label} > {limit}\n"
        f"and\nobjective:events:rate{long}{label} * {SECONDS[long]} > {one.at_least:g}\n)"
    )


def _notes(one: Objective, name: str, window: str) -> dict[str, str]:
    whose = "{{ with $labels.job }} of {{ . }}{{ end }}"
    where = "{{ with $labels.job }} (job {{ . }}){{ end }}"
    budget = f"{100 * (1 - one.target):g} %"
    when = "within days" if name == "ObjectiveBurningFast" else "before the month is over"
    return {
        "summary": f"{one.name}{whose} is not kept, {{{{ $value | humanizePercentage }}}} fail",
        "description": (
            f"The promise is that {one.promise.rstrip('.')}. Now {{{{ $value | humanizePercentage }}}} fail"
            f"{where}, and {budget} may. Going on like this, what may fail in 30 days is used up {when}."
        ),
        "impact": "Those to whom this was promised do not get it.",
        "runbook_url": f"http://127.0.0.1:8000/runbooks/{name}",
        "dashboard_url": f"http://127.0.0.1:3000/d/{one.dashboard}?from=now-{window}&to=now",
    }
