"""With its disk full, Prometheus answers and stores nothing: that is told, and nothing says it is well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerting.live import wait_for
from tests.rules.live import Prometheus, figures, prometheus
from tests.rules.tooling import DEPLOY, promtool
from tools.stack.freshness import show_freshness

# The same rules with a quicker clock: three minutes would make this test that long.
QUICKER = {"< 180": "< 8", "[3m]": "[8s]", "for: 1m": "for: 1s", "[10m]": "[1m]"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    rules = {}
    for name in ("stack.yml", "prometheus.yml"):
        text = (DEPLOY / "prometheus/alerts" / name).read_text()
        for slow, quick in QUICKER.items():
            text = text.replace(slow, quick)
        rules[name] = text
    folder = tmp_path_factory.mktemp("full")
    small = "size=8m,mode=1777"
    with figures() as shown, prometheus(promtool(), folder, shown, rules, storage=small) as running:
        wait_for(lambda: running.firing("Watchdog"))
        assert [] == show_freshness(running.api)
        assert [] == running.firing("SamplesNotStored")
        fill = "dd if=/dev/zero of=/prometheus/full bs=64k 2>/dev/null; true"
        running.docker("exec", running.container, "sh", "-c", fill)
        yield running


def test_watchdog_stops(filled: Prometheus) -> None:
    wait_for(lambda: not filled.firing("Watchdog"), within=120)


def test_a_critical_alert_says_that_nothing_is_stored(filled: Prometheus) -> None:
    [alert] = wait_for(lambda: filled.firing("SamplesNotStored"), within=120)

    assert "critical" == alert["labels"]["severity"]


def test_make_status_says_that_the_newest_sample_is_old(
    filled: Prometheus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.stack.freshness.OLDEST", 8.0)

    [wrong] = wait_for(lambda: show_freshness(filled.api), within=120)

    assert wrong.startswith("no fresh samples (")
    assert "rules last judged: " in capsys.readouterr().out


def test_all_is_well_again_when_there_is_room(filled: Prometheus) -> None:
    filled.docker("exec", filled.container, "rm", "/prometheus/full")

    wait_for(lambda: filled.firing("Watchdog"), within=120)
    wait_for(lambda: not filled.firing("SamplesNotStored"), within=120)


def test_a_prometheus_that_does_not_answer_is_no_good_news(tmp_path: Path) -> None:
    def refuse(_path: str) -> None:
        raise ConnectionRefusedError(tmp_path)

    assert ["Prometheus cannot be asked for samples"] == show_freshness(refuse)
