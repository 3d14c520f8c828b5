"""What is killed comes back by itself, with its data, however often `make up` was typed before."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.e2e.conftest import describe, keep_logs
from tests.e2e.sinks import HttpSink, Mailbox
from tests.e2e.stack import Stack, docker, http
from tools.waiting import eventually

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root sees the containers' processes"),
]
PARTS = ("metrics", "prometheus", "alertmanager")
CHANGES = (
    {"ALERT_GROUP_WAIT": "3s"},
    {"RETENTION_TIME": "16d", "METRICS_LOG_LEVEL": "debug"},
    {"STACK_NAME": "again", "ALERT_REPEAT_INTERVAL_CRITICAL": "2h"},
)


@pytest.fixture(scope="module")
def changed(
    tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, sink: HttpSink
) -> Iterator[Stack]:
    """A stack after four times `make up`, each with other settings."""
    stack = describe(tmp_path_factory.mktemp("back"), f"dreamos-back-{os.getpid()}", mailbox, sink)
    try:
        stack.up()
        for change in CHANGES:
            stack.change(**change)
            stack.up()
        push(stack)
        yield stack
    finally:
        keep_logs(stack)
        stack.remove()


def push(stack: Stack) -> None:
    answer = http(
        "PUT",
        stack.url("metrics", "/metrics/job/kept/agent/a/incarnation/1"),
        body=b"# TYPE kept_total counter\nkept_total 7\n",
        headers={
            **stack.push_headers(),
            "Content-Type": "text/plain",
            "Dreamos-Sequence": "1",
            "Dreamos-Final": "1",
        },
    )
    assert 200 == answer.status, answer.text


def silence(stack: Stack) -> str:
    now = datetime.now(timezone.utc)
    body = {
        "matchers": [{"name": "alertname", "value": "Nothing", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "test",
        "comment": "is kept",
    }
    answer = http(
        "POST",
        stack.url("alertmanager", "/api/v2/silences"),
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert 200 == answer.status, answer.text
    return str(answer.json()["silenceID"])


def kill(stack: Stack, service: str) -> None:
    os.kill(int(stack.inspect(service, "{{.State.Pid}}")), signal.SIGKILL)


def exhaust_memory(stack: Stack, service: str) -> None:
    """Let a neighbour take all memory of the container, and the kernel end the part for it."""
    pid = stack.inspect(service, "{{.State.Pid}}")
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    command = ["docker", "exec", stack.container(service), "tail", "/dev/zero"]
    subprocess.run(command, capture_output=True, timeout=300, check=False)


@pytest.mark.parametrize("service", PARTS)
def test_no_part_counts_as_stopped_by_hand(changed: Stack, service: str) -> None:
    # The engine starts nothing again that was, and keeps the mark here only:
    # https://github.com/moby/moby/issues/41302
    root = docker("info", "--format", "{{.DockerRootDir}}").strip()
    kept = Path(root) / "containers" / changed.container(service) / "config.v2.json"

    assert json.loads(kept.read_text())["HasBeenManuallyStopped"] is False


@pytest.mark.parametrize("end", [kill, exhaust_memory])
@pytest.mark.parametrize("service", PARTS)
def test_a_part_that_is_killed_is_healthy_again_with_its_data(
    changed: Stack, service: str, end: object
) -> None:
    assert callable(end)
    kept_silence = silence(changed)
    eventually(lambda: changed.value("kept_total"), within=120)
    then = time.time()
    time.sleep(7)  # silences are written every five seconds
    restarts = int(changed.inspect(service, "{{.RestartCount}}"))

    end(changed, service)

    eventually(lambda: int(changed.inspect(service, "{{.RestartCount}}")) > restarts, within=60)
    eventually(lambda: changed.healthy(service), within=120)
    shown = http("GET", changed.url("metrics", "/metrics"), headers=changed.read_headers())
    assert re.search(r'kept_total\{[^}]*agent="a"[^}]*\} 7', shown.text)
    assert 7 == changed.value("kept_total", at=then)
    silences = http("GET", changed.url("alertmanager", "/api/v2/silences")).json()
    assert kept_silence in [
        found["id"] for found in silences if found["status"]["state"] == "active"
    ]


def test_the_others_run_on_while_settings_of_one_change(changed: Stack) -> None:
    before = {name: changed.inspect(name, "{{.State.StartedAt}}") for name in PARTS}
    changed.change(METRICS_LOG_LEVEL="info", ALERT_GROUP_WAIT="4s")

    changed.up()

    after = {name: changed.inspect(name, "{{.State.StartedAt}}") for name in PARTS}
    assert {"metrics"} == {name for name in PARTS if before[name] != after[name]}
    status = http("GET", changed.url("alertmanager", "/api/v2/status")).json()
    assert "group_wait: 4s" in status["config"]["original"]


@pytest.mark.parametrize("path", ["/-/quit", "/-/reload"])
def test_nobody_can_end_or_reload_prometheus_over_http(changed: Stack, path: str) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}

    answer = http("POST", changed.url("prometheus", path), body=b"", headers=headers)

    assert 403 == answer.status
    assert changed.healthy("prometheus")
