"""With its disk full, Prometheus answers and stores nothing: that is told, and nothing says it is well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.live import Prometheus, figures, prometheus
from tests.rules.tooling import DEPLOY, promtool
from tools.waiting import eventually

# The same rules with a quicker clock: three minutes would make this test that long.
QUICKER = {"< 180": "< 8", "[3m]": "[8s]", "for: 1m": "for: 1s", "[10m]": "[1m]"}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Prometheus]:
    rules = {}
    for name in ("stack.yml", "prometheus.yml"):
        text = (DEPLOY / "prometheus/alerts" / name).read_text()
        for slow, quick in QUICKER.items():
            text = text.replace(slow, quick)
        rules[name] = text
    small = "size=8m,mode=1777"
    with (
        figures() as shown,
        prometheus(promtool(), tmp_path, shown, rules, storage=small) as running,
    ):
        eventually(lambda: running.firing("Watchdog"))
        assert [] == running.firing("SamplesNotStored")
        fill = "dd if=/dev/zero of=/prometheus/full bs=64k 2>/dev/null; true"
        running.docker("exec", running.container, "sh", "-c", fill)
        yield running


def test_a_full_disk_is_told_and_its_end_too(filled: Prometheus) -> None:
    eventually(lambda: not filled.firing("Watchdog"), within=120)

    [alert] = eventually(lambda: filled.firing("SamplesNotStored"), within=120)
    assert "critical" == alert["labels"]["severity"]

    filled.docker("exec", filled.container, "rm", "/prometheus/full")
    eventually(lambda: filled.firing("Watchdog"), within=120)
    eventually(lambda: not filled.firing("SamplesNotStored"), within=120)
