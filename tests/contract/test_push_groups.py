"""Groups without an incarnation: what users of the Pushgateway are used to."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)
from prometheus_client.exposition import basic_auth_handler

from tests.contract.conftest import Running, ask
from tools.waiting import eventually_equal


def gauge(name: str, value: float, labels: str = "") -> str:
    return f"# TYPE {name} gauge\n{name}{labels} {value}\n"


def test_put_replaces_the_group(shared: Running) -> None:
    shared.push("put", gauge("a", 1) + gauge("b", 2))
    shared.push("put", gauge("b", 3))
    assert (None, 3) == (shared.value("a", job="put"), shared.value("b", job="put"))


def test_post_replaces_by_metric_name(shared: Running) -> None:
    shared.push("post", gauge("a", 1, '{x="1"}') + gauge("b", 2))
    shared.push("post", gauge("a", 3, '{x="2"}'), "POST")
    assert 2 == shared.value("b", job="post")
    assert 3 == shared.value("a", job="post", x="2")
    assert None is shared.value("a", job="post", x="1")


def test_delete_deletes_the_group_and_nothing_else(shared: Running) -> None:
    shared.push("del", gauge("a", 1))
    shared.push("del/instance/x", gauge("a", 2))
    assert 202 == shared.push("del", method="DELETE").status
    assert 2 == shared.value("a", job="del", instance="x")
    assert None is shared.value("a", job="del", instance="")
    assert 202 == shared.push("never-seen", method="DELETE").status


def test_an_empty_put_empties_the_group_and_says_when(shared: Running) -> None:
    shared.push("empty", gauge("a", 1))
    before = time.time() - 1
    assert 200 == shared.push("empty", "").status
    assert None is shared.value("a", job="empty")
    assert before < (shared.value("push_time_seconds", job="empty") or 0)


def test_values_may_be_base64_with_and_without_padding(shared: Running) -> None:
    for number, value in enumerate(("/var/tmp", "a", "ab", "ünï/çode")):
        coded = base64.urlsafe_b64encode(value.encode()).decode()
        for form in (coded, coded.rstrip("=")):
            path = f"b64/n/{number}/dir@base64/{form}"
            assert 200 == shared.push(path, gauge("a", number)).status
        assert number == shared.value("a", job="b64", dir=value)
    assert 200 == shared.push("b64/dir@base64/=", gauge("empty_dir", 1)).status


def test_labels_of_the_url_override_those_of_the_body(shared: Running) -> None:
    shared.push("over/x/url", gauge("a", 1, '{x="body",y="kept",job="other"}'))
    assert 1 == shared.value("a", job="over", x="url", y="kept")


def test_the_instance_is_empty_unless_somebody_names_one(shared: Running) -> None:
    shared.push("inst", gauge("a", 1) + gauge("b", 2, '{instance="own"}'))
    assert 1 == shared.value("a", job="inst", instance="")
    assert 2 == shared.value("b", job="inst", instance="own")
    assert 'instance=""' not in next(
        line for line in shared.scrape().splitlines() if 'instance="own"' in line
    )


def test_times_of_success_and_failure_are_shown(shared: Running) -> None:
    shared.push("times", gauge("a", 1))
    assert 0 == shared.value("push_failure_time_seconds", job="times")
    pushed = shared.value("push_time_seconds", job="times")
    assert 400 == shared.push("times", "a one\n").status
    assert (shared.value("push_failure_time_seconds", job="times") or 0) >= (pushed or 0) > 0
    assert pushed == shared.value("push_time_seconds", job="times")
    assert 1 == shared.value("a", job="times")


def test_a_push_that_does_not_fit_the_others_is_refused(shared: Running) -> None:
    shared.push("fit", gauge("kind_of", 1))
    reply = shared.push("misfit", "# TYPE kind_of counter\nkind_of 1\n")
    assert 400 == reply.status
    assert "inconsistent" in reply.text
    assert None is shared.value("kind_of", job="misfit")
    shared.push("fit", method="DELETE")
    assert 200 == shared.push("misfit", "# TYPE kind_of counter\nkind_of 1\n").status


def test_two_groups_cannot_hold_one_series(shared: Running) -> None:
    shared.push("twice", gauge("only_once", 1, '{shelf="x"}'))
    reply = shared.push("twice/shelf/x", gauge("only_once", 2))
    assert 400 == reply.status
    assert "inconsistent" in reply.text
    assert 1 == shared.value("only_once", job="twice")
    assert 200 == shared.push("twice/shelf/y", gauge("only_once", 2)).status


def test_a_group_with_a_time_to_live_expires(launch: Callable[..., Running]) -> None:
    service = launch()
    service.push("short", gauge("a", 1), Dreamos_TTL="0.1")
    service.push("long", gauge("a", 1))
    eventually_equal(None, lambda: service.value("a", job="short"))
    assert 1 == service.value("a", job="long")
    assert None is service.value("push_time_seconds", job="short")


@pytest.mark.parametrize("guarded", [False, True])
def test_prometheus_client_pushes_unchanged(
    launch: Callable[..., Running], tmp_path: Path, guarded: bool
) -> None:
    environment: dict[str, str] = {}
    options: dict[str, Any] = {}
    if guarded:
        (tmp_path / "token").write_text("the-token\n")
        environment["METRICS_PUSH_TOKEN_FILE"] = str(tmp_path / "token")
        options["handler"] = lambda url, method, timeout, headers, data: basic_auth_handler(
            url, method, timeout, headers, data, "anybody", "the-token"
        )
    service = launch(**environment)
    registry = CollectorRegistry()
    Counter("runs", "Runs.", registry=registry).inc(3)
    Gauge("g", "A gauge.", ["x"], registry=registry).labels('q"\n\\').set(0.5)
    Histogram("h", "A histogram.", registry=registry).observe(2)
    key = {"path": "/var/x", "instance": "i"}
    push_to_gateway(service.url, "client", registry, key, compression="gzip", **options)
    assert 3 == service.value("runs_total", job="client", path="/var/x")
    assert 1 == service.value("h_bucket", job="client", le="2.5")
    more = CollectorRegistry()
    Gauge("g", "A gauge.", ["x"], registry=more).labels("b").set(7)
    pushadd_to_gateway(service.url, "client", more, key, **options)
    assert 3 == service.value("runs_total", job="client")
    assert 7 == service.value("g", job="client")
    delete_from_gateway(service.url, "client", key, **options)
    assert None is service.value("runs_total", job="client")


def test_the_pushgateways_interface_lists_the_groups(shared: Running) -> None:
    shared.push(
        "listed/instance/i", "# HELP a_total How many.\n# TYPE a_total counter\na_total 4\n"
    )
    answer = json.loads(ask(shared.url + "/api/v1/metrics").text)
    assert "success" == answer["status"]
    group = next(g for g in answer["data"] if g["labels"]["job"] == "listed")
    assert {"job": "listed", "instance": "i"} == group["labels"]
    assert group["last_push_successful"] is True
    assert "COUNTER" == group["a_total"]["type"]
    assert "How many." == group["a_total"]["help"]
    assert "4" == group["a_total"]["metrics"][0]["value"]
    assert "i" == group["a_total"]["metrics"][0]["labels"]["instance"]
    status = json.loads(ask(shared.url + "/api/v1/status").text)
    assert "success" == status["status"]
    assert {"flags", "start_time", "build_information"} <= set(status["data"])


def test_a_name_is_free_again_when_the_last_process_that_used_it_has_ended(shared: Running) -> None:
    path = "free/agent/A/incarnation/1"
    shared.push(path, gauge("busy_name", 1))
    counter = "# TYPE busy_name counter\nbusy_name 1\n"
    assert 400 == shared.push("free-script", counter).status
    refused = shared.push("free/agent/B/incarnation/1", counter)
    assert (200, "1") == (refused.status, refused.headers["dreamos-rejected"])
    assert refused.text.startswith("busy_name: inconsistent: busy_name is in use by the gauge ")
    shared.push(path, gauge("busy_name", 1), Dreamos_Final="1")
    taken = shared.push("free/agent/B/incarnation/1", counter)
    assert (200, "") == (taken.status, taken.headers.get("dreamos-rejected", ""))
    assert 1 == shared.value("busy_name", job="free", agent="B")


def test_a_value_in_the_path_may_have_a_newline(shared: Running) -> None:
    assert 200 == shared.push("newline/x/a%0Ab", gauge("a", 1)).status
    assert 1 == shared.value("a", job="newline", x="a\\nb")
    assert 202 == shared.push("newline/x/a%0Ab", method="DELETE").status
    assert None is shared.value("a", job="newline", x="a\\nb")
