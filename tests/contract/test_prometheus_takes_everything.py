"""A real Prometheus, with the limits that are rendered for it: no push makes it drop a scrape."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.metrics.exposition.prometheus_limits import prometheus_limits
from services.metrics.parsing.reserved_names import relabeling
from services.metrics.settings import Settings
from tests.contract.conftest import ROOT, Running
from tests.rules.tooling import promtool
from tools.waiting import eventually

JOB = "dreamos-metrics"
BASE = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
SCRAPE = next(job for job in BASE["scrape_configs"] if job["job_name"] == JOB)


class Prometheus:
    """A running one, asked over its API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def query(self, expression: str) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self._url}query?{query}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def last_error(self) -> str:
        with urllib.request.urlopen(self._url + "targets", timeout=10) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
        return str(targets[0]["lastError"])

    def wait_for(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression finds, as soon as it finds something."""
        return eventually(lambda: self.query(expression), within=90)


@contextmanager
def prometheus(folder: Path, target: int, settings: Settings) -> Iterator[Prometheus]:
    """Run Prometheus with the scrape job of the stack, as it is rendered for these settings."""
    folder.mkdir(exist_ok=True)
    job = {**SCRAPE, **prometheus_limits(settings), "scrape_interval": "1s", "scrape_timeout": "1s"}
    job["metric_relabel_configs"] = relabeling(JOB)
    job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    del job["authorization"]
    config = {"scrape_configs": [job]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["docker", "run", "--rm", "--detach", "--network=host", "--entrypoint=prometheus"]
    command += [f"--user={os.getuid()}:{os.getgid()}", "--tmpfs=/prometheus:mode=1777"]
    command += [f"--volume={folder}:/etc/prometheus:ro", promtool().image]
    command += ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    command += ["--enable-feature=created-timestamp-zero-ingestion"]
    started = subprocess.run(command, capture_output=True, text=True, check=True)
    try:
        yield Prometheus(port)
    finally:
        subprocess.run(["docker", "kill", started.stdout.strip()], capture_output=True, check=False)


def test_the_file_in_deploy_holds_the_limits_of_the_default_settings() -> None:
    expected = {**prometheus_limits(Settings()), "metric_relabel_configs": relabeling(JOB)}
    assert expected == {name: SCRAPE[name] for name in expected}


def test_pushes_at_every_limit_are_taken_there_too(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    settings = Settings()
    service = launch(METRICS_NEW_SERIES_CPU_SHARE="1")
    wide = "ü𝄞" * (settings.max_label_value // 2)
    names = [f"{'n' * (settings.max_label_name - 2)}{n:02}" for n in range(settings.max_labels)]
    urls = [name.replace("n", "u") for name in names[: settings.max_labels - 1]]
    path = "full/" + "/".join(f"{name}/v" for name in urls)
    labels = ",".join(f'{name}="{wide}"' for name in names)
    body = f"{'m' * settings.max_metric_name}{{{labels}}} 1\n"
    assert 200 == service.push(path, body).status
    rows = "".join(f'rows{{n="{n}"}} 1\n' for n in range(settings.max_series))
    assert 200 == service.push("rows/agent/R/incarnation/1", rows).status
    with prometheus(tmp_path / "p", service.port, settings) as judge:
        name = "m" * settings.max_metric_name
        assert f"{settings.max_series}" == judge.wait_for("count(rows)")[0]["value"][1]
        assert wide == judge.wait_for(name)[0]["metric"][names[0]]
        assert "1" == judge.query("up")[0]["value"][1]
        assert "" == judge.last_error()


@pytest.mark.parametrize(
    "beyond",
    [
        f"{'m' * 257} 1\n",
        f'm{{{"n" * 129}="1"}} 1\n',
        f'm{{x="{"v" * 2049}"}} 1\n',
        "m{" + ",".join(f'l{n}="1"' for n in range(31)) + "} 1\n",
    ],
    ids=["metric name", "label name", "label value", "labels"],
)
def test_what_is_beyond_one_is_not_taken_here(shared: Running, beyond: str) -> None:
    assert 400 == shared.push("beyond", beyond).status


def test_where_all_is_too_much_the_largest_are_left_out_and_the_scrape_goes_on(
    launch: Callable[..., Running], tmp_path: Path
) -> None:
    service = launch(METRICS_MAX_SCRAPE_BYTES="400000", METRICS_NEW_SERIES_CPU_SHARE="1")
    settings = Settings(max_scrape_bytes=400_000)
    assert 200 == service.push("small", "small 1\n").status
    with prometheus(tmp_path / "p", service.port, settings) as judge:
        judge.wait_for('small{job="small"} == 1')
        for job in ("b", "c"):
            rows = "".join(f'big{{n="{n:0200}"}} 1\n' for n in range(2_000))
            assert 200 == service.push(job, rows).status
        assert 200 == service.push("small", "small 2\n").status
        judge.wait_for('small{job="small"} == 2')
        judge.wait_for('dreamos_exposition_left_out_groups{reason="bytes"} == 2')
        assert "1" == judge.query("min_over_time(up[1m])")[0]["value"][1]


FORGED = """\
fine{job="pushed"} 1
up{job="pushed"} 0
scrape_samples_scraped{job="pushed"} 1
ALERTS{job="pushed",alertname="x",alertstate="firing"} 1
a:b{job="pushed"} 1
node_load1{job="pushed"} 99
dreamos_ingest_pushes_total{job="pushed"} 99
dreamos_agents{job="pushed",state="running"} 99
dreamos_agent_state{job="pushed",state="running"} 1
dreamos_series{job="pushed"} 1
node_load1 1
dreamos_ingest_pushes_total 1
last{job="pushed"} 1
"""


class Page(BaseHTTPRequestHandler):
    """Shows what the service itself would never show."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.end_headers()
        self.wfile.write(FORGED.encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def test_forged_names_stop_at_the_second_wall(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with prometheus(tmp_path / "p", server.server_address[1], Settings()) as judge:
            judge.wait_for('last{job="pushed"}')
            pushed = {row["metric"]["__name__"] for row in judge.query('{job="pushed"}')}
            own = {row["metric"]["__name__"] for row in judge.query(f'{{job="{JOB}"}}')}
            tmp = judge.query('{__tmp_own!=""}')
    finally:
        server.shutdown()
        server.server_close()
    assert {"fine", "last", "dreamos_agent_state", "dreamos_series"} == pushed
    assert {"node_load1", "dreamos_ingest_pushes_total", "up"} <= own
    assert [] == tmp
