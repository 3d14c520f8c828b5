"""Addresses of all kinds: a path below a company's proxy, IPv6."""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import describe, keep_logs
from tests.e2e.sinks import HttpSink, Mailbox
from tests.e2e.stack import Stack, docker, http
from tools.waiting import eventually

pytestmark = pytest.mark.stack
ADDRESSES = {
    "PROMETHEUS_URL": "https://ops.example/tools/prometheus/",
    "ALERTMANAGER_URL": "https://ops.example/alerts",
    "METRICS_URL": "https://ops.example/agents",
    "GRAFANA_URL": "https://ops.example/grafana",
}


@pytest.fixture(scope="module")
def below(
    tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, sink: HttpSink
) -> Iterator[Stack]:
    """A stack whose parts serve below paths."""
    folder = tmp_path_factory.mktemp("below")
    stack = describe(folder, f"dreamos-below-{os.getpid()}", mailbox, sink)
    stack.change(**ADDRESSES)
    try:
        stack.output = stack.up()
        yield stack
    finally:
        keep_logs(stack)
        stack.remove()


def test_the_printed_addresses_are_those_of_the_settings(below: Stack) -> None:
    for name in ("PROMETHEUS_URL", "ALERTMANAGER_URL", "METRICS_URL"):
        assert f"{ADDRESSES[name].rstrip('/')} " in below.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("prometheus", "/tools/prometheus/-/ready"),
        ("prometheus", "/tools/prometheus/api/v1/query?query=up"),
        ("alertmanager", "/alerts/-/ready"),
        ("alertmanager", "/alerts/api/v2/status"),
        ("metrics", "/-/ready"),
    ],
)
def test_a_part_serves_below_the_path_of_its_address(below: Stack, service: str, path: str) -> None:
    assert 200 == http("GET", below.url(service, path)).status


def test_the_status_page_asks_below_the_paths_too(below: Stack) -> None:
    def known() -> bool:
        page = http("GET", below.url("metrics", "/"), headers=below.read_headers()).text
        return 'id="fired"' in page and 'class="problem"' not in page

    eventually(known, within=180)


def test_every_hop_finds_the_next_below_its_path(below: Stack) -> None:
    def all_up() -> bool:
        shown = below.tool("status")
        assert 0 == shown.returncode, shown.stdout + shown.stderr
        jobs = dict(re.findall(r"^    ([\w-]+) +(up|down|unknown)", shown.stdout, re.MULTILINE))
        return {"up"} == {jobs[n] for n in ("dreamos-metrics", "prometheus", "alertmanager")}

    eventually(all_up, within=120)
    watchdog = "/alerts/api/v2/alerts?filter=alertname=Watchdog"
    eventually(lambda: http("GET", below.url("alertmanager", watchdog)).json(), within=120)
    eventually(lambda: {"1"} == set(dependencies(below).values()), within=120)
    assert {"prometheus", "alertmanager"} <= dependencies(below).keys()


def dependencies(stack: Stack) -> dict[str, str]:
    """Return what the observer's probes say of the stack's parts, as Prometheus has it."""
    asked = stack.url("prometheus", "/tools/prometheus/api/v1/query?query=dreamos_dependency_up")
    rows = http("GET", asked).json()["data"]["result"]
    return {row["metric"]["dependency"]: row["value"][1] for row in rows}


def test_a_changed_setting_is_read_again_below_the_path(below: Stack) -> None:
    below.change(ALERT_GROUP_WAIT="7s")

    below.up()

    status = http("GET", below.url("alertmanager", "/alerts/api/v2/status")).json()
    assert "group_wait: 7s" in status["config"]["original"]


def test_links_in_alerts_begin_with_the_settings(below: Stack) -> None:
    rules = http("GET", below.url("prometheus", "/tools/prometheus/api/v1/rules?type=alert")).json()
    notes = [rule["annotations"] for group in rules["data"]["groups"] for rule in group["rules"]]

    runbooks = {note["runbook_url"] for note in notes if "runbook_url" in note}
    assert runbooks
    assert all(url.startswith("https://ops.example/agents/runbooks/") for url in runbooks)


def test_grafana_serves_below_its_path_and_reaches_prometheus(below: Stack) -> None:
    if not below.container("grafana"):
        pytest.skip("no Grafana image on this machine")
    password = below.secret("grafana/admin_password")
    token = base64.b64encode(f"admin:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}

    source = "/grafana/api/datasources/uid/dreamos-prometheus"
    health = http("GET", below.url("grafana", f"{source}/health"), headers=headers)

    assert 200 == http("GET", below.url("grafana", "/grafana/login")).status
    assert 200 == health.status, health.text
    assert "OK" == health.json()["status"], health.text


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture
def other_address(below: Stack) -> Iterator[str]:
    below.change(BIND_ADDRESS="::1")
    yield "[::1]"
    below.change(BIND_ADDRESS="127.0.0.1")
    below.up()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_running_stack_moves_to_ipv6(below: Stack, other_address: str) -> None:
    below.up()

    address = f"{other_address}:{below.ports['prometheus']}"
    assert 200 == http("GET", f"http://{address}/tools/prometheus/-/ready").status
    listed = docker("port", below.container("prometheus"), "9090/tcp").split()
    assert listed in ([address], [address.replace("[::1]", "::1")])
    eventually(lambda: 0 == below.tool("status").returncode, within=120)


def test_a_stack_that_moved_is_reached_where_it_is(below: Stack) -> None:
    assert 200 == http("GET", below.url("prometheus", "/tools/prometheus/-/ready")).status
