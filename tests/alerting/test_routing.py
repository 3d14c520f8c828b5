"""Labels in, receivers out: who is told of what (amtool walks the rendered routes)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alerting.support import Rendering, everything
from tests.rules.tooling import Tool, amtool

ROUTES = [
    ("alertname=HighErrorRate severity=warning job=dreamos agent=Agent-1", "warning"),
    ("alertname=HighFileErrorRate severity=warning job=dreamos agent=Agent-1", "warning"),
    ("alertname=TargetDown severity=critical job=dreamos-metrics", "critical"),
    ("alertname=TargetDown severity=warning job=grafana", "warning"),
    ("alertname=Anything severity=info", "silent"),
    ("alertname=Watchdog severity=none", "watchdog"),
    # Whatever else it carries, Watchdog goes nowhere else.
    ("alertname=Watchdog severity=critical", "watchdog"),
    # Better a message too many than an alert that nobody hears of.
    ("alertname=NoSeverity", "warning"),
    ("alertname=Misspelt severity=Critical", "warning"),
    ("alertname=Foreign severity=page", "warning"),
]


@pytest.fixture(scope="module")
def rendering(tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    made = everything(tmp_path_factory.mktemp("routing"))
    assert [] == made.run()
    return made


@pytest.fixture(scope="module")
def tool() -> Tool:
    return amtool()


@pytest.mark.parametrize(("labels", "receiver"), ROUTES, ids=[labels for labels, _ in ROUTES])
def test_route(tool: Tool, rendering: Rendering, labels: str, receiver: str) -> None:
    answer = tool.run(
        "config",
        "routes",
        "test",
        "--config.file=/generated/alertmanager/alertmanager.yml",
        f"--verify.receivers={receiver}",
        *labels.split(),
        mounts=rendering.mounts(),
    )

    assert 0 == answer.code, answer.text


def test_only_matchers_are_used(rendering: Rendering) -> None:
    text = Path(rendering.out / "alertmanager/alertmanager.yml").read_text()

    old = ("match:", "match_re:", "source_match:", "target_match:")
    assert [] == [word for word in old if word in text]
