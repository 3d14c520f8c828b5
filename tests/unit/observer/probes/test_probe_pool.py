"""Two hundred probes share a bounded number of threads, and one that hangs holds up no other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.observer.probes import pool as pools
from services.metrics.observer.probes.config import MAX_PROBES, Probe
from services.metrics.observer.probes.pool import ProbePool
from services.metrics.observer.probes.watcher import Watcher
from tests.unit.observer.servers import serving, silent
from tools.waiting import eventually


@pytest.fixture
def pool() -> Iterator[ProbePool]:
    made = ProbePool()
    yield made
    made.stop(10)


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("probe-")]


def test_two_hundred_probes_that_time_out_need_no_thread_each(pool: ProbePool) -> None:
    with serving(silent) as port:
        target = f"127.0.0.1:{port}"
        watchers = [
            Watcher(Probe(f"p{n}", "tcp", target, timeout=0.3, interval=3600, expect="never"))
            for n in range(MAX_PROBES)
        ]
        counted: list[int] = []
        for watcher in watchers:
            pool.add(watcher)

        def all_came_back() -> bool:
            counted.append(len(threads()))
            return all(w.state().up is not None for w in watchers)

        eventually(all_came_back, every=0.01)

    assert {"timeout"} == {watcher.state().reason for watcher in watchers}
    assert {1} == {watcher.state().failures["timeout"] for watcher in watchers}
    assert 2 < max(counted) <= pools.MAX_WORKERS + 1


def test_one_probe_needs_one_worker(pool: ProbePool, tmp_path: Path) -> None:
    watcher = Watcher(Probe("it", "file", str(tmp_path), interval=0.01))
    pool.add(watcher)

    eventually(lambda: watcher.state().successes >= 5)
    assert {"probe-clock", "probe-1"} == {thread.name for thread in threads()}


def test_probes_that_hang_are_replaced_up_to_a_limit_and_hold_up_nobody(
    pool: ProbePool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A resolver cannot be interrupted: here look-ups hang until they are let go."""
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: let_go.wait(60) and [])
    monkeypatch.setattr("services.metrics.observer.probes.watcher.GRACE_SECONDS", 0.0)
    monkeypatch.setattr(pools, "MAX_WORKERS", 2)
    monkeypatch.setattr(pools, "MAX_HANGING", 3)
    stuck = [Watcher(Probe(f"s{n}", "dns", "x.example", timeout=0.01)) for n in range(4)]
    well = Watcher(Probe("well", "file", str(tmp_path), interval=0.01))
    try:
        for watcher in (*stuck, well):
            pool.add(watcher)
        eventually(lambda: well.state().successes >= 3)
        eventually(lambda: all(w.state().reason == "timeout" for w in stuck))
        assert len(threads()) <= 1 + 2 + 3
    finally:
        let_go.set()


def test_a_watcher_that_was_stopped_is_probed_no_more(pool: ProbePool, tmp_path: Path) -> None:
    gone, stays = (Watcher(Probe(n, "file", str(tmp_path), interval=0.01)) for n in ("a", "b"))
    pool.add(gone)
    pool.add(stays)
    eventually(lambda: gone.state().successes > 0)
    gone.stop()
    before = stays.state().successes
    eventually(lambda: stays.state().successes >= before + 3)
    known = gone.state().successes
    eventually(lambda: stays.state().successes >= before + 6)
    assert known == gone.state().successes


def test_after_a_stop_no_thread_is_left(tmp_path: Path) -> None:
    pool = ProbePool()
    pool.add(Watcher(Probe("it", "file", str(tmp_path), interval=3600)))
    pool.stop(10)

    assert [] == threads()
