"""In quiet hours warnings wait, and critical alerts do not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.alerting.live import alertmanager, sinks
from tests.alerting.support import Rendering
from tests.rules.tooling import amtool
from tools.waiting import eventually

ALERTMANAGER = "alertmanager/alertmanager.yml"


def around(moment: datetime) -> str:
    """Return quiet hours that this moment lies in the middle of."""
    begin, end = moment - timedelta(hours=3), moment + timedelta(hours=3)
    return f"{begin:%H:%M}-{end:%H:%M}"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", ""])
def test_a_warning_waits_and_a_critical_alert_does_not(tmp_path: Path, zone: str) -> None:
    now = datetime.now(ZoneInfo(zone) if zone else timezone.utc)
    with sinks() as taken:
        secrets = {"webhook_url": f"http://127.0.0.1:{taken.port}/webhook"}
        env = {"ALERT_GROUP_WAIT": "100ms", "ALERT_QUIET_HOURS": around(now)}
        rendering = Rendering(tmp_path, {**env, "ALERT_TIMEZONE": zone}, secrets)
        assert [] == rendering.run()
        with alertmanager(amtool(), rendering) as running:
            running.fire(
                {"labels": {"alertname": "Waits", "severity": "warning"}},
                {"labels": {"alertname": "NoSeverity"}},
                {"labels": {"alertname": "Told", "severity": "critical"}},
            )
            eventually(lambda: taken.of("webhook"))
            muted = 'alertmanager_notifications_suppressed_total{reason="mute_time_interval"}'
            eventually(lambda: f"{muted} 2" in running.exposition())

    assert {"Told"} == {body["commonLabels"]["alertname"] for body in taken.of("webhook")}


@pytest.mark.parametrize(
    ("hours", "spans"),
    [
        ("22:00-07:00", [("22:00", "24:00"), ("00:00", "07:00")]),
        ("12:00-13:30", [("12:00", "13:30")]),
        ("22:00-00:00", [("22:00", "24:00")]),
    ],
)
def test_a_night_is_the_end_of_one_day_and_the_beginning_of_one(
    tmp_path: Path, hours: str, spans: list[tuple[str, str]]
) -> None:
    rendering = Rendering(tmp_path, {"ALERT_QUIET_HOURS": hours})
    assert [] == rendering.run()

    [interval] = rendering.load(ALERTMANAGER)["time_intervals"][0]["time_intervals"]

    assert spans == [(span["start_time"], span["end_time"]) for span in interval["times"]]
    answer = amtool().run("check-config", f"/generated/{ALERTMANAGER}", mounts=rendering.mounts())
    assert 0 == answer.code, answer.text
