"""Two snapshots of one process that follow each other."""

from __future__ import annotations

from services.metrics.series.aggregate import Part
from services.metrics.series.lives import fell, follow
from tests.unit.service.series.lists import COUNTERS, part, shown


def counters(a: int, b: int) -> Part:
    return part(COUNTERS.replace("a_total 1", f"a_total {a}").replace("b_total 2", f"b_total {b}"))


A = "# TYPE a_total counter\na_total {}\n"


def test_what_grows_leaves_nothing_behind() -> None:
    before = counters(1, 2)
    assert (None, None) == follow(before, None, Part(before.series, before.values + 1))
    assert (None, None) == follow(part(A.format(1)), None, counters(1, 5))


def test_what_vanishes_is_absent_until_it_comes_back() -> None:
    gone, ended = follow(counters(1, 2), None, part(A.format(3)))
    assert gone is not None
    assert ({"b_total": 2.0}, None) == (shown(gone), ended)
    assert (None, None) == follow(part(A.format(3)), gone, counters(4, 2))


def test_what_falls_has_ended() -> None:
    before = counters(5, 7)
    absent, ended = follow(before, None, Part(before.series, counters(6, 1).values))
    assert ended is not None
    assert (None, {"b_total": 7.0}) == (absent, shown(ended))


def test_gauges_may_fall_and_vanish() -> None:
    gauge = part("# TYPE g gauge\ng 5\n")
    assert (None, None) == follow(gauge, None, part("# TYPE g gauge\ng 2\n"))
    assert (None, None) == follow(gauge, None, part(A.format(1)))
    assert not fell(gauge.series, gauge.values, gauge.values - 1)
    assert fell(counters(1, 2).series, counters(1, 2).values, counters(1, 1).values)
