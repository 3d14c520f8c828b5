"""From the disk to groups."""

from __future__ import annotations

from tests.unit.service.store.service_store import Bench, counter, gauge


def test_groups_come_back_as_they_were(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5) + gauge("g", 2), ttl=7.0, sequence=4)
    bench.process("2", counter("t_total", 1), final=True)
    bench.push("script", gauge("x", 8))
    before = sorted(bench.scrape().splitlines())
    bench.now += 3
    bench.restart()
    group = bench.store._state.groups[("agent", "A"), ("job", "j")]
    member = group.members["1"]
    assert (7.0, 4, bench.now) == (member.ttl, member.sequence, member.pushed)
    assert before == sorted(bench.scrape().splitlines())


def test_numbers_of_groups_are_not_used_twice(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5), final=True)
    bench.restart()
    bench.push("other", gauge("x", 8))
    numbers = [group.id for group in bench.store._state.groups.values()]
    assert len(set(numbers)) == len(numbers) == 2


def test_the_latest_gauge_is_known_after_a_restart(bench: Bench) -> None:
    for process, value in (("1", 7), ("2", 5)):
        bench.process(process, gauge("g", value, "mostrecent"))
    bench.process("1", gauge("g", 8, "mostrecent"))
    bench.scrape()
    bench.kill()
    assert 8 == bench.value("g")


def test_declared_names_and_let_go_ones_are_known_after_a_restart(bench: Bench) -> None:
    bench.process("1", counter("x", 5), sequence=1, ttl=5.0)
    bench.now += 6
    bench.store.sweep()
    bench.process("2", gauge("x", 3))
    bench.scrape()
    bench.kill()
    assert {"x": "inconsistent"} == bench.rejected("1", counter("x", 6), sequence=2)
    assert 3 == bench.value("x")
