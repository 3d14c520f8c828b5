"""Grafana shows the stack from the first login on. These tests need an image under the configured name."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.e2e.panels import dashboard, fill_in, targets
from tests.e2e.stack import Answer, Stack, eventually, http

pytestmark = [pytest.mark.stack, pytest.mark.grafana]


@pytest.fixture(autouse=True)
def _with_grafana(stack: Stack) -> None:
    if not stack.has("grafana"):
        pytest.skip(
            "no Grafana: there is no image under the configured name on this machine, and none could be pulled "
            "(`docker load` one, or set GRAFANA_IMAGE)"
        )


def ask(stack: Stack, method: str, path: str, body: Any = None) -> Answer:
    pair = f"admin:{stack.secret('grafana/admin_password')}"
    headers = {
        "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    return http(method, stack.url("grafana", path), body=data, headers=headers)


def test_it_is_healthy(stack: Stack) -> None:
    assert "ok" == http("GET", stack.url("grafana", "/api/health")).json()["database"]


def test_nobody_gets_in_with_the_famous_default_or_without_a_password(stack: Stack) -> None:
    famous = {"Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()}

    assert 401 == http("GET", stack.url("grafana", "/api/org"), headers=famous).status
    assert 401 == http("GET", stack.url("grafana", "/api/org")).status
    assert 200 == ask(stack, "GET", "/api/org").status


@pytest.mark.parametrize("uid", ["dreamos-prometheus", "dreamos-alertmanager"])
def test_the_data_sources_are_there_and_answer(stack: Stack, uid: str) -> None:
    source = ask(stack, "GET", f"/api/datasources/uid/{uid}").json()

    assert source["readOnly"] is True
    health = ask(stack, "GET", f"/api/datasources/uid/{uid}/health")
    assert "OK" == health.json().get("status"), health.text


def test_the_overview_is_there_under_its_uid_and_cannot_be_lost_by_editing(stack: Stack) -> None:
    answer = ask(stack, "GET", "/api/dashboards/uid/dreamos-overview").json()

    assert answer["meta"]["provisioned"] is True
    assert dashboard()["title"] == answer["dashboard"]["title"]


def test_it_is_the_home_page(stack: Stack) -> None:
    home = ask(stack, "GET", "/api/dashboards/home").json()

    assert dashboard()["title"] == home["dashboard"]["title"]


def test_every_panel_gets_data_through_grafana(stack: Stack) -> None:
    queries = [target for target in targets(dashboard()) if "expr" in target]
    assert queries

    def all_have_data() -> bool:
        for target in queries:
            frames = run_query(stack, fill_in(target["expr"]))
            assert any(frame["data"]["values"] for frame in frames), target["expr"]
        return True

    eventually(all_have_data, within=90, every=2)


def run_query(stack: Stack, expression: str) -> list[dict[str, Any]]:
    now = int(time.time() * 1000)
    query = {
        "refId": "A",
        "datasource": {"uid": "dreamos-prometheus", "type": "prometheus"},
        "expr": expression,
        "instant": True,
        "range": False,
        "intervalMs": 2000,
        "maxDataPoints": 100,
    }
    body = {"queries": [query], "from": str(now - 900_000), "to": str(now)}
    answer = ask(stack, "POST", "/api/ds/query", body)
    assert 200 == answer.status, answer.text
    result = answer.json()["results"]["A"]
    assert "error" not in result, result
    frames: list[dict[str, Any]] = result["frames"]
    return frames
