"""Everything that the service sees by itself, read back from a scrape of the real service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tests.contract.conftest import Running, ask
from tests.contract.observer.catalogue import Row, section
from tests.contract.observer.comparison import view
from tests.contract.observer.exporter import NodeExporter
from tests.unit.observer.servers import certificate, http_answer, serving
from tests.unit.observer.workspaces import from_samples, write
from tools.waiting import eventually, eventually_equal

OURS = ("node_", "dreamos_workspace_", "dreamos_dependency_", "dreamos_process", "dreamos_probes_",
        "dreamos_collector_", "dreamos_container_", "dreamos_host_", "dreamos_service_un",
        "dreamos_service_starts", "dreamos_service_uptime")  # fmt: skip
SECTIONS = ("Host", "Workspaces", "Dependencies and processes")
# What a kernel, a machine or a container may do without; each has a test of its own that sees it
NOT_EVERYWHERE = (
    *("node_memory_", "node_netstat_", "node_sockstat_", "node_schedstat_", "node_pressure_"),
    *("node_nf_conntrack_", "node_arp_", "node_kernel_hung_", "node_disk_", "node_network_"),
    *("node_timex_", "node_vmstat_", "node_filesystem_", "node_os_", "dreamos_container_"),
    "dreamos_observer_",
)
AGENT = "import sys; print('ready', flush=True); sys.stdin.read()"


@dataclass
class Observed:
    """The service with everything to observe, and one scrape of it."""

    service: Running
    text: str

    def families(self) -> dict[str, Row]:
        """Return type and label names of every family of ours."""
        found = {}
        for family in plain(self.text):
            name = family.name + ("_total" if family.type == "counter" else "")
            if name.startswith(OURS):
                kind = "untyped" if family.type == "unknown" else family.type
                labels = {key for sample in family.samples for key in sample.labels} - {"le"}
                found[name] = Row(kind, frozenset(labels))
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of one series."""
        return read(self.text, name, **labels)


def read(text: str, name: str, **labels: str) -> float | None:
    for family in plain(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("observed")
    from_samples(folder / "workspace")
    write(folder, "workspace/agent_workspaces/Agent-19/inbox/MESSAGE_1.md", "hello")
    certificates = folder / "certificates"
    certificates.mkdir()
    made = certificate(certificates, "20240101000000Z", "20491231235959Z")
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, f"--observed-agent={folder.name}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert agent.stdout is not None
    assert agent.stdin is not None
    assert b"ready\n" == agent.stdout.readline()
    with serving(http_answer("200 OK"), made) as port:
        probes = [
            {"name": "secured", "kind": "http", "target": f"https://localhost:{port}/", "ca_file": str(made[0])},
            {"name": "gone", "kind": "file", "target": str(folder / "gone")},
        ]  # fmt: skip
        write(folder, "probes.yml", json.dumps({"probes": probes}))
        service = Running(
            folder,
            environment={
                "METRICS_COLLECT_INTERVAL": "0.2",
                "METRICS_WORKSPACE": str(folder / "workspace"),
                "METRICS_PROBES_FILE": str(folder / "probes.yml"),
                "METRICS_PROCESS_PATTERN": r"--observed-agent=(?P<agent>\S+)",
            },
        ).start()
        yield Observed(service, _complete(service, folder.name))
        service.stop()
    agent.stdin.close()
    agent.wait(60)
    agent.stdout.close()


def _complete(service: Running, agent: str) -> str:
    """Scrape until every collector and every probe has said something."""
    found = [""]

    def everything() -> bool:
        found[0] = text = service.scrape()
        there = (
            read(text, "dreamos_dependency_up", dependency="secured", kind="http"),
            read(text, "dreamos_dependency_up", dependency="gone", kind="file"),
            read(text, "dreamos_processes", agent=agent),
            read(text, "dreamos_workspace_up"),
            read(text, "dreamos_host_cpu_usage_ratio"),
            read(text, "dreamos_collector_runs_total", collector="host", outcome="success"),
        )
        return None not in there

    eventually(everything)
    return found[0]


needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
pytestmark = needs_openssl


def test_every_family_that_is_shown_is_in_the_catalogue_with_its_type_and_labels(
    observed: Observed,
) -> None:
    pages = {name: row for title in SECTIONS for name, row in section(title).items()}
    shown = observed.families()
    assert set() == shown.keys() - pages.keys()
    assert {} == {
        name: (row, pages[name])
        for name, row in shown.items()
        if row.type != pages[name].type or not row.labels <= pages[name].labels
    }


@pytest.mark.parametrize("title", SECTIONS)
def test_every_line_of_the_catalogue_is_seen_on_the_scrape(observed: Observed, title: str) -> None:
    listed = {name for name in section(title) if not name.startswith(NOT_EVERYWHERE)}
    assert len(listed) >= 20
    assert set() == listed - observed.families().keys()


def test_what_this_machine_does_not_have_node_exporter_does_not_see_either(
    observed: Observed, node_exporter: NodeExporter
) -> None:
    listed = {name for name in section("Host") if name.startswith("node_")}
    theirs = view(plain(node_exporter.scrape())).names
    assert set() == (listed - observed.families().keys()) & theirs


def test_the_hosts_groups_of_the_seed_are_all_there(observed: Observed) -> None:
    """CPU usage, memory consumption, disk I/O, network traffic, process counts, system load."""
    for name in (
        "node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_network_receive_bytes_total",
        "node_processes_pids", "node_load1",
    ):  # fmt: skip
        assert name in observed.families()


def test_the_samples_read_back_are_those_counted_by_hand(observed: Observed) -> None:
    assert 40 == observed.value("dreamos_workspace_agents")
    depth = "dreamos_workspace_queue_depth"
    assert 12 == observed.value(depth, queue="message_queue", state="pending")
    assert 1 == observed.value("dreamos_workspace_inbox_unread", agent="Agent-19")
    assert 8 == observed.value("dreamos_workspace_agent_cycles", agent="Agent-19")
    count = "dreamos_workspace_delivery_seconds_count"
    assert 100 == observed.value(count, outcome="success", queue="message_queue")


def test_the_end_of_a_certificate_is_shown(observed: Observed) -> None:
    name = "dreamos_dependency_certificate_expiry_timestamp_seconds"
    assert 2524607999 == observed.value(name, dependency="secured", kind="http")


def test_openmetrics_shows_the_same_families(observed: Observed) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    text = observed.service.scrape(Accept=accept)
    families = list(openmetrics(text))  # type: ignore[no-untyped-call]
    found = {f.name for f in families if f.name.startswith(OURS)}
    assert {name.removesuffix("_total") for name in observed.families()} <= found


def test_health_shows_the_same_dependencies(observed: Observed) -> None:
    report = json.loads(ask(observed.service.url + "/health").text)
    found = report["components"]["dependencies"]["dependencies"]
    assert {"secured": "up", "gone": "down"} == {n: d["status"] for n, d in found.items()}
    assert "degraded" == report["status"]
    assert "healthy" == report["components"]["collectors"]["status"]


def test_health_names_no_path_of_the_machine(observed: Observed) -> None:
    assert str(observed.service.folder) not in ask(observed.service.url + "/health").text


def test_a_kill_loses_no_event_and_counts_none_twice(tmp_path: Path) -> None:
    log = "workspace/runtime/agent_comms/activity_events.jsonl"
    event = json.dumps({"agent": "SYSTEM", "type": "GIT_PUSH"}) + "\n"
    write(tmp_path, log, event * 3)
    service = Running(
        tmp_path,
        environment={
            "METRICS_COLLECT_INTERVAL": "0.1",
            "METRICS_COLLECT_HOST": "0",
            "METRICS_WORKSPACE": str(tmp_path / "workspace"),
        },
    ).start()
    labels = {"agent": "other", "type": "git_push"}
    for number in range(1, 4):
        _wait(service, 3 * number, "dreamos_workspace_events_total", labels)
        service.kill()
        with (tmp_path / log).open("a") as file:
            file.write(event * 3)
        service.start()
    _wait(service, 12, "dreamos_workspace_events_total", labels)
    _wait(service, 3, "dreamos_service_unclean_starts_total", {})
    _wait(service, 4, "dreamos_service_starts_total", {})
    service.stop()


def _wait(service: Running, expected: float, name: str, labels: dict[str, str]) -> None:
    eventually_equal(expected, lambda: read(service.scrape(), name, **labels))
