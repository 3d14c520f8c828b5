"""Only links that can work are sent, each escaped as its receiver wants; and every limit is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.alerting.live import Sinks, alertmanager, sinks
from tests.alerting.support import Rendering
from tests.rules.tooling import amtool
from tools.waiting import eventually

START = "2026-11-23T23:30:00Z"
ODD = "https://wiki.example.org/a b|c<d>e&f=(1)"
LONG = 'Long <b>text</b> & "quotes" [a](b) *stars* الوكيل لا يجيب\nsecond line ' * 60


class Told:
    """What arrived about one alert, by channel."""

    def __init__(self, taken: Sinks, name: str) -> None:
        self.slack = self.body(taken, "slack", name)["attachments"][0]
        self.pagerduty = self.body(taken, "pagerduty", name)
        self.discord = self.body(taken, "discord", name)["embeds"][0]
        self.teams = self.body(taken, "teams", name)["attachments"][0]["content"]["body"]
        self.telegram: str = self.body(taken, "telegram", name)["text"]
        mail = [mail for mail in taken.messages if name in mail["Subject"]][-1]
        self.subject = mail["Subject"]
        self.mail = {
            form: part.get_content().replace("\r\n", "\n")
            for form in ("plain", "html")
            if (part := mail.get_body((form,)))
        }

    @staticmethod
    def body(taken: Sinks, channel: str, name: str) -> dict[str, Any]:
        # The last: under load the first message of a thousand alerts may tell of fewer.
        return [body for body in taken.of(channel) if name in json.dumps(body)][-1]

    def links(self) -> list[str]:
        """Return every address that the HTML mail links."""
        found: list[str] = []

        class Reader(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                found.extend(value or "" for name, value in attrs if (tag, name) == ("a", "href"))

        Reader().feed(self.mail["html"])
        return found


def alert(name: str, agent: str = "Agent-1", **notes: str) -> dict[str, Any]:
    labels = {"alertname": name, "job": "dreamos", "agent": agent, "severity": "critical"}
    return {"labels": labels, "annotations": notes, "startsAt": START}


def many(name: str, count: int) -> list[dict[str, Any]]:
    now = datetime.now(timezone.utc).isoformat()
    notes = {"summary": LONG, "description": LONG, "runbook_url": f"https://m.example.org/{name}"}
    notes["dashboard_url"] = "https://g.example.org/d/agents?x=" + "y" * 200
    return [
        {**alert(name, f"Agent-{number}", **notes), "startsAt": now}
        for number in range(count, 0, -1)
    ]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sinks]:
    with sinks() as taken:
        here = f"http://127.0.0.1:{taken.port}"
        env = {
            "SMTP_SMARTHOST": f"127.0.0.1:{taken.smtp_port}",
            "SMTP_FROM": "Dream.OS <dreamos@example.org>",
            "ALERT_EMAIL_TO": 'Jürgen <j@example.org>, "Boss, the" <boss@example.org>',
            "SMTP_REQUIRE_TLS": "false",
            "PAGERDUTY_URL": f"{here}/pagerduty",
            "ALERT_GROUP_WAIT": "1s",
            "ALERT_GROUP_INTERVAL": "1s",
            "ALERT_TIMEZONE": "Europe/Berlin",
            "TELEGRAM_CHAT_ID": "-1001",
            "TELEGRAM_URL": f"{here}/telegram",
        }
        secrets = {
            "slack_api_url": f"{here}/slack",
            "pagerduty_routing_key": "R0UT1NGKEY",
            "discord_webhook_url": f"{here}/discord",
            "teams_webhook_url": f"{here}/teams",
            "telegram_bot_token": "123456:TOKEN",
        }
        rendering = Rendering(tmp_path_factory.mktemp("links"), env, secrets)
        assert [] == rendering.run()
        with alertmanager(amtool(), rendering) as running:
            running.fire(alert("Bare"))
            running.fire(alert("Words", runbook_url="see the wiki", dashboard_url="http:///d/x"))
            running.fire(alert("Odd", summary="odd", runbook_url=ODD, dashboard_url=ODD))
            running.fire(*many("Fifty", 50))
            running.fire(*many("Thousand", 1000))
            for name, count in (("Bare", 1), ("Words", 1), ("Odd", 1), ("Fifty", 50)):
                eventually(partial(complete, taken, name, count), within=120)
            eventually(lambda: complete(taken, "Thousand", 1000), within=120)
            yield taken


def complete(taken: Sinks, name: str, count: int) -> bool:
    """Tell whether the last message on every channel speaks of all of them."""
    try:
        told = Told(taken, name)
    except IndexError:
        return False
    number = f"FIRING {count} " if count > 1 else "FIRING "
    details = told.pagerduty["payload"]["custom_details"]
    return count == int(details["num_firing"]) and all(
        number in subject for subject in (told.subject, told.slack["title"], told.discord["title"])
    )


@pytest.mark.parametrize("name", ["Bare", "Words"])
def test_what_cannot_be_opened_is_not_linked(taken: Sinks, name: str) -> None:
    told = Told(taken, name)

    assert ["Silence"] == re.findall(r"<[^|>]*\|([^>]*)>", told.slack["text"])
    assert ["Silence"] == re.findall(r"\[([^\]]*)\]\([^)]*\)", told.discord["description"])
    assert ["Silence"] == [link["text"] for link in told.pagerduty["links"]]
    assert ["Silence:"] == re.findall(r"^([\w ]+:) ", told.telegram, re.MULTILINE)
    assert ["Silence:"] == re.findall(r"^(\w+:) ", told.mail["plain"], re.MULTILINE)
    [silence] = told.links()
    assert silence.startswith("https://alerts.example.org/#/silences/new?filter=%7Balertname%3D%22")
    assert name in told.slack["text"].splitlines()[0]


def test_odd_characters_in_an_address_are_escaped_as_each_receiver_wants(taken: Sinks) -> None:
    told = Told(taken, "Odd")
    encoded = "https://wiki.example.org/a%20b%7Cc%3Cd%3Ee&f=(1)"
    no_brackets = encoded.replace("(1)", "%281%29")

    assert f"<{encoded.replace('&', '&amp;')}|What to do>" in told.slack["text"]
    assert f"<{encoded.replace('&', '&amp;')}|Dashboard>" in told.slack["text"]
    assert f"[What to do]({no_brackets})" in told.discord["description"]
    assert f"[Dashboard]({no_brackets})" in told.discord["description"]
    assert no_brackets in [link["href"] for link in told.pagerduty["links"]]
    assert f"What to do: {no_brackets}\nDashboard: {no_brackets}\n" in told.telegram
    assert f"[What to do]({no_brackets})" in json.dumps(told.teams)
    assert f"Runbook:   {no_brackets}\n" in told.mail["plain"]
    assert f"Dashboard: {no_brackets}\n" in told.mail["plain"]
    html = [link.lower() for link in told.links()]
    assert 2 == sum(
        link.startswith("https://wiki.example.org/a%20b%7cc%3cd%3ee&f") for link in html
    )


def test_times_are_told_in_utc_and_in_the_readers_zone(taken: Sinks) -> None:
    told = Told(taken, "Bare")
    since = "since 2026-11-23 23:30:00 UTC (00:30 CET on 24 Nov)"

    for text in (*told.mail.values(), told.slack["text"], told.discord["description"]):
        assert since in text


def test_agents_are_in_the_order_in_which_people_count(taken: Sinks) -> None:
    names = [f"Agent-{number}" for number in range(1, 51)]
    told = Told(taken, "Fifty")
    html = re.findall(r'agent=<b dir="auto">([^<]*)<', told.mail["html"])

    listed = [
        entry["labels"]["agent"] for entry in told.pagerduty["payload"]["custom_details"]["firing"]
    ]
    assert names[:20] == listed
    assert names[:10] == html


@pytest.mark.parametrize(("name", "count"), [("Bare", 1), ("Fifty", 50), ("Thousand", 1000)])
def test_every_message_stays_below_what_its_service_takes(
    taken: Sinks, name: str, count: int
) -> None:
    told = Told(taken, name)

    assert 3000 >= len(told.slack["text"])
    assert 2000 >= len(told.discord["description"])
    assert 512_000 > len(json.dumps(told.pagerduty))
    assert 4096 >= len(told.telegram)
    assert 28_000 > len(json.dumps(told.teams))
    details = told.pagerduty["payload"]["custom_details"]
    assert count == int(details["num_firing"])
    assert min(count, 20) == len(details["firing"])
    assert 100_000 > len(told.mail["html"])
    more = {1: "", 50: "and 40 more", 1000: "and 990 more"}[count]
    assert more in told.slack["text"]
    assert more in told.mail["html"]


def test_what_an_agent_wrote_is_text_and_not_markup(taken: Sinks) -> None:
    told = Told(taken, "Fifty")

    assert "<b>text" not in told.mail["html"]
    assert "parse_mode" not in Told.body(taken, "telegram", "Fifty")
    assert "<b>" not in told.slack["text"]
    assert r"\[a\](b) \*stars\*" in told.discord["description"]
    assert "second line" in told.mail["plain"]


def test_receivers_keep_their_names(taken: Sinks) -> None:
    mail = taken.messages[0]

    assert ["Jürgen", "Boss, the"] == [to.display_name for to in mail["To"].addresses]
    assert ["j@example.org", "boss@example.org"] == [to.addr_spec for to in mail["To"].addresses]
    assert "Dream.OS" == mail["From"].addresses[0].display_name
