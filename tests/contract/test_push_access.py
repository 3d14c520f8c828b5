"""Who may push and read, and what everybody may ask."""

from __future__ import annotations

import base64
import http.client
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.conftest import ROOT, Running, ask
from tools.waiting import eventually_equal

BODY = "# TYPE t_total counter\nt_total 1\n"


@pytest.fixture
def guarded(launch: Callable[..., Running], tmp_path: Path) -> Running:
    for kind in ("push", "read"):
        (tmp_path / kind).write_text(f"{kind}-token\n")
    return launch(
        METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"),
        METRICS_READ_TOKEN_FILE=str(tmp_path / "read"),
    )


def test_a_push_or_a_scrape_without_the_right_token_is_refused_counted_and_logged(
    guarded: Running,
) -> None:
    assert 401 == guarded.push("j", BODY).status
    assert 401 == guarded.push("j", BODY, Authorization="Bearer read-token").status
    assert 401 == ask(guarded.url + "/metrics").status
    assert 401 == ask(guarded.url + "/metrics/file").status
    read = {"Authorization": "Bearer read-token"}
    text = guarded.scrape(**read)
    assert 'dreamos_auth_failures_total{kind="push"} 2\n' in text
    assert 'dreamos_auth_failures_total{kind="read"} 2\n' in text
    assert 'dreamos_ingest_rejected_total{reason="unauthorized"} 4\n' in text
    assert "\nt_total" not in text
    assert 4 == guarded.log.count("refused to")
    assert "read-token" not in guarded.log


def test_bearer_and_basic_carry_the_token(guarded: Running) -> None:
    basic = base64.b64encode(b"anybody:push-token").decode()
    assert 200 == guarded.push("j", BODY, Authorization=f"Basic {basic}").status
    assert 200 == guarded.push("j", BODY, Authorization="Bearer push-token").status


def test_health_needs_no_token(guarded: Running) -> None:
    for path in ("/health", "/-/healthy", "/-/ready"):
        assert 200 == ask(guarded.url + path).status


def test_a_token_is_changed_without_a_restart(guarded: Running, tmp_path: Path) -> None:
    (tmp_path / "push").write_text("old-one\nnew-one\n")
    new = {"Authorization": "Bearer new-one"}
    eventually_equal(200, lambda: guarded.push("j", BODY, **new).status)
    assert 200 == guarded.push("j", BODY, Authorization="Bearer old-one").status
    assert 401 == guarded.push("j", BODY, Authorization="Bearer push-token").status


def test_who_guesses_is_slowed_down(launch: Callable[..., Running], tmp_path: Path) -> None:
    (tmp_path / "push").write_text("the-token\n")
    service = launch(METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"), METRICS_MAX_AUTH_FAILURES="3")
    guesses = [service.push("j", BODY, Authorization=f"Bearer {i}").status for i in range(5)]
    assert [401, 401, 401, 429, 429] == guesses
    assert 200 == service.push("j", BODY, Authorization="Bearer the-token").status


def test_guesses_over_one_connection_count_once_each(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "push").write_text("the-token\n")
    service = launch(METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"), METRICS_MAX_AUTH_FAILURES="3")
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    statuses = []
    for token in ["the-token", "the-token", *"01234", "the-token"]:
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("PUT", "/metrics/job/j", BODY, headers)
        reply = connection.getresponse()
        reply.read()
        statuses.append(reply.status)
    connection.close()
    assert [200, 200, 401, 401, 401, 429, 429, 200] == statuses


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.start_metrics_server", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_listens_to_other_machines_only_with_tokens_or_when_told_aloud() -> None:
    refused = command("--host", "0.0.0.0")
    assert 2 == refused.returncode
    assert "--allow-unauthenticated" in refused.stderr


def test_it_refuses_a_second_worker_and_says_why() -> None:
    refused = command("--workers", "2")
    assert 2 == refused.returncode
    assert "one process" in refused.stderr


def test_a_token_file_that_cannot_be_read_stops_the_start_with_one_line(tmp_path: Path) -> None:
    refused = command("--push-token-file", str(tmp_path / "nowhere"))
    assert 2 == refused.returncode
    assert 1 == refused.stderr.count("\n")
    assert "nowhere" in refused.stderr


def test_a_bad_setting_stops_the_start_with_its_name_and_an_example() -> None:
    refused = command(METRICS_PORT="http")
    assert 2 == refused.returncode
    assert "METRICS_PORT=http is not a whole number; example: 8000" in refused.stderr


def test_no_answer_shows_a_token_or_a_path_of_the_machine(guarded: Running, tmp_path: Path) -> None:
    push = {"Authorization": "Bearer push-token"}
    guarded.push("j/agent/A/incarnation/1", BODY, **push)
    guarded.push("j", "what is this\n", **push)
    pages = ["/", "/metrics", "/metrics/file", "/metrics/file?format=json", "/health", "/runbooks/",
             "/-/ready", "/-/healthy", "/api/v1/metrics", "/api/v1/status", "/nothing"]  # fmt: skip
    for page in pages:
        for token in ("none", "push-token", "read-token"):
            headers = {"Authorization": f"Bearer {token}"} if token != "none" else {}
            reply = ask(guarded.url + page, None, "GET", **headers)
            shown = f"{reply.headers}{reply.text}"
            assert reply.status < 500
            for secret in ("push-token", "read-token", str(tmp_path), str(ROOT)):
                assert secret not in shown, (page, secret)
