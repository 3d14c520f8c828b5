"""`make test-alert` against a running stack: who takes the alert, who does not, and why."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import keep_logs, remove_image
from tests.e2e.sinks import NEVER, HttpSink, Mailbox, http_sink, smtp_sink
from tests.e2e.stack import Stack, docker, free_ports, http
from tools.waiting import eventually

pytestmark = pytest.mark.stack

HOST = "host.docker.internal"
SENDER = "dreamos@example.org"
SLACK_PATH = "/services/T0/B0/secret-of-the-hook"
BOT = "123456:secret-of-the-bot"
TELEGRAM = f"/bot{BOT}/sendMessage"
TOKEN_REFUSED = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
# The machine has much else to do: a slow answer is no refusal.
PATIENT = ("--within", "120")


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[int, bytes]]:
    """What each receiver answers; a test that changes one puts it back."""
    return {
        SLACK_PATH: (404, b"no_service"),
        "/pagerduty/v2/enqueue": (202, b'{"status":"success","message":"Event processed"}'),
        "/webhook": (200, b""),
        "/watchdog": (200, b""),
        "/teams": (NEVER, b""),
        TELEGRAM: (401, TOKEN_REFUSED),
    }


@pytest.fixture(scope="module")
def hooks(gateway: str, answers: dict[str, tuple[int, bytes]]) -> Iterator[HttpSink]:
    with http_sink(gateway, answers=answers) as running:
        yield running


@pytest.fixture(scope="module")
def post_office(gateway: str) -> Iterator[Mailbox]:
    with smtp_sink(gateway) as running:
        running.refused_sender = SENDER
        yield running


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, gateway: str, hooks: HttpSink, post_office: Mailbox
) -> Iterator[Stack]:
    """A stack of this file's own: of its eight receivers three take what they get."""
    stack = describe(tmp_path_factory.mktemp("delivery"), gateway, hooks, post_office)
    try:
        stack.up()
        yield stack
    finally:
        keep_logs(stack)
        stack.tool("down", "--volumes")
        remove_image(stack)


def describe(folder: Path, gateway: str, hooks: HttpSink, post_office: Mailbox) -> Stack:
    names = ("metrics", "prometheus", "alertmanager", "grafana")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    closed = free_ports(1, gateway)[0]
    base = f"http://{HOST}:{hooks.port}"
    receivers = {
        "slack_api_url": base + SLACK_PATH,
        "pagerduty_routing_key": "0123456789abcdef0123456789abcdef",
        "webhook_url": f"{base}/webhook",
        "watchdog_webhook_url": f"{base}/watchdog",
        "teams_webhook_url": f"{base}/teams",
        "telegram_bot_token": BOT,
        "discord_webhook_url": f"http://{HOST}:{closed}/api/webhooks/1/secret-of-discord",
    }
    (folder / "secrets/alertmanager").mkdir(parents=True)
    for name, text in receivers.items():
        (folder / "secrets/alertmanager" / name).write_text(text + "\n", encoding="utf-8")
    settings = {
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
        "GRAFANA_ENABLED": "0",
        "STACK_NAME": "delivery",
        "SECRETS_DIR": str(folder / "secrets"),
        # Everything that would keep a message back, and does not concern a test.
        "ALERT_GROUP_WAIT": "1h",
        "ALERT_QUIET_HOURS": "00:00-23:59",
        "SMTP_SMARTHOST": f"{HOST}:{post_office.port}",
        "SMTP_FROM": SENDER,
        "SMTP_REQUIRE_TLS": "false",
        "ALERT_EMAIL_TO": "oncall@example.org",
        "PAGERDUTY_URL": f"{base}/pagerduty/v2/enqueue",
        "TELEGRAM_CHAT_ID": "-1001234567890",
        "TELEGRAM_URL": base,
    }
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)
    env_file = folder / "test.env"
    env_file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return Stack(f"dl-test-{os.getpid()}", env_file, folder / "secrets", ports)


def line_of(name: str, output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.startswith(f"  {name} ")]
    assert 1 == len(lines), output
    return lines[0].removeprefix(name).strip()


@pytest.fixture(scope="module")
def report(stack: Stack) -> subprocess.CompletedProcess[str]:
    """What the command said of all receivers at once."""
    return stack.tool("test-alert", *PATIENT)


def test_it_fails_when_one_receiver_does_and_names_them(
    report: subprocess.CompletedProcess[str],
) -> None:
    assert 1 == report.returncode, report.stdout + report.stderr
    assert "5 of 8 failed: discord, email, slack, teams, telegram" in report.stderr


@pytest.mark.parametrize("name", ["pagerduty", "webhook", "watchdog"])
def test_what_is_taken_is_told_whatever_the_others_do(
    report: subprocess.CompletedProcess[str], name: str
) -> None:
    assert line_of(name, report.stdout).startswith("delivered after ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slack", "404"),
        ("slack", "no_service"),
        ("slack", "was the hook deleted?"),
        ("telegram", "Unauthorized"),
        ("telegram", "does not accept the token"),
        ("discord", "connection refused"),
        ("discord", "nothing listens at that address"),
        ("teams", "deadline exceeded"),
        ("teams", "never answered"),
        ("email", "5.7.1 dreamos@example.org may not send here"),
        ("email", "refuses the sender, SMTP_FROM"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_other_side_and_with_what_it_means(
    report: subprocess.CompletedProcess[str], name: str, reason: str
) -> None:
    line = line_of(name, report.stdout)
    assert line.startswith("FAILED: ")
    assert reason in line


def test_no_secret_is_shown(report: subprocess.CompletedProcess[str]) -> None:
    assert "secret-of" not in report.stdout + report.stderr


def test_the_message_says_that_it_is_a_test(
    report: subprocess.CompletedProcess[str], hooks: HttpSink
) -> None:
    message = hooks.at("/webhook")[0].body
    assert {
        "alertname": "TestAlert",
        "severity": "info",
        "job": "test-alert",
        "stack": "delivery",
    } == message["commonLabels"]
    assert message["commonAnnotations"]["summary"].startswith("TEST: ")
    assert 1 == len(hooks.at("/webhook"))


def test_an_incident_that_it_opened_is_closed(
    report: subprocess.CompletedProcess[str], hooks: HttpSink
) -> None:
    events = [request.body for request in hooks.at("/pagerduty/v2/enqueue")]
    assert ["trigger", "resolve"] == [event["event_action"] for event in events]
    assert 1 == len({event["dedup_key"] for event in events})
    assert events[0]["payload"]["summary"].startswith("[FIRING · info] TestAlert")


def test_the_live_alertmanager_heard_of_nothing(
    report: subprocess.CompletedProcess[str], stack: Stack
) -> None:
    alerts = http("GET", stack.url("alertmanager", "/api/v2/alerts")).json()
    assert "TestAlert" not in {alert["labels"]["alertname"] for alert in alerts}


def test_nothing_stays_behind(report: subprocess.CompletedProcess[str], stack: Stack) -> None:
    assert "" == containers_of_a_test(stack)


def containers_of_a_test(stack: Stack) -> str:
    return docker("ps", "--all", "--quiet", "--filter", f"name={stack.project}-test-alert-").strip()


def test_a_receiver_that_was_mended_is_delivered_to_and_the_command_succeeds(
    report: subprocess.CompletedProcess[str],
    stack: Stack,
    hooks: HttpSink,
    post_office: Mailbox,
    answers: dict[str, tuple[int, bytes]],
) -> None:
    before = len(hooks.at("/webhook"))
    post_office.refused_sender = ""
    answers[SLACK_PATH] = (200, b"ok")
    try:
        done = stack.tool("test-alert", *PATIENT, "email,slack")
    finally:
        post_office.refused_sender = SENDER
        answers[SLACK_PATH] = (404, b"no_service")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "All delivered (2)" in done.stdout
    assert "TEST: " in post_office.messages[-1].as_string()
    assert "TestAlert" in post_office.messages[-1]["Subject"]
    assert before == len(hooks.at("/webhook"))


def test_an_unknown_receiver_is_refused_with_the_names_of_all(stack: Stack) -> None:
    done = stack.tool("test-alert", "slcak")
    assert 1 == done.returncode
    assert "unknown receiver: slcak" in done.stderr
    for name in ("email", "slack", "pagerduty", "discord", "teams", "telegram", "webhook"):
        assert name in done.stderr


@pytest.fixture
def silent(gateway: str) -> Iterator[int]:
    """A port where connections are taken by the kernel, and by nobody else."""
    with socket.create_server((gateway, 0)) as server:
        yield server.getsockname()[1]


def test_a_channel_that_is_not_there_and_a_mail_server_that_never_speaks_are_told(
    stack: Stack, hooks: HttpSink, answers: dict[str, tuple[int, bytes]], silent: int
) -> None:
    answers["/chat.postMessage"] = (200, b'{"ok":false,"error":"channel_not_found"}')
    (stack.secrets / "alertmanager/slack_api_url").unlink()
    (stack.secrets / "alertmanager/slack_bot_token").write_text("xoxb-secret-of-the-app\n")
    address = f"http://{HOST}:{hooks.port}/chat.postMessage"
    stack.change(SLACK_URL=address, SLACK_CHANNEL="alerts", SMTP_SMARTHOST=f"{HOST}:{silent}")
    stack.up()
    done = stack.tool("test-alert", "slack", "email", "webhook", "--within", "20")
    assert 1 == done.returncode
    assert "channel_not_found" in line_of("slack", done.stdout)
    assert "no such channel, or the bot is not in it" in line_of("slack", done.stdout)
    assert line_of("email", done.stdout).startswith("FAILED: ")
    assert line_of("webhook", done.stdout).startswith("delivered")
    assert "secret-of" not in done.stdout + done.stderr


def test_ctrl_c_leaves_nothing(
    stack: Stack, hooks: HttpSink, answers: dict[str, tuple[int, bytes]]
) -> None:
    before = len(hooks.at("/teams"))
    command = stack.tool_command("test-alert", *PATIENT, "teams")
    with subprocess.Popen(command, cwd=stack.root, stderr=subprocess.PIPE, text=True) as running:
        eventually(lambda: len(hooks.at("/teams")) > before, within=120)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    assert 130 == running.returncode
    assert "Interrupted" in said
    assert "" == containers_of_a_test(stack)


def test_down_removes_what_a_killed_one_left(stack: Stack, hooks: HttpSink) -> None:
    before = len(hooks.at("/teams"))
    command = stack.tool_command("test-alert", *PATIENT, "teams")
    with subprocess.Popen(command, cwd=stack.root, stdout=subprocess.DEVNULL) as running:
        eventually(lambda: len(hooks.at("/teams")) > before, within=120)
        running.kill()
    assert "" != containers_of_a_test(stack)
    done = stack.tool("down")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" == containers_of_a_test(stack)


def test_a_stack_that_is_down_is_told(stack: Stack) -> None:
    assert 0 == stack.tool("down").returncode
    done = stack.tool("test-alert")
    assert 1 == done.returncode
    assert "the stack is not running" in done.stderr
    assert "`make up` starts it" in done.stderr
