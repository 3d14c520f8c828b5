"""Silence: processes are lost, groups expire, are hidden, and are forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.metrics.errors import Rejected
from services.metrics.store.expiry import SHOWN_LONG_ENOUGH_SECONDS, SLICE
from tests.unit.service.store.service_store import Bench, counter, gauge

FOREVER = 7 * 86_400.0


def job(bench: Bench, name: str, **more: Any) -> str:
    return bench.push(f"j/agent/{name}/incarnation/1", counter("t_total", 1), **more).outcome


def test_an_agent_that_is_silent_for_long_is_forgotten_with_its_totals(bench: Bench) -> None:
    job(bench, "old", final=True)
    job(bench, "lives", ttl=1e8)
    bench.push("script", gauge("g", 1))
    bench.now += FOREVER - 10
    bench.store.sweep()
    assert 1 == bench.store.agents()["running"]
    assert 3 == bench.store.totals()["groups"]
    bench.now += 20
    bench.store.sweep()
    assert {"groups": 2, "forgotten": 1} == {
        key: bench.store.totals()[key] for key in ("groups", "forgotten")
    }
    bench.scrape()
    bench.kill()
    assert 2 == bench.store.totals()["groups"]
    assert (1, 1) == (bench.value("t_total", agent="lives"), bench.value("g"))
    job(bench, "old")
    assert 1 == bench.value("t_total", agent="old")


def test_how_long_can_be_set(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", tombstone_retention=100.0)
    job(bench, "old", final=True)
    bench.now += 99
    bench.store.sweep()
    assert 1 == bench.store.totals()["groups"]
    bench.now += 2
    bench.store.sweep()
    assert 0 == bench.store.totals()["groups"]
    bench.stop()


def test_agents_with_a_new_name_per_run_do_not_fill_it_for_ever(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", max_groups=20)
    bench.push("script", gauge("g", 1))
    job(bench, "lives", ttl=1e8)
    for number in range(200):
        job(bench, f"run-{number}", final=True)
        bench.now += 400
        bench.store.sweep()
    assert (20, 1) == (bench.store.totals()["groups"], bench.value("g"))
    assert 1 == bench.value("t_total", agent="lives")
    assert 1 == bench.value("t_total", agent="run-199")
    assert None is bench.value("t_total", agent="run-150")
    bench.stop()


def test_those_that_a_scrape_may_not_have_seen_are_not_forgotten_for_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", max_groups=5)
    for number in range(5):
        job(bench, str(number), final=True)
        bench.now += 10
    bench.store.sweep()
    with pytest.raises(Rejected, match="more than 5 groups"):
        job(bench, "one-more")
    bench.now += SHOWN_LONG_ENOUGH_SECONDS
    job(bench, "3", sequence=2)
    bench.store.sweep()
    job(bench, "one-more")
    assert None is bench.value("t_total", agent="0")
    assert 1 == bench.value("t_total", agent="4")
    bench.stop()


def test_hidden_ones_go_before_those_that_are_shown(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", max_groups=2, series_retention=50_000.0)
    job(bench, "hidden", final=True)
    bench.now += 45_000
    job(bench, "shown", final=True)
    bench.now += 6_000
    bench.store.sweep()
    job(bench, "new")
    assert (1, 1) == (bench.value("t_total", agent="shown"), bench.value("t_total", agent="new"))
    bench.stop()


def test_one_that_came_back_since_the_last_look_is_not_forgotten(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", max_groups=1)
    job(bench, "A", final=True)
    bench.now += SHOWN_LONG_ENOUGH_SECONDS + 1
    bench.store.sweep()
    bench.push("j/agent/A/incarnation/2", counter("t_total", 1))
    with pytest.raises(Rejected, match="more than 1 groups"):
        job(bench, "B")
    assert 2 == bench.value("t_total", agent="A")
    bench.stop()


def test_groups_that_only_failed_to_push_are_hidden_and_forgotten_too(bench: Bench) -> None:
    bench.process("1", counter("x", 1), ttl=1e8)
    for number in range(3):
        with pytest.raises(Rejected, match="x is in use"):
            bench.push(f"misfit-{number}", gauge("x", 1))
    bench.store.sweep()
    assert bench.now == bench.value("push_failure_time_seconds", job="misfit-0")
    bench.now += FOREVER + 1
    bench.store.sweep()
    assert 1 == bench.store.totals()["groups"]


def test_all_of_many_groups_are_looked_at(bench: Bench) -> None:
    for number in range(SLICE + 20):
        job(bench, str(number), ttl=5.0)
    bench.now += 6
    bench.store.sweep()
    assert {"running": 0, "ended": 0, "lost": SLICE + 20} == bench.store.agents()


def test_a_group_with_a_time_to_live_expires_and_others_stay(bench: Bench) -> None:
    bench.push("short", gauge("a", 1), ttl=5.0)
    bench.push("long", gauge("b", 1))
    bench.now += FOREVER * 2
    bench.store.sweep()
    assert (None, 1) == (bench.value("a"), bench.value("b"))
    assert 1 == bench.store.totals()["groups"]
