"""A group: what it consists of, and what happens to its parts."""

from __future__ import annotations

from services.metrics.series.aggregate import Part
from services.metrics.store.group import Group, prefix_of
from services.metrics.store.incarnation import Incarnation
from tests.unit.service.series.lists import COUNTERS, part, shown

LABELS = (("agent", "A"), ("job", "j"))


def process(text: str, absent: Part | None = None) -> Incarnation:
    found = part(text)
    return Incarnation(None, found.series, found.values, 1, 5.0, 100.0, absent=absent)


def test_a_prefix_has_an_empty_instance_at_its_end() -> None:
    assert 'agent="A",job="j",instance=""' == prefix_of(LABELS)
    assert 'instance="i",job="a\\"b"' == prefix_of((("instance", "i"), ("job", 'a"b')))


def test_what_it_shows_is_the_sum_of_its_parts() -> None:
    group = Group(1, LABELS, members={"1": process(COUNTERS, part("# TYPE c counter\nc 4\n"))})
    group.plain = process(COUNTERS)
    group.retire([part(COUNTERS)])
    view = group.view(group.parts())
    assert view is not None
    assert {"a_total": 3.0, "b_total": 6.0, "c": 4.0} == shown(Part(view.series, view.values))


def test_a_lost_process_is_taken_out_with_what_was_absent() -> None:
    lost = process(COUNTERS, part("# TYPE c counter\nc 4\n"))
    group = Group(1, LABELS)
    group.retire([part(COUNTERS), *lost.parts])
    group.take_out(lost, 100.0)
    assert group.retired is not None
    assert {"a_total": 1.0, "b_total": 2.0, "c": 0.0} == shown(group.retired)


def test_what_was_let_go_since_is_not_taken_out() -> None:
    lost = process(COUNTERS)
    group = Group(1, LABELS)
    group.retire(lost.parts)
    assert [] == group.make_room({"a_total"}, "2", 200.0)
    group.retire([part("# TYPE a_total counter\na_total 9\n")])
    group.take_out(lost, 100.0)
    assert group.retired is not None
    assert {"a_total": 9.0, "b_total": 0.0} == shown(group.retired)


def test_families_are_left_out_of_others_and_their_lines_are_asked_for_again() -> None:
    group = Group(1, LABELS, members={"1": process("x 1\ny 2\n"), "2": process("y 3\n")})
    assert ["1"] == group.leave_out({"x"}, group.others("3"))
    assert (["y"], None) == (group.members["1"].series.names, group.members["1"].template)


def test_an_agent_without_processes_falls_silent() -> None:
    group = Group(1, LABELS, plain=process(COUNTERS))
    group.record.state, group.record.last_push = "running", 100.0
    assert not group.fell_silent(1e9, 300.0)  # it has a time to live of its own
    group.plain = Incarnation(None, group.plain.series, group.plain.values, 1, None, 100.0)  # type: ignore[union-attr]
    assert [False, True] == [group.fell_silent(now, 300.0) for now in (399.0, 401.0)]
