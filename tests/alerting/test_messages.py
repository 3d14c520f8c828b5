"""A real Alertmanager tells every channel what, how bad, since when, whose, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.alerting.live import Alertmanager, Sinks, alertmanager, sinks
from tests.alerting.support import Rendering
from tests.rules.tooling import amtool
from tools.waiting import eventually

START = "2026-11-23T10:00:00Z"
END = "2026-11-23T10:07:30Z"
RUNBOOK = "http://127.0.0.1:8000/runbooks/HighFileErrorRate"
DASHBOARD = "http://127.0.0.1:3000/d/dreamos-overview?var-agent=Agent-1"
SILENCE = (
    "https://alerts.example.org/#/silences/new?filter=%7Balertname%3D%22HighFileErrorRate%22"
    "%2Cagent%3D%22Agent-1%22%2C"
)
NASTY = '12% of Agent-1 fails <script>alert("x")</script> & more'


def alert(name: str, agent: str = "Agent-1", severity: str = "critical") -> dict[str, Any]:
    labels = {"alertname": name, "job": "dreamos", "agent": agent, "severity": severity}
    return {
        "labels": {**labels, "stack": "blue"},
        "annotations": {
            "summary": NASTY,
            "description": "Of the file operations of Agent-1, 12% failed.",
            "runbook_url": RUNBOOK,
            "dashboard_url": DASHBOARD,
        },
        "generatorURL": "https://prometheus.example.org/graph?g0.expr=x",
        "startsAt": START,
    }


@dataclass
class Told:
    """What every channel heard of one alert, first firing and then resolved."""

    sinks: Sinks

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return self.sinks.of(name)[:2]

    def email(self, number: int) -> tuple[str, str, str]:
        message = self.sinks.messages[number]
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        assert text is not None
        assert html is not None
        return message["Subject"], text.get_content(), html.get_content()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    base = tmp_path_factory.mktemp("messages")
    with sinks() as taken:
        here = f"http://127.0.0.1:{taken.port}"
        env = {
            "SMTP_SMARTHOST": f"127.0.0.1:{taken.smtp_port}",
            "SMTP_FROM": "dreamos@example.org",
            "ALERT_EMAIL_TO": "oncall@example.org,boss@example.org",
            "SMTP_REQUIRE_TLS": "false",
            "SLACK_CHANNEL": "alerts",
            "PAGERDUTY_URL": f"{here}/pagerduty",
            "ALERT_GROUP_WAIT": "1s",
            "ALERT_GROUP_INTERVAL": "300ms",
        }
        secrets = {
            "slack_api_url": f"{here}/slack",
            "pagerduty_routing_key": "R0UT1NGKEY",
            "discord_webhook_url": f"{here}/discord",
            "webhook_url": f"{here}/webhook",
            "webhook_token": "a-token",
            "watchdog_webhook_url": f"{here}/watchdog",
        }
        rendering = Rendering(base, env, secrets)
        assert [] == rendering.run()
        with alertmanager(amtool(), rendering) as running:
            _tell(running, taken)
            yield Told(taken)


def _tell(running: Alertmanager, taken: Sinks) -> None:
    channels = ("slack", "pagerduty", "discord", "webhook")
    running.fire(alert("HighFileErrorRate"))
    eventually(lambda: all(taken.of(name) for name in channels) and taken.messages)
    running.fire({**alert("HighFileErrorRate"), "endsAt": END})
    eventually(lambda: all(len(taken.of(name)) > 1 for name in channels) and taken.messages[1:])
    # Begun now: of older alerts Alertmanager tells at once, without waiting for the group.
    now = {"startsAt": datetime.now(timezone.utc).isoformat()}
    running.fire(*({**alert("AgentLost", f"Agent-{n}", "warning"), **now} for n in range(12)))
    eventually(lambda: len(taken.of("slack")) > 2 and taken.messages[2:])
    running.fire({"labels": {"alertname": "Watchdog", "severity": "none"}, "startsAt": START})
    eventually(lambda: taken.of("watchdog"))


def test_email_has_a_subject_for_a_phone_and_both_forms(told: Told) -> None:
    subject, text, html = told.email(0)

    assert "[FIRING · critical] HighFileErrorRate · Agent-1 · dreamos" == subject
    for wanted in (RUNBOOK, DASHBOARD, SILENCE, "since 2026-11-23 10:00:00 UTC", "blue"):
        assert wanted in text
    assert NASTY in text
    for wanted in (RUNBOOK, DASHBOARD, "since 2026-11-23 10:00:00 UTC", "12% failed"):
        assert wanted in html
    assert "oncall@example.org, boss@example.org" == told.sinks.messages[0]["To"]


def test_email_does_not_run_what_an_agent_wrote(told: Told) -> None:
    html = told.email(0)[2]

    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_email_says_that_it_is_over_and_how_long_it_lasted(told: Told) -> None:
    subject, text, _html = told.email(1)

    assert "[RESOLVED · critical] HighFileErrorRate · Agent-1 · dreamos" == subject
    assert "from 2026-11-23 10:00:00 to 10:07:30 UTC, 7m 30s" in text


def test_slack_gets_one_coloured_attachment_with_links(told: Told) -> None:
    firing, resolved = (body["attachments"][0] for body in told.bodies("slack"))

    assert ["danger", "good"] == [firing["color"], resolved["color"]]
    assert "[FIRING · critical] HighFileErrorRate · Agent-1 · dreamos" == firing["title"]
    assert "[RESOLVED · critical] HighFileErrorRate · Agent-1 · dreamos" == resolved["title"]
    for wanted in (f"<{RUNBOOK}|What to do>", f"<{SILENCE}", f"<{DASHBOARD}|Dashboard>"):
        assert wanted in firing["text"]
    assert "&lt;script&gt;" in firing["text"]
    assert "alerts" == told.bodies("slack")[0]["channel"]


def test_pagerduty_gets_events_that_open_and_close_the_same_incident(told: Told) -> None:
    firing, resolved = told.bodies("pagerduty")

    assert ["trigger", "resolve"] == [firing["event_action"], resolved["event_action"]]
    assert firing["dedup_key"] == resolved["dedup_key"]
    assert "R0UT1NGKEY" == firing["routing_key"]
    payload = firing["payload"]
    assert "[FIRING · critical] HighFileErrorRate · Agent-1 · dreamos" == payload["summary"]
    assert ["critical", "dreamos", "Agent-1", "HighFileErrorRate"] == [
        payload[name] for name in ("severity", "component", "group", "class")
    ]
    assert RUNBOOK in [link["href"] for link in firing["links"]]
    [detail] = payload["custom_details"]["firing"]
    assert NASTY == detail["annotations"]["summary"]


def test_discord_gets_a_short_message_with_links(told: Told) -> None:
    [embed] = told.bodies("discord")[0]["embeds"]

    assert "[FIRING · critical] HighFileErrorRate · Agent-1 · dreamos" == embed["title"]
    assert f"[What to do]({RUNBOOK})" in embed["description"]
    assert 2000 > len(embed["description"])


def test_the_custom_webhook_gets_the_alerts_and_the_token(told: Told) -> None:
    firing, resolved = told.bodies("webhook")

    assert ["firing", "resolved"] == [firing["status"], resolved["status"]]
    assert "Agent-1" == firing["alerts"][0]["labels"]["agent"]
    assert RUNBOOK == firing["alerts"][0]["annotations"]["runbook_url"]
    assert "Bearer a-token" == told.sinks.headers["webhook"][0]["Authorization"]


def test_a_dozen_of_the_same_come_as_one_message_that_names_ten(told: Told) -> None:
    subject, text, html = told.email(2)
    [slack] = told.sinks.of("slack")[2]["attachments"]

    assert "[FIRING 12 · warning] AgentLost · dreamos" == subject
    assert (10, True) == (text.count("since 20"), "... and 2 more" in text)
    assert (10, True) == (html.count("since 20"), "and 2 more" in html)
    assert (10, True) == (slack["text"].count("since 20"), "and 2 more" in slack["text"])
    assert "warning" == slack["color"]


def test_warnings_page_nobody_by_default(told: Told) -> None:
    assert {"HighFileErrorRate"} == {
        body["payload"]["class"] for body in told.sinks.of("pagerduty")
    }


def test_watchdog_goes_to_its_own_receiver_only(told: Told) -> None:
    assert "Watchdog" == told.sinks.of("watchdog")[0]["commonLabels"]["alertname"]
    others = [body["commonLabels"]["alertname"] for body in told.sinks.of("webhook")]
    assert "Watchdog" not in others
