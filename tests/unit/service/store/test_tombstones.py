"""Endings: remembered until they are on disk, whatever else is written meanwhile."""

from __future__ import annotations

from services.metrics.store.tombstones import MAX_RECENT
from tests.unit.service.store.service_store import Bench, counter

AGENTS = MAX_RECENT + 500


def test_agents_that_are_lost_while_a_write_runs_are_not_forgotten(bench: Bench) -> None:
    for number in range(AGENTS):
        bench.push(f"j/agent/{number}/incarnation/1", counter("t_total", 10), sequence=1, ttl=5.0)
    write = bench.disk.write

    def slowly(batch: object) -> None:
        bench.disk.write = write  # type: ignore[method-assign]
        bench.now += 10
        bench.store.sweep()  # while the write of the pushes runs
        write(batch)  # type: ignore[arg-type]

    bench.disk.write = slowly  # type: ignore[method-assign]
    bench.store.flush()
    bench.push("j/agent/0/incarnation/1", counter("t_total", 11), sequence=2)
    assert 11 == bench.value("t_total", agent="0")


def test_those_that_are_on_disk_are_let_go_and_found_again(bench: Bench) -> None:
    for number in range(AGENTS):
        path = f"j/agent/{number}/incarnation/1"
        bench.push(path, counter("t_total", 10), sequence=1, ttl=5.0)
    bench.now += 10
    bench.store.sweep()
    bench.store.flush()
    tombstones = bench.store._state.tombstones
    first = bench.store._state.groups[("agent", "0"), ("job", "j")].id
    assert None is tombstones.recent(first, "1")
    bench.push("j/agent/0/incarnation/1", counter("t_total", 11), sequence=2)
    assert 11 == bench.value("t_total", agent="0")
    assert (
        "stale" == bench.push("j/agent/1/incarnation/1", counter("t_total", 9), sequence=1).outcome
    )


def test_an_ending_after_a_return_is_the_one_that_counts(bench: Bench) -> None:
    for sequence in (1, 2, 3):
        bench.process("1", counter("t_total", sequence), sequence=sequence, ttl=5.0)
        bench.now += 10
        bench.store.sweep()
        assert sequence == bench.value("t_total")
    bench.process("1", counter("t_total", 4), sequence=4, final=True)
    assert "stale" == bench.process("1", counter("t_total", 9), sequence=5).outcome
    bench.kill()
    assert "stale" == bench.process("1", counter("t_total", 9), sequence=5).outcome
    assert 4 == bench.value("t_total")
