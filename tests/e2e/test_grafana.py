"""Grafana shows the stack from the first login on. These tests need an image under the configured name."""

from __future__ import annotations

import base64

import pytest

from tests.e2e import grafana
from tests.e2e.panels import dashboard
from tests.e2e.stack import Stack, http

pytestmark = [pytest.mark.stack, pytest.mark.grafana]


@pytest.fixture(autouse=True)
def _with_grafana(stack: Stack) -> None:
    grafana.require(stack)


def test_it_is_healthy(stack: Stack) -> None:
    assert "ok" == http("GET", stack.url("grafana", "/api/health")).json()["database"]


def test_nobody_gets_in_with_the_famous_default_or_without_a_password(stack: Stack) -> None:
    famous = {"Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()}

    assert 401 == http("GET", stack.url("grafana", "/api/org"), headers=famous).status
    assert 401 == http("GET", stack.url("grafana", "/api/org")).status
    assert 200 == grafana.ask(stack, "GET", "/api/org").status


@pytest.mark.parametrize(
    ("uid", "path"),
    [
        ("dreamos-prometheus", "/api/v1/query?query=up"),
        ("dreamos-alertmanager", "/api/v2/status"),
    ],
)
def test_the_data_sources_are_there_and_answer_through_grafana(
    stack: Stack, uid: str, path: str
) -> None:
    source = grafana.ask(stack, "GET", f"/api/datasources/uid/{uid}").json()

    assert source["readOnly"] is True
    answer = grafana.ask(stack, "GET", f"/api/datasources/proxy/uid/{uid}{path}")
    assert 200 == answer.status, answer.text


def test_the_overview_is_there_under_its_uid_and_cannot_be_lost_by_editing(stack: Stack) -> None:
    answer = grafana.ask(stack, "GET", "/api/dashboards/uid/dreamos-overview").json()

    assert answer["meta"]["provisioned"] is True
    assert dashboard()["title"] == answer["dashboard"]["title"]


def test_it_is_the_home_page(stack: Stack) -> None:
    home = grafana.ask(stack, "GET", "/api/dashboards/home").json()

    assert dashboard()["title"] == home["dashboard"]["title"]
