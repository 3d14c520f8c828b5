"""Real parts, one fault each: the alerts on delivery and configuration see it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerting.live import Alertmanager, alertmanager, sinks
from tests.alerting.support import Rendering
from tests.rules.live import Prometheus, figures, prometheus
from tests.rules.tooling import amtool, promtool
from tools.waiting import eventually

QUICK = {"ALERT_GROUP_WAIT": "100ms", "ALERT_GROUP_INTERVAL": "2s"}


@pytest.fixture(scope="module")
def parts(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Prometheus, Alertmanager, Path]]:
    """Run both, with one receiver that works and one that refuses everything."""
    base = tmp_path_factory.mktemp("delivery")
    with sinks() as taken, figures() as shown:
        here = f"http://127.0.0.1:{taken.port}"

        secrets = {"webhook_url": f"{here}/webhook", "slack_api_url": f"{here}/refuse"}
        rendering = Rendering(base, QUICK, secrets)
        assert [] == rendering.run()
        written = (rendering.out / "prometheus/alerts/alertmanager.yml").read_text()
        rules = {"alertmanager.yml": written.replace("for: 5m", "for: 1s")}
        mark = rendering.out / "prometheus/targets/rendered.json"
        with alertmanager(amtool(), rendering) as told:
            targets: list[dict[str, Any]] = [
                {
                    "job_name": "alertmanager",
                    "static_configs": [{"targets": [told.url.removeprefix("http://")]}],
                },
                {
                    "job_name": "grafana",
                    "file_sd_configs": [
                        {
                            "files": ["/generated/prometheus/targets/*.json"],
                            "refresh_interval": "1s",
                        }
                    ],
                },
            ]
            folder = base / "prometheus"
            mounts = {mark.parents[2]: "/generated"}
            with prometheus(
                promtool(), folder, shown, rules, targets=targets, mounts=mounts
            ) as running:
                yield running, told, mark


def test_one_receiver_that_refuses_is_told_and_the_one_that_works_is_not(
    parts: tuple[Prometheus, Alertmanager, Path],
) -> None:
    running, told, _mark = parts
    told.fire({"labels": {"alertname": "Any", "severity": "warning"}})

    [alert] = eventually(lambda: running.firing("NotificationsFailing"), within=180)

    assert "slack" == alert["labels"]["integration"]
    delivered = 'alertmanager_notifications_total{integration="webhook"'
    eventually(lambda: running.query("sum(" + delivered + "}) > 0"))


def test_a_configuration_that_was_rendered_and_not_loaded_is_told(
    parts: tuple[Prometheus, Alertmanager, Path],
) -> None:
    running, _told, mark = parts
    eventually(lambda: running.query("prometheus_sd_file_mtime_seconds"))
    assert [] == running.firing("ConfigurationOutdated")

    later = time.time() + 60
    os.utime(mark, (later, later))
    mark.write_text(mark.read_text().replace("rendered", "changed"))
    os.utime(mark, (later, later))

    alerts = eventually(
        lambda: [found] if len(found := running.firing("ConfigurationOutdated")) == 2 else None,
        within=180,
    )[0]
    assert {"Prometheus", "Alertmanager"} == {one["labels"]["component"] for one in alerts}
