"""What a test alert is sent through, and how Alertmanager's log is told to people."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from tools.stack.console import StackError
from tools.stack.delivery import command
from tools.stack.delivery.journal import Journal, Outcome, told
from tools.stack.delivery.targets import choose, find, trial_configuration

MAIL = {"to": "a@example.org", "send_resolved": True}
PAGE = {"routing_key_file": "/run/secrets/alertmanager/pagerduty_routing_key"}
HOOK = {"url_file": "/run/secrets/alertmanager/webhook_url", "send_resolved": True}
BEAT = {"url_file": "/run/secrets/alertmanager/watchdog_webhook_url"}
CONFIGURATION: dict[str, Any] = {
    "global": {"resolve_timeout": "5m"},
    "templates": ["/generated/alertmanager/templates/*.tmpl"],
    "route": {"receiver": "warning", "routes": [{"receiver": "critical"}]},
    "inhibit_rules": [{"source_matchers": ["a=b"]}],
    "time_intervals": [{"name": "quiet-hours"}],
    "receivers": [
        {
            "name": "critical",
            "email_configs": [MAIL],
            "pagerduty_configs": [PAGE],
            "webhook_configs": [HOOK],
        },
        {"name": "warning", "email_configs": [MAIL], "webhook_configs": [HOOK]},
        {"name": "watchdog", "webhook_configs": [BEAT]},
        {"name": "silent"},
        {"name": "team/a", "msteamsv2_configs": [{"title": "a"}, {"title": "b"}, {"title": "c"}]},
    ],
}


def test_what_several_receivers_share_is_tested_once() -> None:
    assert {
        "email": ("critical", "warning"),
        "pagerduty": ("critical",),
        "webhook": ("critical", "warning"),
        "watchdog": ("watchdog",),
        "teams": ("team/a",),
        "team-a-teams": ("team/a",),
        "team-a-teams-2": ("team/a",),
    } == {target.name: target.receivers for target in find(CONFIGURATION)}


def test_the_dead_mans_switch_is_one_of_its_own_even_at_the_same_address() -> None:
    receivers = [
        {"name": "critical", "webhook_configs": [HOOK]},
        {"name": "watchdog", "webhook_configs": [HOOK]},
    ]
    assert ["webhook", "watchdog"] == [t.name for t in find({"receivers": receivers})]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["email"], ["email"]),
        (["watchdog", "email"], ["email", "watchdog"]),
        (["warning"], ["email", "webhook"]),
    ],
)
def test_a_receiver_is_meant_by_its_name_or_by_that_of_the_severity(
    wanted: list[str], chosen: list[str]
) -> None:
    assert chosen == [target.name for target in choose(find(CONFIGURATION), wanted)]


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(StackError, match="unknown receiver: mail; configured are email, pagerduty"):
        choose(find(CONFIGURATION), ["mail", "email"])


def test_where_nobody_is_told_the_way_to_a_receiver_is() -> None:
    with pytest.raises(StackError, match="no receiver is configured.*slack_api_url"):
        choose(find({"receivers": [{"name": "critical"}]}), [])


def test_the_trial_has_nothing_that_holds_a_message_back() -> None:
    made = trial_configuration(CONFIGURATION, find(CONFIGURATION))
    assert {"global", "templates", "route", "receivers"} == made.keys()
    assert {"0s"} == {route["group_wait"] for route in made["route"]["routes"]}
    assert all(route["continue"] for route in made["route"]["routes"])


def test_only_what_keeps_something_open_is_told_of_the_end() -> None:
    made = trial_configuration(CONFIGURATION, find(CONFIGURATION))
    ends = {
        receiver["name"]: config["send_resolved"]
        for receiver in made["receivers"]
        for configs in receiver.values()
        if isinstance(configs, list)
        for config in configs
    }
    assert {"pagerduty"} == {name for name, told_of_the_end in ends.items() if told_of_the_end}


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e2", "601", "soon", ""])
def test_a_wait_that_is_no_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    command.describe(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([f"--within={text}"])
    assert "is not a number of seconds from 1 to 600" in capsys.readouterr().err


def line(**entry: object) -> str:
    return json.dumps(entry)


def test_a_delivery_is_seen_after_a_failed_attempt() -> None:
    journal = Journal(frozenset(["slack"]))
    journal.read(line(msg="Notify attempt failed, will retry later", receiver="slack", err="EOF"))
    assert not journal.complete
    journal.read(line(msg="Notify success", receiver="slack", attempts=2))
    assert {"slack": Outcome(True)} == journal.outcomes


@pytest.mark.parametrize(
    "canceled",
    ["canceled due to unrecoverable error after 1 attempts", "canceled after 6 attempts"],
)
def test_a_failure_is_final_when_alertmanager_gives_up(canceled: str) -> None:
    journal = Journal(frozenset(["slack", "email"]))
    error = f"slack/slack[0]: notify retry {canceled}: strange answer"
    journal.read(line(msg="Notify for alerts failed", num_alerts=1, err=error))
    journal.read(line(msg="Notify success", receiver="slack"))
    assert {"slack": Outcome(False, "strange answer")} == journal.outcomes


def test_who_says_nothing_in_time_failed_with_the_last_that_was_heard() -> None:
    journal = Journal(frozenset(["slack", "email"]))
    journal.read(line(msg="Notify attempt failed, will retry later", receiver="slack", err="EOF"))
    journal.give_up(20)
    assert {
        "slack": Outcome(False, "EOF"),
        "email": Outcome(False, "no answer within 20 s"),
    } == journal.outcomes


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "7", line(msg=None, err=None)])
def test_a_line_of_another_kind_is_left_out(text: str) -> None:
    journal = Journal(frozenset(["slack"]))
    journal.read(text)
    assert {} == journal.outcomes


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            "unexpected status code 400: https://hooks.example.org/T0/B0/key: bad",
            "unexpected status code 400: https://hooks.example.org/...: bad",
        ),
        (
            'Post "http://me:password@example.org:81/key?a=b": strange',
            'Post "http://example.org:81/...": strange',
        ),
        ("at https://example.org, strange", "at https://example.org, strange"),
        ("the key hunter22 is wrong", "the key *** is wrong"),
        ("a\x1b[31mb\r\nc", "a [31mb c"),
    ],
)
def test_an_answer_is_shown_without_secrets_and_without_control_characters(
    error: str, shown: str
) -> None:
    assert shown == told(error, ["hunter22", "a"])


def test_a_long_answer_is_cut() -> None:
    assert 300 == len(told("x" * 5000))


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("unexpected status code 403: no", "token or key"),
        ('failed to post: "invalid_auth"', "token or key"),
        ("error response from Slack: channel_not_found", "no such channel"),
        ("telegram: Bad Request: chat not found (400)", "no such channel"),
        ("unexpected status code 410: gone", "hook deleted"),
        ("unexpected status code 429: slow down", "too much"),
        ("unexpected status code 503: later", "failure of its own"),
        ("dial tcp: lookup exmaple.org: no such host", "misspelt"),
        ("tls: failed to verify certificate: x509: unknown authority", "ALERT_CA_FILE"),
        ("*smtp.plainAuth auth: 535 5.7.8 Error", "user or the password"),
        ("send RCPT command: 550 no such user", "ALERT_EMAIL_TO"),
        ("send MAIL command: 553 not yours", "SMTP_FROM"),
    ],
)
def test_what_an_answer_means_is_said_beside_it(error: str, meaning: str) -> None:
    assert meaning in told(error)
