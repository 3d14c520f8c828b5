"""One family that cannot be taken costs that family only."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from tests.unit.service.store.service_store import Bench, counter, gauge, histogram

BEATS = "# TYPE dreamos_agent_heartbeats_total counter\ndreamos_agent_heartbeats_total {}\n"


def many(name: str, count: int, first: int = 0, kind: str = "gauge") -> str:
    rows = "".join(f'{name}{{n="{n}"}} 1\n' for n in range(first, first + count))
    return f"# TYPE {name} {kind}\n{rows}"


@pytest.fixture
def small(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "small", max_series=100)


def test_the_rest_of_a_snapshot_is_taken_with_state_heartbeat_and_end(bench: Bench) -> None:
    bench.push("script", gauge("x", 1))
    body = BEATS.format(1) + counter("x", 3) + counter("t_total", 7)
    assert {"x": "inconsistent"} == bench.rejected("1", body, sequence=1)
    assert bench.now == bench.value("dreamos_agent_last_heartbeat_timestamp_seconds")
    assert (1, 7) == (bench.value("dreamos_agent_state", state="running"), bench.value("t_total"))
    assert {"x": "inconsistent"} == bench.rejected("1", body, sequence=2, final=True)
    bench.kill()
    assert (1, 7) == (bench.value("dreamos_agent_state", state="ended"), bench.value("t_total"))


def test_the_answer_names_who_declared_the_name(bench: Bench) -> None:
    bench.push("first/agent/B/incarnation/1", counter("x", 1))
    bench.push("second/agent/C/incarnation/1", counter("x", 1))
    (rejected,) = bench.process("1", gauge("x", 3)).rejected
    assert 'x is in use by the counter x, which agent="B", job="first" declared' == rejected.message
    bench.store.delete(parse_path("/metrics/job/first/agent/B"))
    (rejected,) = bench.process("1", gauge("x", 3)).rejected
    assert 'agent="C", job="second"' in rejected.message
    bench.store.delete(parse_path("/metrics/job/second/agent/C"))
    assert () == bench.process("1", gauge("x", 3)).rejected
    assert 3 == bench.value("x")


def test_repeated_pushes_go_on_saying_so_in_every_form(bench: Bench) -> None:
    bench.push("script", gauge("x", 1))
    body = counter("x", 3) + counter("t_total", {})  # type: ignore[arg-type]
    first = bench.process("1", counter("x", 3) + counter("t_total", 7), sequence=1)
    again = bench.process("1", counter("x", 4) + counter("t_total", 8), sequence=2)
    values = Push(parse_path("/metrics/job/j/agent/A/incarnation/1"), struct.pack("<2d", 5, 9),
                  sequence=3, series_list=first.series_list)  # fmt: skip
    assert bench.store.push_known(values) is None
    third = bench.store.push(values)
    assert first.rejected == again.rejected == third.rejected
    assert first.series_list == again.series_list == third.series_list != None  # noqa: E711
    assert (9, 1) == (bench.value("t_total"), bench.value("x"))
    assert body
    bench.push("script", "")
    assert () == bench.process("1", counter("x", 6) + counter("t_total", 10), sequence=4).rejected
    assert (6, 10) == (bench.value("x"), bench.value("t_total"))


def test_it_is_counted_by_reason_and_remembered_while_it_lasts(bench: Bench) -> None:
    bench.push("script", gauge("x", 1))
    for number in range(3):
        bench.process("1", counter("x", number) + counter("t_total", 1))
    assert {"inconsistent": 3} == bench.store.rejections.counts
    (entry,) = bench.store.rejections.current()
    assert (("agent", "A"), ("job", "j")) == entry.labels
    assert ["x"] == [family.name for family in entry.families]
    bench.process("1", counter("t_total", 2))
    assert [] == bench.store.rejections.current()
    assert {"inconsistent": 3} == bench.store.rejections.counts


def test_without_an_incarnation_all_of_it_is_refused(bench: Bench) -> None:
    bench.process("1", counter("x", 1))
    bench.push("script", gauge("calm", 1))
    with pytest.raises(Rejected, match="x is in use by the counter x") as caught:
        bench.push("script", gauge("x", 3) + gauge("calm", 2))
    assert ("inconsistent", 1) == (caught.value.reason, bench.value("calm"))
    assert bench.now == bench.value("push_failure_time_seconds", job="script")


def test_two_large_families_cost_the_second_one(small: Bench) -> None:
    body = BEATS.format(1) + many("a", 60) + many("b", 60) + counter("t_total", 5)
    assert {"b": "too_many_series"} == small.rejected("1", body)
    assert (60, 5) == (len(small.values("a")), small.value("t_total"))
    assert small.now == small.value("dreamos_agent_last_heartbeat_timestamp_seconds")
    small.stop()


def test_what_an_agent_had_is_not_pushed_out_by_what_is_new(small: Bench) -> None:
    small.process("1", many("old", 60) + many("z_other", 20))
    body = many("new", 30) + many("old", 60) + many("z_other", 20)
    assert {"new": "too_many_series"} == small.rejected("1", body)
    grown = many("old", 90) + many("z_other", 20)
    assert {"old": "too_many_series"} == small.rejected("1", grown)
    assert (0, 20) == (len(small.values("old")), len(small.values("z_other")))
    small.stop()


def test_counts_of_a_family_that_grew_too_large_stay(small: Bench) -> None:
    small.process("1", many("t_total", 80, kind="counter"))
    assert {"t_total"} == small.rejected("1", many("t_total", 101, kind="counter")).keys()
    assert 80 == len(small.values("t_total"))
    assert {} == small.rejected("1", many("t_total", 90, kind="counter"))
    assert [1.0] * 90 == small.values("t_total")
    small.stop()


@pytest.mark.parametrize("typed", [True, False])
def test_a_million_lines_of_one_family_are_cut_out_unread(small: Bench, typed: bool) -> None:
    flood = many("flood", 100_000)
    flood = flood if typed else flood.partition("\n")[2]
    for number in range(2):
        body = counter("a_total", number) + flood + BEATS.format(number) + gauge("g", 2, "max")
        assert {"flood": "too_many_series"} == small.rejected("1", body)
        assert (number, 2) == (small.value("a_total"), small.value("g"))
    assert 1 == small.value("dreamos_agent_state", state="running")
    openmetrics = f"# TYPE t counter\nt_total 3\n# TYPE flood gauge\n{flood.partition(chr(10))[2]}"
    assert {"flood"} == small.rejected("1", openmetrics + "# EOF\n", openmetrics=True).keys()
    small.stop()


def test_a_histogram_is_cut_out_with_all_of_its_samples(small: Bench) -> None:
    rows = "".join(
        histogram("h", {"1": 1, "+Inf": 2}, f'n="{n}"').partition("\n")[2] for n in range(200)
    )
    body = "# TYPE h histogram\n" + rows + counter("t_total", 4)
    assert {"h"} == small.rejected("1", body).keys()
    assert (4, []) == (small.value("t_total"), small.buckets("h"))
    small.stop()


def test_an_untyped_series_is_no_claim(bench: Bench) -> None:
    bench.push("script", "reviews_total 4\n")
    assert {} == bench.rejected("1", counter("reviews_total", 7))
    assert 7 == bench.value("reviews_total", job="j")
    assert 4 == bench.value("reviews_total", job="script")
    assert 1 == bench.scrape().count("# TYPE reviews_total ")
    assert "# TYPE reviews_total counter\n" in bench.scrape()
    bench.push("script", "reviews_total 5\n")
    assert 5 == bench.value("reviews_total", job="script")
    bench.push("script", "reviews_total -1\n")
    assert None is bench.value("reviews_total", job="script")
    bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    assert -1 == bench.value("reviews_total", job="script")
    assert "# TYPE reviews_total untyped\n" in bench.scrape()


def test_an_untyped_part_of_a_declared_histogram_is_left_out_meanwhile(bench: Bench) -> None:
    bench.push("script", "h_count 4\nh_other 1\n")
    assert {} == bench.rejected("1", histogram("h", {"+Inf": 2}))
    assert [2.0] == bench.values("h_count")
    assert [1.0] == bench.values("h_other")
    bench.process("1", "", final=True)
    bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    assert [4.0] == bench.values("h_count")


def test_an_untyped_series_of_the_same_agent_gives_way(bench: Bench) -> None:
    bench.process("1", "x 4\nother 1\n")
    assert {} == bench.rejected("2", counter("x", 7))
    assert (7, 1) == (bench.value("x"), bench.value("other"))
    assert {"x": "inconsistent"} == bench.rejected("1", "x 5\nother 2\n")
    assert (7, 2) == (bench.value("x"), bench.value("other"))


def test_the_bound_over_all_groups_leaves_out_families_and_says_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", max_total_series=150)
    bench.push("one/agent/A/incarnation/1", many("a", 100))
    result = bench.push("two/agent/B/incarnation/1", BEATS.format(1) + many("b", 60))
    assert ["b"] == [family.name for family in result.rejected]
    assert "room for 50 series" in result.rejected[0].message
    assert 1 == bench.value("dreamos_agent_state", agent="B", state="running")
    with pytest.raises(Rejected, match="as many of all agents together") as caught:
        bench.push("script", many("c", 60))
    assert 429 == caught.value.status
    bench.store.delete(parse_path("/metrics/job/one/agent/A"))
    assert () == bench.push("two/agent/B/incarnation/1", BEATS.format(2) + many("b", 60)).rejected
    assert 61 == bench.store.totals()["series"]
    bench.stop()
