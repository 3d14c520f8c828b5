"""Totals of many processes: exact, and independent of the order in which they came and went."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.parsing.text import parse
from services.metrics.series.aggregate import Part, combine, fold
from services.metrics.series.merge import merge
from services.metrics.series.series_list import SeriesList

VALUES = st.lists(st.floats(min_value=0, max_value=1e12), min_size=1, max_size=12)


def part(**values: float) -> Part:
    """Return a contribution with one counter for each name."""
    lines = [f"# TYPE {name} counter\n{name} {value!r}\n" for name, value in sorted(values.items())]
    parsed = parse("".join(lines).encode(), False)
    return Part(parsed.series, parsed.values[parsed.order])


def total(*parts: Part) -> dict[str, float]:
    merged = merge([item.series for item in parts])
    return dict(zip(merged.series.names, combine(merged, parts).tolist(), strict=True))


@settings(max_examples=200, deadline=None)
@given(VALUES, st.integers(0, 12))
def test_a_sum_is_the_exact_one_however_many_have_ended(values: list[float], ended: int) -> None:
    retired = None
    for value in values[:ended]:
        retired = fold(retired, part(a=value))
    live = [part(a=value) for value in values[ended:]]
    parts = ([retired] if retired else []) + live
    exact = sum(map(Fraction, values))
    assert math.isclose(float(exact), total(*parts)["a"], rel_tol=2**-52)
    if all(value == int(value) for value in values):
        assert float(exact) == total(*parts)["a"]


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_a_total_does_not_fall_when_a_process_ends(values: list[float]) -> None:
    retired, live = None, [part(a=value) for value in values]
    shown = total(*live)["a"]
    while live:
        retired = fold(retired, live.pop(len(live) // 2))
        now = total(retired, *live)["a"]
        assert now >= shown
        shown = now


@settings(max_examples=100, deadline=None)
@given(VALUES, st.floats(min_value=0, max_value=1e12))
def test_what_is_taken_out_again_leaves_the_rest(values: list[float], lost: float) -> None:
    retired = None
    for value in values:
        retired = fold(retired, part(a=math.floor(value)))
    before = total(*([retired] if retired else []))["a"]
    retired = fold(fold(retired, part(a=math.floor(lost))), part(a=math.floor(lost)), -1.0)
    assert before == total(retired)["a"]


def test_processes_with_other_series_are_added_by_name() -> None:
    assert {"a": 3.0, "b": 7.0, "c": 5.0} == total(part(a=1, b=3), part(a=2, c=5), part(b=4))


def test_series_of_one_that_ended_stay() -> None:
    retired = fold(fold(None, part(a=1, b=2)), part(b=3, c=4))
    assert {"a": 1.0, "b": 5.0, "c": 4.0} == total(retired)


def test_a_union_of_equal_lists_is_that_list() -> None:
    one, other = part(a=1, b=2), part(a=5)
    assert one.series is merge([one.series, one.series]).series
    assert one.series is merge([one.series, other.series]).series


def test_infinity_among_gauges_does_not_spoil_a_sum() -> None:
    parsed = parse(b"# TYPE g gauge\ng +Inf\n# TYPE c counter\nc 1\n", False)
    item = Part(parsed.series, parsed.values[parsed.order])
    assert {"c": 2.0, "g": math.inf} == total(item, item)


def test_lists_without_entries_are_no_obstacle() -> None:
    empty = Part(SeriesList([], []), np.zeros(0))
    assert {} == total(empty)
    assert {"a": 1.0} == total(empty, part(a=1))
