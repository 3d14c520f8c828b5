"""What Prometheus sees while the service is killed a hundred times at random moments."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Running, ask
from tests.rules.tooling import promtool
from tools.waiting import eventually, eventually_equal

pytestmark = pytest.mark.stack

KILLS = int(os.environ.get("DREAMOS_TEST_KILLS", "100"))
AGENTS = 20
CONFIG = """\
global: {{scrape_interval: 500ms}}
scrape_configs:
  - job_name: dreamos-metrics
    honor_labels: true
    scrape_protocols: [PrometheusProto]
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture
def service(launch: Callable[..., Running]) -> Running:
    return launch()


@pytest.fixture
def prometheus(service: Running, tmp_path: Path) -> Iterator[str]:
    """A real Prometheus that scrapes the service, in a container of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=service.port))
    name = f"hsvc-kills-{os.getpid()}"
    command = ["docker", "run", "--rm", "--detach", "--network=host", f"--name={name}"]
    command += [f"--volume={folder}:/configuration:ro", "--tmpfs=/data", "--user=0"]
    command += ["--entrypoint=prometheus", promtool().image]
    command += ["--config.file=/configuration/prometheus.yml", "--storage.tsdb.path=/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    command += ["--enable-feature=created-timestamp-zero-ingestion"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def query(prometheus: str, expression: str) -> dict[str, float]:
    """Return the value for each agent."""
    url = f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    found = json.loads(ask(url).text)["data"]["result"]
    return {series["metric"]["agent"]: float(series["value"][1]) for series in found}


class Agent(threading.Thread):
    """An agent whose processes count a little and end; it sends again what was not acknowledged."""

    def __init__(self, service: Running, name: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._service, self._stop_event = service, stop
        self.agent = name
        self.counted = 0

    def run(self) -> None:
        """Run one process after the other until it is told to stop."""
        process = 0
        while not self._stop_event.is_set():
            for sequence in range(1, 4):
                self._push(process, sequence, {"Dreamos_Sequence": str(sequence)})
                self._stop_event.wait(0.2)
            self._push(process, 4, {"Dreamos_Sequence": "4", "Dreamos_Final": "1"})
            self.counted += 4
            process += 1

    def _push(self, process: int, value: int, headers: dict[str, str]) -> None:
        body = f"# TYPE work_total counter\nwork_total {value}\n"
        path = f"kills/agent/{self.agent}/incarnation/{process}"
        eventually(lambda: self._service.push(path, body, **headers).status == 200, within=300)


def test_no_counter_falls_and_every_one_ends_exact(service: Running, prometheus: str) -> None:
    stop = threading.Event()
    agents = [Agent(service, f"A{number}", stop) for number in range(AGENTS)]
    for agent in agents:
        agent.start()
    chance = random.Random(11)
    for _ in range(KILLS):
        time.sleep(chance.random() * 1.5)
        service.kill()
        service.start()
    stop.set()
    for agent in agents:
        agent.join(120)
    expected = {agent.agent: float(agent.counted) for agent in agents}
    eventually_equal(expected, lambda: query(prometheus, "work_total"), every=0.5)
    assert dict.fromkeys(expected, 0.0) == query(prometheus, "resets(work_total[2h])")
