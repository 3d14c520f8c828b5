"""What the stack sees without a line in an agent: the host, a real Dream.OS workspace, its own parts."""

from __future__ import annotations

import json
import os

import pytest

from tests.e2e.stack import Stack, http
from tests.unit.observer.workspaces import SAMPLES
from tools.waiting import eventually

pytestmark = pytest.mark.stack


def samples_states() -> dict[str, int]:
    states: dict[str, int] = {}
    for entry in json.loads((SAMPLES / "queue.json").read_text(encoding="utf-8")):
        states[entry["status"].lower()] = states.get(entry["status"].lower(), 0) + 1
    return states


def test_a_mounted_workspace_is_read_back_from_prometheus(stack: Stack) -> None:
    folders = len(list((SAMPLES / "status").iterdir()))

    eventually(lambda: folders == stack.value("dreamos_workspace_agents"), within=60)
    assert 1 == stack.value("dreamos_workspace_up")
    states = stack.query("sum by (agent) (dreamos_workspace_agent_state)")
    assert folders == len(states)
    assert {"1"} == {row["value"][1] for row in states}


def test_the_queues_depth_leaves_delivered_entries_out(stack: Stack) -> None:
    expected = samples_states()
    depth = 'sum(dreamos_workspace_queue_depth{state="%s"})'

    eventually(lambda: expected["pending"] == stack.value(depth % "pending"), within=60)
    assert expected["processing"] == stack.value(depth % "processing")
    delivered = stack.value("sum(dreamos_workspace_queue_delivered_kept)")
    assert expected["delivered"] == delivered


def test_deliveries_and_events_are_counted_once(stack: Stack) -> None:
    deliveries = len(json.loads((SAMPLES / "queue_metrics.json").read_text(encoding="utf-8")))
    events = len((SAMPLES / "activity_events.jsonl").read_text(encoding="utf-8").splitlines())

    counted = "sum(dreamos_workspace_delivery_seconds_count)"
    eventually(lambda: deliveries == stack.value(counted), within=60)
    assert events == stack.value("sum(dreamos_workspace_events_total)")


def test_half_written_files_are_counted_and_break_nothing(stack: Stack) -> None:
    errors = 'sum(dreamos_workspace_read_errors_total{kind="status"})'

    eventually(lambda: 0 < (stack.value(errors) or 0), within=60)
    components = http("GET", stack.url("metrics", "/health"), headers=stack.read_headers()).json()[
        "components"
    ]
    assert "healthy" == components["workspace"]["status"]
    assert "healthy" == components["collectors"]["status"]


def test_the_hosts_figures_are_the_hosts_not_the_containers(stack: Stack) -> None:
    cores = 'count(count by (cpu) (node_cpu_seconds_total{mode="idle"}))'
    eventually(lambda: os.cpu_count() == stack.value(cores), within=60)

    with open("/proc/meminfo", encoding="ascii") as meminfo:  # noqa: PTH123
        total = int(meminfo.readline().split()[1]) * 1024
    assert total == stack.value("node_memory_MemTotal_bytes")
    assert [] != stack.query('node_network_receive_bytes_total{device="docker0"}')


def test_the_stack_watches_its_own_parts(stack: Stack) -> None:
    expected = {"prometheus", "alertmanager"} | ({"grafana"} if stack.has("grafana") else set())

    def all_up() -> bool:
        rows = stack.query("dreamos_dependency_up == 1")
        return expected == {row["metric"]["dependency"] for row in rows}

    eventually(all_up, within=90)
