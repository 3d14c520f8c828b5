"""The observer as a part of its own: what it shows, to whom, and how the service tells of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tests.contract.conftest import ROOT, Reply, Running, ask
from tools.waiting import eventually

TOKEN = "observe-me"
GUARDED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Observing:
    """A running observer."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Reply:
        return ask(self.url + path, None, "GET", **{**GUARDED, **headers})

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/health").text)
        return found


def environment(folder: Path, port: int, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("METRICS_")}
    own = {
        "METRICS_PORT": str(port),
        "METRICS_DATA_DIR": str(folder / "data"),
        "METRICS_READ_TOKEN_FILE": str(folder / "token"),
        "METRICS_PROBES_FILE": str(folder / "probes.yml"),
        "METRICS_COLLECT_INTERVAL": "0.2",
    }
    return {**clean, **own, **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def observing(tmp_path: Path) -> Iterator[Observing]:
    folder, port = tmp_path / "observer", free_port()
    folder.mkdir()
    (folder / "token").write_text(f"{TOKEN}\n")
    entry = f"{{name: gone, kind: file, target: {folder}/gone, critical: true, interval: 0.2s}}"
    (folder / "probes.yml").write_text(f"probes: [{entry}]")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.metrics.observer"],
            cwd=ROOT, env=environment(folder, port), stdout=log, stderr=log,
        )  # fmt: skip
    observer = Observing(folder, port, process)
    try:
        eventually(
            lambda: "dependencies" in observer.health().get("components", {}), hopeless=process.poll
        )
        # the ratio needs a second look at the host: from then on no family comes or goes
        last = ("dreamos_dependency_up{", "dreamos_host_cpu_usage_ratio")
        eventually(lambda: all(name in observer.get("/metrics").text for name in last))
        yield observer
    finally:
        process.kill()
        process.wait()


def test_figures_are_shown_to_the_token_only(observing: Observing) -> None:
    refused = ask(observing.url + "/metrics")
    wrong = ask(observing.url + "/metrics", None, "GET", Authorization="Bearer other")

    assert (401, 401) == (refused.status, wrong.status)
    assert "Bearer" in refused.headers["www-authenticate"]
    assert "node_" not in refused.text + wrong.text
    assert 200 == observing.get("/metrics").status


def test_every_format_shows_the_same_series(observing: Observing) -> None:
    text = observing.get("/metrics").text
    formal = observing.get("/metrics", Accept="application/openmetrics-text;version=1.0.0").text
    message = (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    )

    names = {family.name for family in plain(text)}
    assert {"node_load1", "dreamos_dependency_up", "dreamos_service_starts"} <= names
    assert names == {family.name for family in openmetrics(formal)}  # type: ignore[no-untyped-call]
    assert "protobuf" in head(observing, message)["content-type"]


def head(observing: Observing, accept: str) -> dict[str, str]:
    return ask(observing.url + "/metrics", None, "HEAD", Accept=accept, **GUARDED).headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_sent_to_it(observing: Observing, method: str) -> None:
    answer = ask(observing.url + "/metrics/job/x", b"a 1\n", method, **GUARDED)

    assert 405 == answer.status
    assert 404 == observing.get("/metrics/job/x").status
    assert "a 1" not in observing.get("/metrics").text


def test_without_the_token_health_is_a_status_and_no_more(observing: Observing) -> None:
    assert {"status"} == set(json.loads(ask(observing.url + "/health").text))
    assert {"status", "version", "uptime_seconds", "components"} == set(observing.health())


def test_three_hundred_silent_connections_keep_nobody_out(observing: Observing) -> None:
    silent = []
    try:
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", observing.port), 10)
            connection.sendall(b"G")
            silent.append(connection)
        assert 200 == observing.get("/metrics").status
        assert 200 == observing.get("/-/healthy").status
    finally:
        for connection in silent:
            connection.close()


def test_a_rotated_token_works_without_a_restart(observing: Observing) -> None:
    (observing.folder / "token").write_text("another\n")

    new = {"Authorization": "Bearer another"}
    eventually(lambda: 200 == ask(observing.url + "/metrics", None, "GET", **new).status)
    assert 401 == observing.get("/metrics").status


def test_it_ends_cleanly(observing: Observing) -> None:
    observing.process.send_signal(signal.SIGTERM)

    assert 0 == observing.process.wait(60)
    assert json.loads((observing.folder / "data" / "starts.json").read_text())["clean"] is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"METRICS_HOST": "0.0.0.0", "METRICS_READ_TOKEN_FILE": ""}, "METRICS_READ_TOKEN_FILE"),
        ({"METRICS_READ_TOKEN_FILE": "/no/such"}, "cannot read the token file"),
        ({"METRICS_COLLECT_INTERVAL": "often"}, "METRICS_COLLECT_INTERVAL=often is not a number"),
        ({"METRICS_DATA_DIR": "/proc/none"}, "cannot use the data folder"),
    ],
)
def test_what_it_cannot_run_with_is_named(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    (tmp_path / "token").write_text("x\n")
    answer = subprocess.run(
        [sys.executable, "-m", "services.metrics.observer"],
        cwd=ROOT, env=environment(tmp_path, free_port(), **change),
        text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip

    assert 2 == answer.returncode
    assert said in answer.stderr


@pytest.fixture
def served(observing: Observing, launch: Callable[..., Running]) -> Running:
    return launch(
        METRICS_COLLECT_HOST="0",
        METRICS_COLLECT_INTERVAL="0.2",
        METRICS_OBSERVER_URL=observing.url,
        METRICS_OBSERVER_TOKEN_FILE=str(observing.folder / "token"),
    )


def components(service: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(service.url + "/health").text)["components"]
    return found


def test_the_service_shows_the_observers_health_and_none_of_its_figures(
    served: Running, observing: Observing
) -> None:
    eventually(lambda: "dependencies" in components(served))
    eventually(lambda: 503 == ask(served.url + "/health").status)
    found = components(served)

    assert "healthy" == found["observer"]["status"]
    assert "unhealthy" == found["dependencies"]["status"]
    assert "down" == found["dependencies"]["dependencies"]["gone"]["status"]
    assert "memory_usage_ratio" in found["host"]
    shown = served.scrape()
    assert "node_" not in shown
    assert "dreamos_dependency_up" not in shown
    assert "dreamos_observer_last_answer_timestamp_seconds" in shown


def test_an_observer_that_died_is_told_and_disturbs_nothing(
    served: Running, observing: Observing
) -> None:
    eventually(lambda: "healthy" == components(served)["observer"]["status"])
    observing.process.kill()
    observing.process.wait()

    eventually(lambda: "degraded" == components(served)["observer"]["status"])
    assert "does not answer" in components(served)["observer"]["detail"]
    assert "dependencies" not in components(served)
    assert 200 == served.push("still", "a 1\n").status


def test_an_observer_that_wants_another_token_is_told(
    observing: Observing, launch: Callable[..., Running]
) -> None:
    service = launch(METRICS_COLLECT_INTERVAL="0.2", METRICS_OBSERVER_URL=observing.url)

    counted = 'collector="observer",outcome="failure"'
    eventually(lambda: counted in service.scrape())
    assert "is its token the right one?" in service.log
    assert TOKEN not in service.log


def test_a_critical_dependency_of_the_users_is_no_matter_of_readiness(
    tmp_path: Path, launch: Callable[..., Running]
) -> None:
    probes = tmp_path / "probes.yml"
    probes.write_text(f"probes: [{{name: gone, kind: file, target: {tmp_path}/x, critical: true}}]")
    service = launch(METRICS_COLLECT_INTERVAL="0.2", METRICS_PROBES_FILE=str(probes))

    eventually(lambda: 503 == ask(service.url + "/health").status)
    assert "unhealthy" == json.loads(ask(service.url + "/health").text)["status"]
    assert 200 == ask(service.url + "/-/ready").status
