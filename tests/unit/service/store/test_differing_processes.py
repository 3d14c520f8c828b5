"""Processes of one agent that differ: sums that are right, or a refusal with a reason."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.metrics.protocol.grouping_key import parse_path
from tests.unit.service.store.service_store import Bench, counter, gauge, histogram

FINAL = {"final": True}


def test_buckets_of_different_bounds_are_added_up_in_order(bench: Bench) -> None:
    bench.process("1", histogram("h", {"1": 3, "10": 5, "+Inf": 5}), final=True)
    bench.process("2", histogram("h", {"1": 1, "5": 2, "+Inf": 2}))
    expected = [("1", 4), ("5", 5), ("10", 7), ("+Inf", 7)]
    assert expected == bench.buckets("h")
    assert 7 == bench.value("h_count")
    bench.process("2", histogram("h", {"1": 1, "5": 2, "+Inf": 2}), final=True)
    assert expected == bench.buckets("h")
    bench.kill()
    assert expected == bench.buckets("h")


def test_a_lost_process_with_other_bounds_can_come_back(bench: Bench) -> None:
    bench.process("1", histogram("h", {"1": 3, "10": 5, "+Inf": 5}), sequence=1, ttl=5.0)
    bench.process("2", histogram("h", {"2": 1, "+Inf": 4}), sequence=1)
    bench.now += 6
    bench.process("2", histogram("h", {"2": 2, "+Inf": 5}), sequence=2)
    bench.store.sweep()
    assert [("1", 3), ("2", 5), ("10", 7), ("+Inf", 10)] == bench.buckets("h")
    bench.process("1", histogram("h", {"1": 4, "10": 6, "+Inf": 7}), sequence=2)
    assert [("1", 4), ("2", 6), ("10", 8), ("+Inf", 12)] == bench.buckets("h")


def test_a_bound_that_one_process_no_longer_has_does_not_let_it_fall(bench: Bench) -> None:
    bench.process("1", histogram("h", {"1": 3, "5": 4, "10": 5, "+Inf": 6}))
    bench.process("1", histogram("h", {"1": 4, "10": 7, "+Inf": 8}))
    assert [("1", 4), ("5", 5), ("10", 7), ("+Inf", 8)] == bench.buckets("h")
    bench.process("1", histogram("h", {"1": 4, "5": 6, "10": 8, "+Inf": 9}))
    assert [("1", 4), ("5", 6), ("10", 8), ("+Inf", 9)] == bench.buckets("h")


def test_a_bound_may_be_spelt_in_two_ways(bench: Bench) -> None:
    bench.process("1", histogram("h", {"1": 3, "1e1": 5, "+Inf": 5}), final=True)
    bench.process("2", histogram("h", {"1.0": 1, "10.0": 2, "+Inf": 2}))
    assert [("1", 4), ("1e1", 7), ("+Inf", 7)] == bench.buckets("h")


def test_one_body_cannot_have_a_bound_twice(bench: Bench) -> None:
    body = histogram("h", {"1": 3, "1.0": 3, "+Inf": 5}) + counter("t_total", 1)
    assert {"h"} == bench.rejected("1", body).keys()
    assert (1, []) == (bench.value("t_total"), bench.buckets("h"))


def test_a_bound_spelt_anew_by_the_same_process_is_the_same_series(bench: Bench) -> None:
    bench.process("1", histogram("h", {"1": 3, "+Inf": 5}))
    bench.process("1", histogram("h", {"1.0": 4, "+Inf": 6}))
    assert [("1.0", 4), ("+Inf", 6)] == bench.buckets("h")


BOUNDS = ["0.1", "0.5", "1", "2.5", "10", "100"]
SHAPES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(BOUNDS), unique=True, max_size=5).map(
            lambda bounds: sorted(bounds, key=float)
        ),
        st.lists(st.sampled_from([0.05, 0.3, 0.7, 2.0, 5.0, 50.0, 500.0]), max_size=12),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(SHAPES)
def test_no_bucket_falls_and_none_counts_more_than_there_was(
    bench: Bench, processes: list[tuple[list[str], list[float], bool]]
) -> None:
    bench.store.delete(parse_path("/metrics/job/j/agent/A"))
    seen: list[float] = []
    before: dict[str, float] = {}
    for number, (bounds, values, ends) in enumerate(processes):
        counts = {bound: sum(v <= float(bound) for v in values) for bound in bounds}
        body = histogram("h", {**counts, "+Inf": len(values)})
        bench.process(str(number), body, final=ends)
        seen += values
        shown = bench.buckets("h", agent="A")
        assert sorted(float(bound) for bound, _ in shown) == [float(bound) for bound, _ in shown]
        assert sorted(count for _, count in shown) == [count for _, count in shown]
        for bound, count in shown:
            assert count <= sum(value <= float(bound) for value in seen)
            assert count >= before.get(bound, 0)
        before = dict(shown)
        assert len(seen) == before["+Inf"] == bench.value("h_count", agent="A")


def test_another_type_beside_a_living_process_is_left_out_with_a_reason(bench: Bench) -> None:
    bench.process("1", counter("x", 5))
    assert {"x": "inconsistent"} == bench.rejected("2", gauge("x", 9) + counter("t_total", 1))
    assert (5, 1) == (bench.value("x"), bench.value("t_total"))
    assert "# TYPE x counter\n" in bench.scrape()


def test_it_says_so_until_the_other_has_ended_and_then_takes_over(bench: Bench) -> None:
    bench.process("1", counter("x", 5))
    for _ in range(3):
        assert {"x": "inconsistent"} == bench.rejected("2", gauge("x", 9))
    bench.process("1", counter("x", 5), **FINAL)
    assert {} == bench.rejected("2", gauge("x", 9))
    assert ("# TYPE x gauge\n" in bench.scrape(), 9) == (True, bench.value("x"))


def test_a_lost_process_that_made_room_takes_nothing_from_its_successors(bench: Bench) -> None:
    bench.process("old", counter("x", 5) + counter("y_total", 2), sequence=1, ttl=5.0)
    bench.now += 6
    bench.store.sweep()
    bench.process("new", gauge("x", 9), **FINAL)
    bench.now += 1
    bench.process("newer", counter("x", 3))
    assert 3 == bench.value("x")
    bench.kill()
    bench.process("old", counter("x", 6) + counter("y_total", 4), sequence=2)
    assert (9, 4) == (bench.value("x"), bench.value("y_total"))


def test_a_process_may_change_its_own_types(bench: Bench) -> None:
    bench.process("1", counter("x", 5))
    assert {} == bench.rejected("1", gauge("x", 2))
    assert 2 == bench.value("x")
    assert {} == bench.rejected("1", histogram("x", {"+Inf": 3}))
    assert ([("+Inf", 3)], None) == (bench.buckets("x"), bench.value("x"))


@pytest.mark.parametrize(
    "other", [counter("h_count", 4), gauge("h_sum", 4), counter("h_bucket", 1)]
)
def test_a_sample_name_belongs_to_one_family(bench: Bench, other: str) -> None:
    bench.process("1", histogram("h", {"1": 3, "+Inf": 5}))
    assert ["inconsistent"] == list(bench.rejected("2", other).values())
    assert ["inconsistent"] == list(bench.rejected("1", other, replace=False).values())
    assert 5 == bench.value("h_count")


def test_gauges_that_are_combined_differently_are_not_mixed(bench: Bench) -> None:
    bench.process("1", gauge("g", 7, "max"))
    assert {"g": "inconsistent"} == bench.rejected("2", gauge("g", 5, "sum"))
    assert 7 == bench.value("g")
    bench.process("1", "", **FINAL)
    assert {} == bench.rejected("2", gauge("g", 5, "sum"))
    assert 5 == bench.value("g")


def test_another_unit_is_another_thing_and_another_help_is_not(bench: Bench) -> None:
    head = "# TYPE d_milli_seconds counter\n# UNIT d_milli_seconds {}\n"
    line = "d_milli_seconds_total 3\n# EOF\n"
    first = bench.process("1", head.format("seconds") + line, openmetrics=True)
    other = bench.process("2", head.format("milli_seconds") + line, openmetrics=True)
    assert ([], ["inconsistent"]) == ([*first.rejected], [each.reason for each in other.rejected])
    bench.process("3", "# HELP t_total Old.\n" + counter("t_total", 1))
    bench.process("4", "# HELP t_total New.\n" + counter("t_total", 2))
    assert 3 == bench.value("t_total")
    assert 1 == bench.scrape().count("# HELP t_total ")


def test_quantiles_are_of_one_process_and_its_totals_of_all(bench: Bench) -> None:
    def summary(count: int, **quantiles: float) -> str:
        rows = "".join(f's{{quantile="0.{q[1:]}"}} {v}\n' for q, v in quantiles.items())
        return f"# TYPE s summary\n{rows}s_sum {count}\ns_count {count}\n"

    bench.process("1", summary(3, q5=1.0, q9=9.0))
    bench.process("2", summary(4, q5=2.0, q99=3.0))
    text = bench.scrape()
    assert ('quantile="0.5"} 2\n' in text, 'quantile="0.9"} NaN\n' in text) == (True, True)
    assert (7, 3.0) == (bench.value("s_count"), bench.value("s", quantile="0.99"))
    bench.process("1", summary(5, q5=1.0, q9=9.0))
    assert [1.0, 9.0] == bench.values("s", quantile="0.5") + bench.values("s", quantile="0.9")
    assert 'quantile="0.99"} NaN\n' in bench.scrape()


def test_what_is_shown_does_not_depend_on_who_pushed_last(bench: Bench) -> None:
    bench.process("1", histogram("h", {"1": 3, "+Inf": 5}))
    bench.process("2", histogram("h", {"2": 3, "+Inf": 5}))
    first = bench.store.views()["group", (("agent", "A"), ("job", "j"))].series
    bench.process("1", histogram("h", {"1": 3, "+Inf": 5}))
    assert first is bench.store.views()["group", (("agent", "A"), ("job", "j"))].series
