"""In Compose nothing is read or written without its token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.stack import Stack, http
from tools.waiting import eventually

pytestmark = pytest.mark.stack

BODY = b"# TYPE refused_total counter\nrefused_total 1\n"
PUSH = "/metrics/job/access/agent/intruder/incarnation/1"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic d3Jvbmc6d3Jvbmc="}],
    ids=["none", "wrong", "wrong-basic"],
)
def test_a_push_without_the_token_is_refused_and_changes_nothing(
    stack: Stack, headers: dict[str, str]
) -> None:
    answer = http("PUT", stack.url("metrics", PUSH), body=BODY, headers=headers)

    assert 401 == answer.status
    shown = http("GET", stack.url("metrics", "/metrics"), headers=stack.read_headers())
    assert "refused_total" not in shown.text


@pytest.mark.parametrize("path", ["/metrics", "/metrics/file"])
def test_a_scrape_without_the_token_is_refused(stack: Stack, path: str) -> None:
    answer = http("GET", stack.url("metrics", path))

    assert 401 == answer.status
    assert "www-authenticate" in {name.lower() for name in answer.headers}


def test_the_reading_token_does_not_let_a_push_in(stack: Stack) -> None:
    answer = http("PUT", stack.url("metrics", PUSH), body=BODY, headers=stack.read_headers())

    assert 401 == answer.status


def test_refusals_are_counted_and_logged(stack: Stack) -> None:
    before = stack.value('sum(dreamos_auth_failures_total{kind="push"})') or 0

    http("PUT", stack.url("metrics", PUSH), body=BODY)

    counted = 'sum(dreamos_auth_failures_total{kind="push"})'
    eventually(lambda: before < (stack.value(counted) or 0), within=60)
    log = stack.compose("logs", "--no-color", "metrics").stdout
    assert "401" in log or "token" in log
    assert stack.secret("push/token") not in log
    assert stack.secret("read/token") not in log


@pytest.mark.parametrize("path", ["/health", "/-/healthy", "/-/ready"])
def test_health_is_open_and_good(stack: Stack, path: str) -> None:
    assert 200 == http("GET", stack.url("metrics", path)).status


def test_health_names_each_component(stack: Stack) -> None:
    # For the first seconds the parts that start after the service are not there yet.
    health = eventually(lambda: healthy(stack), within=60)

    assert {"store", "disk", "collectors", "dependencies"} <= set(health["components"])


def healthy(stack: Stack) -> Any:
    health = http("GET", stack.url("metrics", "/health"), headers=stack.read_headers()).json()
    assert "healthy" == health["status"], health
    return health


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"# TYPE x counter\nx{a=\n", "line 2"),
        (b"# TYPE x counter\nx 1\nx 2\n", "line 3"),
        (b"# TYPE x wrong\nx 1\n", "line 1"),
        (b'x{0bad="1"} 1\n', "line 1"),
    ],
    ids=["syntax", "duplicate", "type", "label"],
)
def test_a_bad_push_is_answered_with_the_line_and_counted(
    stack: Stack, body: bytes, reason: str
) -> None:
    before = stack.value("sum(dreamos_ingest_rejected_total)") or 0

    answer = http("PUT", stack.url("metrics", PUSH), body=body, headers=stack.push_headers())

    assert 400 == answer.status
    assert reason in answer.text
    total = "sum(dreamos_ingest_rejected_total)"
    eventually(lambda: before < (stack.value(total) or 0), within=60)
