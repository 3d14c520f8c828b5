"""What the person who types `make up` meets: also when something is wrong."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import describe, remove_image
from tests.e2e.sinks import HttpSink, Mailbox
from tests.e2e.stack import ROOT, Stack, http
from tools.waiting import eventually

pytestmark = pytest.mark.stack


@pytest.fixture
def another(tmp_path: Path, mailbox: Mailbox, sink: HttpSink) -> Stack:
    """A stack that is described but not started."""
    return describe(tmp_path, f"dreamos-other-{os.getpid()}", mailbox, sink)


def change(stack: Stack, name: str, value: str) -> None:
    text = stack.env_file.read_text()
    kept = "".join(line + "\n" for line in text.splitlines() if not line.startswith(f"{name}="))
    stack.env_file.write_text(f"{kept}{name}={value}\n")


def containers(stack: Stack) -> list[str]:
    label = f"label=com.docker.compose.project={stack.project}"
    command = ["docker", "ps", "--all", "--quiet", "--filter", label]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.split()


def test_up_prints_each_address_and_where_the_passwords_lie(stack: Stack) -> None:
    for service in ("metrics", "prometheus", "alertmanager"):
        assert stack.url(service) in stack.output
    assert "push/token" in stack.output
    assert "grafana/admin_password" in stack.output


def test_up_says_how_long_each_part_took_to_be_ready(stack: Stack) -> None:
    ready = set(re.findall(r"(\w+) ready after \d+\.\d s", stack.output))

    assert {"metrics", "prometheus", "alertmanager"} <= ready


def test_no_secret_is_printed_and_none_is_readable_by_others(stack: Stack) -> None:
    files = [path for path in stack.secrets.rglob("*") if path.is_file()]

    assert files
    for path in files:
        assert 0o600 == stat.S_IMODE(path.stat().st_mode), path
        assert path.read_text().strip() not in stack.output


def test_a_second_up_changes_nothing_that_runs(stack: Stack) -> None:
    before = started_at(stack)

    again = stack.tool("up")

    assert 0 == again.returncode, again.stdout + again.stderr
    assert before == started_at(stack)


def started_at(stack: Stack) -> dict[str, str]:
    names = ["metrics", "prometheus", "alertmanager"]
    ids = stack.compose("ps", "--quiet", *names).stdout.split()
    command = ["docker", "inspect", "-f", "{{.Id}} {{.State.StartedAt}}", *ids]
    lines = subprocess.run(command, text=True, capture_output=True, check=True).stdout.splitlines()
    return dict(line.split() for line in lines)


def test_status_shows_every_target_up(stack: Stack) -> None:
    def all_up() -> bool:
        shown = stack.tool("status")
        assert 0 == shown.returncode, shown.stdout + shown.stderr
        jobs = dict(re.findall(r"^    ([\w-]+) +(up|down|unknown)", shown.stdout, re.MULTILINE))
        return {"dreamos-metrics", "prometheus", "alertmanager"} <= set(jobs) and {"up"} == set(
            jobs.values()
        )

    eventually(all_up, within=60)


def test_ports_are_open_on_loopback_only(stack: Stack) -> None:
    listing = stack.compose("ps", "--format", "{{.Ports}}").stdout

    assert "127.0.0.1:" in listing
    assert "0.0.0.0:" not in listing


def test_containers_run_without_privileges(stack: Stack) -> None:
    shape = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}"
    for container in stack.compose("ps", "--quiet").stdout.split():
        command = ["docker", "inspect", "-f", shape, container]
        shown = subprocess.run(command, text=True, capture_output=True, check=True).stdout
        user, readonly, dropped = shown.split()

        assert not user.startswith("0")
        assert ("true", "[ALL]") == (readonly, dropped)


def test_a_wrong_setting_stops_up_before_anything_is_started(another: Stack) -> None:
    change(another, "PROMETHEUS_PORT", "ninety")

    refused = another.tool("up")

    assert 1 == refused.returncode
    assert "PROMETHEUS_PORT: 'ninety'" in refused.stderr
    assert "for example PROMETHEUS_PORT=9090" in refused.stderr
    assert [] == containers(another)


def test_a_port_in_use_stops_up_and_names_the_variable(another: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        change(another, "ALERTMANAGER_PORT", str(port))

        refused = another.tool("up")

    assert 1 == refused.returncode
    assert f"port {port}" in refused.stderr
    assert "ALERTMANAGER_PORT=" in refused.stderr
    assert [] == containers(another)


def test_two_services_on_one_port_are_refused(another: Stack) -> None:
    change(another, "ALERTMANAGER_PORT", str(another.ports["prometheus"]))

    refused = another.tool("up")

    assert 1 == refused.returncode
    assert "ALERTMANAGER_PORT" in refused.stderr
    assert [] == containers(another)


def test_a_part_that_does_not_start_is_named_with_its_last_lines(another: Stack) -> None:
    # A Prometheus image that is no Prometheus: its check ends with an error.
    change(another, "PROMETHEUS_IMAGE", f"dreamos/metrics:{another.project}-not-prometheus")
    image = f"dreamos/metrics:{another.project}-not-prometheus"
    source = python_image()
    subprocess.run(["docker", "tag", source, image], check=True)
    try:
        failed = another.tool("up")
    finally:
        subprocess.run(["docker", "image", "rm", image], capture_output=True, check=False)
        remove_image(another)

    assert 1 == failed.returncode
    assert "prometheus" in failed.stderr
    assert [] == containers(another)


def python_image() -> str:
    command = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "dreamos-local/python"]
    listed = subprocess.run(command, text=True, capture_output=True, check=True).stdout.split()
    return listed[0] if listed else "busybox"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_during_up_leaves_nothing_half_started(
    another: Stack, signum: signal.Signals
) -> None:
    process = subprocess.Popen(
        another.tool_command("up"),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        eventually(lambda: containers(another), within=300, every=0.1)
        process.send_signal(signum)
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        remove_image(another)

    assert 130 == process.returncode, output
    assert "Interrupted" in output
    assert [] == containers(another)


def test_down_keeps_data_and_secrets(another: Stack) -> None:
    try:
        started = another.tool("up")
        assert 0 == started.returncode, started.stdout + started.stderr
        token = another.secret("push/token")
        pushed = http(
            "PUT",
            another.url("metrics", "/metrics/job/kept/agent/a/incarnation/1"),
            body=b"# TYPE kept_total counter\nkept_total 7\n",
            headers={
                **another.push_headers(),
                "Content-Type": "text/plain",
                "Dreamos-Sequence": "1",
                "Dreamos-Final": "1",
            },
        )
        assert 200 == pushed.status, pushed.text
        assert 0 == another.tool("down").returncode
        assert [] == containers(another)

        assert 0 == another.tool("up").returncode

        assert token == another.secret("push/token")
        shown = http("GET", another.url("metrics", "/metrics"), headers=another.read_headers())
        assert re.search(r'kept_total\{[^}]*agent="a"[^}]*\} 7', shown.text)
    finally:
        another.tool("down", "--volumes")
        remove_image(another)
    assert [] == containers(another)
