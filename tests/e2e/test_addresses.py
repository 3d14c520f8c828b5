"""Addresses of all kinds: a path below a company's proxy, IPv6."""

from __future__ import annotations

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


def test_every_hop_finds_the_next_below_its_path(below: Stack) -> None:
    def all_up() -> bool:
        shown = below.tool("status")
        assert 0 == shown.returncode, shown.stdout + shown.stderr
        jobs = dict(re.findall(r"^    ([\w-]+) +(up|down|unknown)", shown.stdout, re.MULTILINE))
        return {"up"} == {jobs[n] for n in ("dreamos-metrics", "prometheus", "alertmanager")}

    eventually(all_up, within=120)
    alerts = http(
        "GET", below.url("alertmanager", "/alerts/api/v2/alerts?filter=alertname=Watchdog")
    )
    eventually(
        lambda: http(
            "GET", below.url("alertmanager", "/alerts/api/v2/alerts?filter=alertname=Watchdog")
        ).json(),
        within=120,
    )
    assert 200 == alerts.status
    shown = http("GET", below.url("metrics", "/metrics"), headers=below.read_headers()).text
    states = dict(
        re.findall(r'^dreamos_dependency_up\{dependency="(\w+)".*\} (\d)', shown, re.MULTILINE)
    )
    assert {"prometheus": "1", "alertmanager": "1"} == states


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


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_running_stack_moves_to_ipv6(below: Stack) -> None:
    below.change(BIND_ADDRESS="::1")

    below.up()

    port = below.ports["prometheus"]
    url = f"http://[::1]:{port}/tools/prometheus/-/ready"
    assert 200 == http("GET", url).status
    assert f"[::1]:{port}->9090" in docker("port", below.container("prometheus")).replace(
        "9090/tcp -> ", ""
    ) + docker("ps", "--format", "{{.Ports}}", "--filter", f"id={below.container('prometheus')}")
    assert 0 == below.tool("status").returncode
