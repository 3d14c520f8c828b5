from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from services.metrics.observer.probes import DependencyCollector
from services.metrics.observer.probes.config import Probe
from services.metrics.observer.probes.pool import ProbePool
from services.metrics.observer.probes.result import ProbeResult
from services.metrics.observer.probes.watcher import State, Watcher
from tests.unit.observer.reading import value, values
from tests.unit.observer.servers import http_answer, serving, silent
from tools.waiting import eventually


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[Callable[..., DependencyCollector]]:
    made: list[DependencyCollector] = []

    def make(*entries: str) -> DependencyCollector:
        write(tmp_path, *entries)
        made.append(DependencyCollector(tmp_path / "probes.yml"))
        return made[-1]

    yield make
    for collector in made:
        collector.stop()


def write(folder: Path, *entries: str) -> None:
    text = "probes:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)
    (folder / "probes.yml").write_text(text if entries else "probes: []\n")


def until(collector: DependencyCollector, done: Callable[[list[Metric]], bool]) -> list[Metric]:
    families: list[Metric] = []

    def collected() -> bool:
        families[:] = collector.collect()
        return done(families)

    eventually(collected, every=0.01)
    return families


def test_dependencies_are_probed_and_shown(
    collecting: Callable[..., DependencyCollector], tmp_path: Path
) -> None:
    with serving(http_answer("200 OK")) as port:
        collector = collecting(
            f"name: good, kind: http, target: 'http://127.0.0.1:{port}/'",
            f"name: gone, kind: file, target: {tmp_path / 'gone'}",
        )
        families = until(
            collector, lambda f: len(values(f, "dreamos_dependency_up", "dependency")) == 2
        )
    assert {"good": 1.0, "gone": 0.0} == values(families, "dreamos_dependency_up", "dependency")
    success = values(families, "dreamos_dependency_last_success_timestamp_seconds", "dependency")
    assert 0 == success["gone"]
    assert abs(time.time() - success["good"]) < 60
    failures = "dreamos_dependency_failures_total"
    assert value(families, failures, dependency="gone", kind="file", reason="missing") == 1
    assert value(families, failures, dependency="good", kind="http", reason="refused") == 0
    assert values(families, "dreamos_dependency_latency_seconds", "dependency")["good"] > 0


def test_one_that_hangs_does_not_hold_up_the_others_nor_a_collection(
    collecting: Callable[..., DependencyCollector], tmp_path: Path
) -> None:
    (tmp_path / "there").touch()
    with serving(silent) as port:
        collector = collecting(
            f"name: mute, kind: http, target: 'http://127.0.0.1:{port}/', timeout: 60s",
            f"name: quick, kind: file, target: {tmp_path / 'there'}",
        )
        families = until(
            collector, lambda f: bool(values(f, "dreamos_dependency_up", "dependency"))
        )
        assert {"quick": 1.0} == values(families, "dreamos_dependency_up", "dependency")


def test_a_changed_file_is_taken_up_and_what_stays_goes_on(
    collecting: Callable[..., DependencyCollector], tmp_path: Path
) -> None:
    kept = f"name: kept, kind: file, target: {tmp_path / 'gone'}"
    collector = collecting(kept, f"name: old, kind: file, target: {tmp_path / 'gone'}")
    until(collector, lambda f: "kept" in values(f, "dreamos_dependency_up", "dependency"))
    since = collector.states()["kept"][1].since
    write(tmp_path, kept, f"name: fresh, kind: file, target: {tmp_path}")
    families = until(
        collector, lambda f: "fresh" in values(f, "dreamos_dependency_up", "dependency")
    )
    assert {"kept": 0.0, "fresh": 1.0} == values(families, "dreamos_dependency_up", "dependency")
    assert since == collector.states()["kept"][1].since


def test_a_wrong_file_changes_nothing_and_is_told(
    collecting: Callable[..., DependencyCollector], tmp_path: Path
) -> None:
    collector = collecting(f"name: kept, kind: file, target: {tmp_path}")
    until(collector, lambda f: bool(values(f, "dreamos_dependency_up", "dependency")))
    (tmp_path / "probes.yml").write_text("probes: [{name: kept, kind: psychic}]")
    families = collector.collect()
    assert 0 == value(families, "dreamos_probes_file_valid")
    assert {"kept": 1.0} == values(families, "dreamos_dependency_up", "dependency")
    assert "probe kept: kind must be one of" in collector.problem
    write(tmp_path, f"name: kept, kind: file, target: {tmp_path}")
    assert 1 == value(collector.collect(), "dreamos_probes_file_valid")
    assert "" == collector.problem


def test_a_probe_that_never_comes_back_is_down_and_not_started_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver cannot be interrupted: here a name look-up hangs until it is let go."""
    let_go, entered, asked = threading.Event(), threading.Event(), []
    real = socket.getaddrinfo

    def hang(*args: object, **kwargs: object) -> object:
        asked.append(args)
        entered.set()
        let_go.wait(60)
        return real("127.0.0.1", None)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr("services.metrics.observer.probes.watcher.GRACE_SECONDS", 0.0)
    watcher = Watcher(Probe("resolver", "dns", "x.example", interval=0.01, timeout=0.01))
    pool = ProbePool()
    pool.add(watcher)
    assert entered.wait(60)
    eventually(lambda: watcher.state().up is not None, every=0.01)
    state = watcher.state()
    assert (False, "timeout", 1) == (state.up, state.reason, state.failures["timeout"])
    assert 1 == len(asked)
    watcher.stop()
    let_go.set()
    pool.stop(60)


def judged(*answers: bool) -> State:
    watcher = Watcher(Probe("it", "file", "/"))
    for up in answers:
        watcher._take(ProbeResult("" if up else "missing"), 0.1)
    return watcher.state()


def test_changes_are_counted_from_the_second_answer_on() -> None:
    assert 0 == judged(False).changes
    assert 0 == judged(True, True, True).changes
    assert 3 == judged(True, False, False, True, False).changes


def test_four_changes_in_half_an_hour_are_flapping() -> None:
    assert not judged(True, False, True, False).flapping(time.time())
    assert judged(True, False, True, False, True).flapping(time.time())
    assert not judged(True, False, True, False, True).flapping(time.time() + 1801)


def test_since_when_it_is_so_stays_until_it_changes() -> None:
    watcher = Watcher(Probe("it", "file", "/"))
    watcher._take(ProbeResult(), 0.1)
    since = watcher.state().since
    watcher._take(ProbeResult(), 0.1)
    assert since == watcher.state().since


def test_the_known_end_of_a_certificate_outlives_an_outage() -> None:
    watcher = Watcher(Probe("it", "http", "https://x/"))
    watcher._take(ProbeResult(expiry=123.0), 0.1)
    watcher._take(ProbeResult("refused"), 0.1)
    assert 123.0 == watcher.state().expiry
