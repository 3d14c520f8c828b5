"""The greater trouble mutes the lesser one of the same thing, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.alerting.live import Alertmanager, alertmanager
from tests.alerting.support import Rendering
from tests.rules.tooling import amtool
from tools.waiting import eventually

STACK = {"job": "dreamos", "stack": "dreamos"}
ALERTS: list[tuple[bool, dict[str, str]]] = [
    # One agent: critical mutes the warning and the information, whatever they are called.
    (False, {"alertname": "Runaway", "agent": "A", "severity": "critical", **STACK}),
    (True, {"alertname": "HighErrorRate", "agent": "A", "severity": "warning", **STACK}),
    (True, {"alertname": "Chatty", "agent": "A", "severity": "info", **STACK}),
    # Another agent, and an agent of the same name in another job, are other things.
    (False, {"alertname": "HighErrorRate", "agent": "B", "severity": "warning", **STACK}),
    (True, {"alertname": "Chatty", "agent": "B", "severity": "info", **STACK}),
    (False, {"alertname": "HighErrorRate", "agent": "A", "severity": "warning", "job": "other"}),
    # One target.
    (False, {"alertname": "TargetDown", "instance": "x:1", "severity": "critical", **STACK}),
    (True, {"alertname": "SlowScrape", "instance": "x:1", "severity": "warning", **STACK}),
    (False, {"alertname": "SlowScrape", "instance": "y:1", "severity": "warning", **STACK}),
    # What one target sees are several things: a full disk says nothing of a dependency.
    (False, {"alertname": "HostMemoryLow", "instance": "z:1", "severity": "critical", **STACK}),
    (False, {"alertname": "ScrapeSlow", "instance": "z:1", "severity": "warning", **STACK}),
    # One disk, and another one of the same machine.
    (
        False,
        {"alertname": "DiskAlmostFull", "instance": "m", "device": "a", "severity": "critical"},
    ),
    (True, {"alertname": "DiskFillsSoon", "instance": "m", "device": "a", "severity": "warning"}),
    (False, {"alertname": "DiskFillsSoon", "instance": "m", "device": "b", "severity": "warning"}),
    # A certificate that runs out today says nothing of another one.
    (
        False,
        {"alertname": "CertificateExpiring", "dependency": "a", "severity": "critical", **STACK},
    ),
    (True, {"alertname": "CertificateExpiring", "dependency": "a", "severity": "warning", **STACK}),
    (
        False,
        {"alertname": "CertificateExpiring", "dependency": "b", "severity": "warning", **STACK},
    ),
    # An outage over what it causes, where the names say that it does.
    (False, {"alertname": "DependencyDown", "service": "model", "severity": "warning", **STACK}),
    (True, {"alertname": "ApiCallsFailing", "service": "model", "severity": "warning", **STACK}),
    (False, {"alertname": "ApiCallsFailing", "service": "mail", "severity": "warning", **STACK}),
    (True, {"alertname": "AgentHitByOutage", "agent": "D", "severity": "info", **STACK}),
    (True, {"alertname": "HighErrorRate", "agent": "D", "severity": "warning", **STACK}),
    (False, {"alertname": "AgentLost", "agent": "D", "severity": "warning", **STACK}),
    # The same alert at two severities, about something that has neither agent nor instance.
    (False, {"alertname": "Budget", "severity": "critical", **STACK}),
    (True, {"alertname": "Budget", "severity": "warning", **STACK}),
    # Neither names a thing, so nothing says that it is the same one.
    (False, {"alertname": "PushesRejected", "severity": "warning", **STACK}),
    # The same of another stack that tells the same Alertmanager.
    (False, {"alertname": "Budget", "severity": "warning", "job": "dreamos", "stack": "blue"}),
    # Where nothing is stored, the rest of that stack is the past.
    (False, {"alertname": "SamplesNotStored", "severity": "critical", "stack": "green"}),
    (True, {"alertname": "QueueTooOld", "severity": "warning", "stack": "green"}),
    (False, {"alertname": "TargetDown", "severity": "critical", "stack": "green"}),
    # Watchdog is muted by nothing.
    (False, {"alertname": "Watchdog", "severity": "none", **STACK}),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    rendering = Rendering(tmp_path_factory.mktemp("inhibition"), {"ALERT_GROUP_WAIT": "100ms"})
    assert [] == rendering.run()
    with alertmanager(amtool(), rendering) as started:
        alerts: list[dict[str, Any]] = [
            {"labels": {**labels, "id": str(number)}}
            for number, (_muted, labels) in enumerate(ALERTS)
        ]
        started.fire(*alerts)
        # Muting is worked out when a group is about to be told, the first ones after 0.1 s.
        eventually(lambda: sum(started.inhibited().values()) >= sum(muted for muted, _ in ALERTS))
        yield started


@pytest.mark.parametrize(
    ("number", "muted", "labels"),
    [(number, *case) for number, case in enumerate(ALERTS)],
    ids=[f"{case['alertname']}-{number}" for number, (_, case) in enumerate(ALERTS)],
)
def test_muted(running: Alertmanager, number: int, muted: bool, labels: dict[str, str]) -> None:
    assert muted == running.inhibited()[str(number)], labels
