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


BAD_FAMILIES = {
    "duplicate": (b"# TYPE x counter\nx 1\nx 2\n", 3),
    "type": (b"# TYPE x wrong\nx 1\n", 1),
    "label": (b'x{0bad="1"} 1\n', 1),
}
BAD = {"syntax": (b"# TYPE x counter\nx{a=\n", 2), **BAD_FAMILIES}


@pytest.mark.parametrize(("body", "line"), BAD.values(), ids=BAD)
def test_a_bad_push_is_answered_with_the_line_and_counted(
    stack: Stack, body: bytes, line: int
) -> None:
    total = "sum(dreamos_ingest_rejected_total)"
    before = stack.value(total) or 0

    url = stack.url("metrics", "/metrics/job/access")
    answer = http("PUT", url, body=body, headers=stack.push_headers())

    assert 400 == answer.status
    assert f"line {line}:" in answer.text
    eventually(lambda: before < (stack.value(total) or 0), within=60)


@pytest.mark.parametrize(("body", "line"), BAD_FAMILIES.values(), ids=BAD_FAMILIES)
def test_a_bad_family_of_a_snapshot_is_named_with_its_line_and_costs_no_other(
    stack: Stack, body: bytes, line: int
) -> None:
    total = "sum(dreamos_ingest_rejected_families_total) + sum(dreamos_ingest_rejected_total)"
    before = stack.value(total) or 0
    snapshot = b"# TYPE good_total counter\ngood_total 1\n" + body

    answer = http("PUT", stack.url("metrics", PUSH), body=snapshot, headers=stack.push_headers())

    assert 200 == answer.status
    assert f"line {line + 2}:" in answer.text
    assert (
        "1" == {name.lower(): value for name, value in answer.headers.items()}["dreamos-rejected"]
    )
    eventually(lambda: before < (stack.value(total) or 0), within=60)
    shown = http("GET", stack.url("metrics", "/metrics"), headers=stack.read_headers())
    assert "good_total{" in shown.text
    # The agents of the tests that follow are counted.
    agent = stack.url("metrics", "/metrics/job/access/agent/intruder")
    assert 202 == http("DELETE", agent, headers=stack.push_headers()).status
