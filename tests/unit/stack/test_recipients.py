"""Who is told of what, and the secret files that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.render import secrets
from tools.stack import preflight, recipients
from tools.stack.console import StackError
from tools.stack.settings import Settings

EMAIL = {
    "SMTP_SMARTHOST": "smtp.example.org:587",
    "SMTP_FROM": "a@example.org",
    "ALERT_EMAIL_TO": "On Call <b@example.org>",
}


def folder(base: Path, **files: str) -> Path:
    (base / "alertmanager").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (base / "alertmanager" / name).write_text(text)
    return base


def told(values: dict[str, str], base: Path) -> dict[str, str]:
    rows = (line.partition(" ") for line in recipients.lines(values, base)[:4])
    return {severity: who.strip() for severity, _, who in rows}


def test_each_receiver_is_named_with_what_it_is_told(tmp_path: Path) -> None:
    files = folder(
        tmp_path,
        slack_api_url="https://hooks.example.org/x",
        pagerduty_routing_key="k" * 32,
        watchdog_webhook_url="https://beat.example.org/x",
    )

    assert {
        "critical": "mail to On Call <b@example.org>, Slack (#ops), PagerDuty",
        "warning": "mail to On Call <b@example.org>, Slack (#ops)",
        "info": "nobody",
        "Watchdog": "dead man's switch",
    } == told({**EMAIL, "SLACK_CHANNEL": "#ops"}, files)


def test_that_nobody_is_told_is_said_with_what_to_do(tmp_path: Path) -> None:
    lines = recipients.lines({}, folder(tmp_path))

    assert {"nobody"} == set(told({}, tmp_path).values())
    assert "slack_api_url" in lines[4]
    assert "watchdog_webhook_url" in lines[5]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("slack_webhook_url", "slack_api_url"),
        ("slack_api_url.txt", "slack_api_url"),
        ("SLACK_URL", "slack_api_url"),
        ("pagerduty_key", "pagerduty_routing_key"),
        ("pagerduty-integration-key", "pagerduty_routing_key"),
        ("discord_url", "discord_webhook_url"),
        ("smtp_auth_password", "smtp_password"),
        ("email_password", "smtp_password"),
        ("webhook", "webhook_url"),
        ("webhook_bearer", "webhook_token"),
        ("watchdog_url", "watchdog_webhook_url"),
        ("healthchecks_heartbeat", "watchdog_webhook_url"),
        ("https_proxy", "proxy_url"),
    ],
)
def test_a_misnamed_secret_file_is_told_with_the_right_name(
    tmp_path: Path, name: str, meant: str
) -> None:
    files = folder(tmp_path, **{name: "https://x.example.org"})

    _, [problem] = secrets.read(files, {})

    assert f"secret file {name}: nothing reads it; is {meant} meant?" in str(problem)
    assert str(problem).endswith(f"for example mv {name} {meant}")


@pytest.mark.parametrize(
    "name", ["slack_api_url~", ".slack_api_url.swp", "slack_api_url.bak", "README"]
)
def test_what_editors_leave_and_notes_are_no_secrets(tmp_path: Path, name: str) -> None:
    _, problems = secrets.read(folder(tmp_path, **{name: "x"}), {})

    assert [] == problems


def test_a_second_name_beside_the_right_one_is_left_alone(tmp_path: Path) -> None:
    url = "https://x.example.org"
    _, problems = secrets.read(folder(tmp_path, slack_api_url=url, slack_old=url), {})

    assert [] == problems


@pytest.mark.parametrize(
    "name",
    ["slack_api_url", "discord_webhook_url", "webhook_url", "watchdog_webhook_url", "proxy_url"],
)
def test_a_password_may_be_in_a_secret_address(tmp_path: Path, name: str) -> None:
    _, problems = secrets.read(
        folder(tmp_path, **{name: "https://user:p%40ss@x.example.org/a\r\n"}), {}
    )

    assert [] == problems


def test_a_wrong_secret_stops_before_anything_is_started_and_is_not_shown(tmp_path: Path) -> None:
    files = folder(tmp_path, webhook_url="planted")
    settings = Settings(tmp_path / ".env", {"SECRETS_DIR": str(files)})

    with pytest.raises(StackError) as refusal:
        preflight.check_secrets(settings)

    assert "secret file webhook_url: its content does not begin with http" in str(refusal.value)
    assert "planted" not in str(refusal.value)
