"""Ingestion: a plan is carried out when what it was made for is still there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.store.group import Group
from tests.unit.service.store.service_store import Bench, counter, gauge


def meanwhile(bench: Bench, happens: Callable[[], object], times: int = 1) -> list[int]:
    """Let something happen after each plan that is made, so many times."""
    state, left = bench.store._state, [times]
    holds, busy = state.holds, []  # type: ignore[var-annotated]

    def check(plan: object, push: object) -> bool:
        if left[0] and not busy:
            left[0] -= 1
            busy.append(True)
            bench.store._lock.release()
            try:
                happens()
            finally:
                bench.store._lock.acquire()
                busy.pop()
        return holds(plan, push)  # type: ignore[arg-type]

    state.holds = check  # type: ignore[method-assign]
    return left


def test_a_push_that_was_overtaken_by_a_later_one_is_stale(bench: Bench) -> None:
    bench.process("1", counter("t_total", 1), sequence=1)
    later = counter("t_total", 9) + gauge("g", 1)
    meanwhile(bench, lambda: bench.process("1", later, sequence=9))
    assert "stale" == bench.process("1", counter("t_total", 2) + gauge("h", 1), sequence=2).outcome
    assert (9, 1, None) == tuple(bench.value(name) for name in ("t_total", "g", "h"))


def test_one_that_was_overtaken_by_an_earlier_one_is_planned_again(bench: Bench) -> None:
    earlier = counter("t_total", 5) + counter("u_total", 7)
    meanwhile(bench, lambda: bench.process("1", earlier, sequence=1))
    bench.process("1", counter("t_total", 6), sequence=2)
    assert (6, 7) == (bench.value("t_total"), bench.value("u_total"))


def test_a_process_that_is_lost_meanwhile_is_counted_once(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5), sequence=1, ttl=5.0)

    def lose() -> None:
        bench.now += 10
        bench.store.sweep()

    meanwhile(bench, lose)
    bench.process("1", counter("t_total", 6) + gauge("g", 1), sequence=2)
    assert 6 == bench.value("t_total")
    assert 1 == bench.value("dreamos_agent_state", state="running")


def test_a_name_that_is_declared_meanwhile_is_seen(bench: Bench) -> None:
    meanwhile(bench, lambda: bench.push("other", gauge("x", 1)))
    assert {"x": "inconsistent"} == bench.rejected("1", counter("x", 5) + counter("t_total", 1))
    assert (1, 1) == (bench.value("x"), bench.value("t_total"))


def test_a_group_that_is_deleted_meanwhile_begins_anew(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5), final=True)
    meanwhile(bench, lambda: bench.store.delete(parse_path("/metrics/job/j/agent/A")))
    bench.process("2", counter("t_total", 3) + gauge("g", 1))
    assert 3 == bench.value("t_total")


def test_who_is_overtaken_every_time_still_comes_to_an_end(bench: Bench) -> None:
    number = iter(range(100))

    def another() -> None:
        bench.push("j/agent/A/incarnation/2", counter(f"n{next(number)}_total", 1))

    left = meanwhile(bench, another, times=20)
    bench.process("1", counter("t_total", 5))
    assert 5 == bench.value("t_total")
    assert left[0] > 0


def test_a_known_push_keeps_the_list_and_one_that_does_not_is_left_to_the_other_way(
    bench: Bench,
) -> None:
    target = parse_path("/metrics/job/j/agent/A/incarnation/1")

    def push(body: str, **more: object) -> Push:
        return Push(target, body.encode(), replace=True, **more)  # type: ignore[arg-type]

    assert None is bench.store.push_known(push(counter("t_total", 1)))
    bench.store.push(push(counter("t_total", 5)))
    known = bench.store.push_known(push(counter("t_total", 6)))
    assert known is not None
    assert ("accepted", 1) == (known.outcome, known.samples)
    assert None is bench.store.push_known(push(counter("t_total", 2)))  # it began anew
    assert None is bench.store.push_known(push(gauge("g", 2)))
    assert 6 == bench.value("t_total")
    stale = bench.store.push_known(push(counter("t_total", 7), sequence=1))
    again = bench.store.push_known(push(counter("t_total", 8), sequence=1))
    assert ("accepted", "stale") == (stale and stale.outcome, again and again.outcome)
    assert 7 == bench.value("t_total")


@pytest.mark.parametrize("path", ["script", "j/agent/A/incarnation/1"])
def test_a_partial_post_settles(bench: Bench, path: str) -> None:
    rows = "".join(f'big{{n="{n}"}} 1\n' for n in range(900))
    bench.push(path, f"# TYPE big gauge\n{rows}" + counter("t_total", 1))
    key = parse_path("/metrics/job/" + path).labels
    lists = []
    for value in range(2, 6):
        bench.push(path, counter("t_total", value), replace=False)
        lists.append(bench.store.views()["group", key].series)
    assert (5, 900) == (bench.value("t_total"), len(bench.values("big")))
    assert 1 == len({id(series) for series in lists})
    post = Push(parse_path("/metrics/job/" + path), counter("t_total", 9).encode())
    assert bench.store.push_known(post) is not None
    assert (9, 900) == (bench.value("t_total"), len(bench.values("big")))
    bench.push(path, counter("t_total", 10))
    assert (10, 0) == (bench.value("t_total"), len(bench.values("big")))


def test_a_post_of_other_series_replaces_the_family(bench: Bench) -> None:
    bench.push("script", gauge("g", 1, labels='{x="1"}') + gauge("h", 2))
    for number in (2, 3):
        bench.push("script", gauge("g", number, labels=f'{{x="{number}"}}'), replace=False)
    assert ([3.0], 2) == (bench.values("g"), bench.value("h"))
    bench.push("script", "", replace=False)
    assert ([3.0], 2) == (bench.values("g"), bench.value("h"))


def test_nothing_slow_happens_under_the_lock(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.metrics.series import merge as merging

    made: list[bool] = []
    unite = merging._merge

    def watched(lists: Any) -> Any:
        made.append(bench.store._lock.locked())
        return unite(lists)

    monkeypatch.setattr(merging._unite, "_make", watched)
    rows = "".join(f'big{{n="{n}"}} 1\n' for n in range(300))
    bench.process("0", counter("t_total", 1), final=True)
    for number in range(1, 4):
        body = f"# TYPE big counter\n{rows}" + counter("t_total", 1) + gauge(f"g{number}", 1)
        bench.process(str(number), body)
        bench.process(str(number), body + counter("more_total", 1))
        bench.process(str(number), counter("t_total", 2), replace=False)
        bench.process(str(number), counter("t_total", 3))
        bench.process(str(number), counter("t_total", 4) + gauge("h", 1), final=True)
    assert made
    assert not any(made)


def test_processes_that_push_at_once_lose_nothing(bench: Bench) -> None:
    def run(number: int) -> None:
        for value in range(1, 40):
            extra = gauge(f"g{number}", value) if value % 3 else ""
            bench.process(str(number), counter("t_total", value) + extra, sequence=value)
        bench.process(str(number), counter("t_total", 40), sequence=40, final=True)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert 240 == bench.value("t_total")
    assert 6 == bench.value("dreamos_agent_incarnations_ended_total", end="clean")


def test_a_closed_store_takes_nothing_and_has_written_everything(bench: Bench) -> None:
    bench.process("1", counter("t_total", 5))
    bench.store.close()
    with pytest.raises(Rejected, match="stopping"):
        bench.process("1", counter("t_total", 6))
    with pytest.raises(Rejected, match="stopping"):
        bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    bench.kill()
    assert 5 == bench.value("t_total")


def test_the_last_word_is_taken_on_credit(bench: Bench) -> None:
    bench.store._ingest._budget._left[("agent", "A"), ("job", "j")] = (-5.0, 0.0)
    bench.store._ingest._budget._clock = lambda: 0.0
    with pytest.raises(Rejected, match="change with every push"):
        bench.process("1", counter("t_total", 1))
    bench.process("1", counter("t_total", 1), final=True)
    assert 1 == bench.value("t_total")


def test_groups_know_what_they_consist_of() -> None:
    group = Group(1, (("job", "j"),))
    assert (True, (), None) == (group.silent, group.parts(), group.find("nobody"))
