"""Tokens that are bound, what a web page may do, and who is told what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.conftest import Running, ask
from tools.waiting import eventually

BODY = "# TYPE t_total counter\nt_total 1\n"
TOKENS = """\
everything
name=ci jobs=ci-* agents=build-? token=ci-token
name=janitor jobs=ci-* rights=push,delete token=janitor-token
name=past expires=2001-01-01 token=past-token
"""


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(launch: Callable[..., Running], tmp_path: Path) -> Running:
    (tmp_path / "push").write_text(TOKENS)
    (tmp_path / "read").write_text("\ufeffread-token\r\n", encoding="utf-8", newline="")
    return launch(
        METRICS_PUSH_TOKEN_FILE=str(tmp_path / "push"),
        METRICS_READ_TOKEN_FILE=str(tmp_path / "read"),
    )


def test_a_bound_token_pushes_for_its_own_on_both_paths_and_for_nobody_else(
    guarded: Running,
) -> None:
    for _ in range(3):  # the second one is on the fast path
        reply = guarded.push("ci-x/agent/build-1", BODY, **bearer("ci-token"))
        assert 200 == reply.status
    for path in ("web/agent/build-1", "ci-x/agent/other", "ci-x", "ci-x/agent/build-10"):
        assert 200 == guarded.push(path, BODY, **bearer("everything")).status
        for _ in range(2):
            reply = guarded.push(path, BODY.replace("1\n", "2\n"), **bearer("ci-token"))
            assert (403, "forbidden") == (reply.status, reply.text.partition(":")[0])
    shown = guarded.scrape(**bearer("read-token"))
    assert 5 == shown.count("\nt_total{")
    assert "} 2\n" not in "".join(row for row in shown.splitlines(True) if "t_total{" in row)
    assert 'dreamos_ingest_rejected_total{reason="forbidden"} 8\n' in shown


def test_deleting_needs_its_right_and_ending_a_process_does_not(guarded: Running) -> None:
    path = "ci-x/agent/build-1/incarnation/p"
    assert 200 == guarded.push(path, BODY, **bearer("ci-token")).status
    assert 200 == guarded.push(path, "", "DELETE", **bearer("ci-token")).status
    group = "ci-x/agent/build-1"
    assert 403 == guarded.push(group, "", "DELETE", **bearer("ci-token")).status
    assert 403 == guarded.push("web", "", "DELETE", **bearer("janitor-token")).status
    assert 202 == guarded.push(group, "", "DELETE", **bearer("janitor-token")).status
    assert "\nt_total" not in guarded.scrape(**bearer("read-token"))


def test_an_expired_token_is_named_as_such(guarded: Running) -> None:
    reply = guarded.push("ci-x", BODY, **bearer("past-token"))
    assert (401, "unauthorized: the push token has expired\n") == (reply.status, reply.text)


def test_the_names_of_tokens_are_in_the_audit_log(guarded: Running) -> None:
    guarded.push("ci-x", BODY, **bearer("everything"))
    guarded.push("ci-x", "", "DELETE", **bearer("janitor-token"))
    guarded.push("web/agent/build-1", BODY, **bearer("ci-token"))
    text = (guarded.folder / "data" / "audit.jsonl").read_text()
    deleted, refused = (json.loads(line) for line in text.splitlines())
    assert ("delete", "janitor", "accepted") == tuple(
        deleted[key] for key in ("action", "token", "outcome")
    )
    assert ("token_refused", "ci", "refused") == tuple(
        refused[key] for key in ("action", "token", "outcome")
    )
    assert "-token" not in text.replace("token_refused", "")


def test_deletes_of_nothing_do_not_push_the_records_of_others_out(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    service.push("there", BODY)
    service.push("there", "", "DELETE")
    for number in range(50):
        assert 202 == service.push(f"nothing{number}", "", "DELETE").status
    lines = (service.folder / "data" / "audit.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert ["accepted", "stale"] == [record["outcome"] for record in records]


def test_health_says_the_status_to_everybody_and_the_rest_to_readers(guarded: Running) -> None:
    assert {"status": "healthy"} == json.loads(ask(guarded.url + "/health").text)
    for wrong in ("wrong", "ci-token"):
        reply = ask(guarded.url + "/health", None, "GET", **bearer(wrong))
        assert {"status": "healthy"} == json.loads(reply.text)
    full = json.loads(ask(guarded.url + "/health", None, "GET", **bearer("read-token")).text)
    assert {"store", "disk"} <= full["components"].keys()


def test_ready_is_about_the_service_and_health_about_what_it_watches_too(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    probes = tmp_path / "probes.yml"
    probes.write_text(
        "probes:\n  - {name: gone, kind: file, target: /nowhere/at/all, critical: true}\n"
    )
    service = launch(METRICS_PROBES_FILE=str(probes), METRICS_COLLECT_INTERVAL="0.2")
    eventually(lambda: ask(service.url + "/health").status == 503)
    report = json.loads(ask(service.url + "/health").text)
    assert "unhealthy" == report["status"]
    ready = ask(service.url + "/-/ready")
    assert (200, "ready\n") == (ready.status, ready.text)


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_without_tokens_a_web_page_can_neither_push_nor_read_nor_delete(
    shared: Running, headers: dict[str, str]
) -> None:
    for _ in range(2):
        assert 200 == shared.push("origin", BODY).status
    for path in ("/", "/metrics", "/metrics?x", "/metrics/file", "/api/v1/metrics"):
        reply = ask(shared.url + path, None, "GET", **headers)
        assert 403 == reply.status, path
        assert reply.text.startswith("origin: ")
    for method in ("PUT", "POST", "DELETE"):
        assert 403 == shared.push("origin", BODY.replace("1\n", "2\n"), method, **headers).status
    assert 1 == shared.value("t_total", job="origin")


def test_with_tokens_any_name_is_served(guarded: Running) -> None:
    headers = {"Host": "metrics.example.org", **bearer("everything")}
    for _ in range(2):
        assert 200 == guarded.push("named", BODY, **headers).status


def test_a_name_of_ones_own_is_served_when_it_is_configured(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_ALLOWED_HOSTS="metrics.example.org, other.example")
    for host, status in (("metrics.example.org:8000", 200), ("evil.example", 403)):
        assert status == ask(service.url + "/metrics", Host=host).status
        for _ in range(2):
            assert status == service.push("named", BODY, Host=host).status


def test_no_answer_can_be_taken_for_something_else(shared: Running) -> None:
    for _ in range(2):
        assert "nosniff" == shared.push("sniff", BODY).headers["x-content-type-options"]
    for path in ("/", "/metrics", "/metrics?x", "/metrics/file", "/health", "/-/healthy",
                 "/-/ready", "/runbooks/", "/runbooks/AgentLost.md", "/nothing",
                 "/api/v1/metrics"):  # fmt: skip
        assert "nosniff" == ask(shared.url + path).headers["x-content-type-options"], path


def test_an_address_that_ends_in_metrics_is_named(shared: Running) -> None:
    twice = ask(shared.url + "/metrics/metrics/job/j", BODY.encode(), "PUT")
    assert 400 == twice.status
    assert "the path begins with /metrics twice" in twice.text
    bare = ask(shared.url + "/metrics", BODY.encode(), "POST")
    assert 405 == bare.status
    assert "a push goes to /metrics/job/" in bare.text


def test_a_push_that_was_read_line_by_line_is_told_the_limits(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_MAX_SERIES="77", METRICS_MAX_LABEL_VALUE="99")
    told = dict(
        part.split("=")
        for part in service.push("j/agent/A/incarnation/1", BODY)
        .headers["dreamos-limits"]
        .replace(" ", "")
        .split(",")
    )
    assert ("77", "30", "128", "99", "16777216") == tuple(
        told[name] for name in ("series", "labels", "label-name", "label-value", "body")
    )
