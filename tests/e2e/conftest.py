"""One stack for all end-to-end tests, with a sink for each kind of notification."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.sinks import HttpSink, Mailbox, http_sink, smtp_sink
from tests.e2e.stack import Stack, free_ports
from tests.unit.observer.workspaces import from_samples

SERVICES = ("metrics", "prometheus", "alertmanager", "grafana")


@pytest.fixture(scope="session")
def gateway() -> str:
    """The address under which containers reach this machine."""
    command = ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def mailbox(gateway: str) -> Iterator[Mailbox]:
    with smtp_sink(gateway) as sink:
        yield sink


@pytest.fixture(scope="session")
def sink(gateway: str) -> Iterator[HttpSink]:
    with http_sink(gateway) as running:
        yield running


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, sink: HttpSink
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    stack = describe(folder, f"dreamos-test-{os.getpid()}", mailbox, sink)
    started = stack.tool("up")
    stack.output = started.stdout
    try:
        assert 0 == started.returncode, started.stdout + started.stderr
        yield stack
    finally:
        keep_logs(stack)
        stack.tool("down", "--volumes")
        remove_image(stack)


def describe(folder: Path, project: str, mailbox: Mailbox, sink: HttpSink) -> Stack:
    """Write settings, receivers' secrets and a Dream.OS workspace for a stack with short intervals."""
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    secrets = folder / "secrets"
    host = "host.docker.internal"
    receivers = {
        "slack_api_url": f"http://{host}:{sink.port}/slack",
        "pagerduty_routing_key": "0123456789abcdef0123456789abcdef",
        "webhook_url": f"http://{host}:{sink.port}/webhook",
        "watchdog_webhook_url": f"http://{host}:{sink.port}/watchdog",
    }
    (secrets / "alertmanager").mkdir(parents=True)
    for name, text in receivers.items():
        (secrets / "alertmanager" / name).write_text(text + "\n", encoding="utf-8")
    from_samples(folder / "workspace")
    settings = {
        "WORKSPACE_DIR": str(folder / "workspace"),
        **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
        "STACK_NAME": "endtoend",
        "SECRETS_DIR": str(secrets),
        "SCRAPE_INTERVAL": "2s",
        "EVALUATION_INTERVAL": "2s",
        "ALERT_GROUP_WAIT": "2s",
        "ALERT_GROUP_INTERVAL": "5s",
        "SMTP_SMARTHOST": f"{host}:{mailbox.port}",
        "SMTP_FROM": "dreamos@example.org",
        "SMTP_REQUIRE_TLS": "false",
        "ALERT_EMAIL_TO": "oncall@example.org",
        "PAGERDUTY_URL": f"http://{host}:{sink.port}/pagerduty/v2/enqueue",
        "PAGERDUTY_SEVERITIES": "critical,warning",
    }
    # The containers run as another user than the one whose private folder pytest made this in.
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)
    env_file = folder / "test.env"
    env_file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return Stack(project, env_file, secrets, ports)


def keep_logs(stack: Stack) -> None:
    """Print what the containers wrote: pytest shows it when a test failed."""
    print(stack.compose("logs", "--no-color", "--tail", "200").stdout)


def remove_image(stack: Stack) -> None:
    """Remove the service's image of this project; its layers are shared with the next build."""
    image = f"dreamos/metrics:{stack.project}"
    subprocess.run(["docker", "image", "rm", image], capture_output=True, check=False)
