"""What must change together under the store's lock."""

from __future__ import annotations

from services.metrics.protocol.grouping_key import parse_path
from tests.unit.service.store.service_store import Bench, counter, gauge


def test_every_change_has_a_number_and_marks_its_group(bench: Bench) -> None:
    state = bench.store._state
    before = state.generation
    bench.process("1", counter("t_total", 1))
    bench.push("script", gauge("g", 1))
    assert before + 2 == state.generation
    assert {(("agent", "A"), ("job", "j")), (("job", "script"),)} == state.dirty
    bench.scrape()
    assert set() == state.dirty


def test_a_declaration_marks_those_who_follow_it(bench: Bench) -> None:
    bench.push("script", "x 1\n")
    bench.scrape()
    bench.process("1", counter("x", 1))
    assert (("job", "script"),) in bench.store._state.dirty
    bench.scrape()
    bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    assert (("job", "script"),) in bench.store._state.dirty


def test_a_failed_push_is_noted_of_a_plain_group_only(bench: Bench) -> None:
    state = bench.store._state
    state.note_failure((("job", "nobody"),), "parse", 5.0)
    assert {} == state.groups
    state.note_failure((("job", "misfit"),), "inconsistent", 5.0)
    assert 5 == bench.value("push_failure_time_seconds", job="misfit")


def test_what_is_dropped_leaves_nothing(bench: Bench) -> None:
    bench.process("1", counter("t_total", 1), final=True)
    bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    assert (0, 0, 0) == tuple(bench.store.totals()[k] for k in ("groups", "series", "memory_bytes"))
    assert () == bench.push("s", gauge("t_total", 1)).rejected
    bench.scrape()
    bench.kill()
    assert None is bench.value("t_total", agent="A")
