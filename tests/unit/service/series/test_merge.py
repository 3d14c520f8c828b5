"""Unions of lists: what is in them, and where each list's values go."""

from __future__ import annotations

import numpy as np

from services.metrics.series.merge import merge, subset
from services.metrics.series.select import lasting, overlay, part, without
from tests.unit.service.series.lists import COUNTERS, HISTOGRAM, series

OTHER = HISTOGRAM.replace('le="5"', 'le="2"')


def test_a_union_is_the_same_whatever_the_order() -> None:
    one, two = series(HISTOGRAM), series(OTHER)
    assert merge([one, two]).series is merge([two, one]).series
    assert ["1", "2", "5", "+Inf"] == [
        label.partition('le="')[2][:-1] for label in merge([one, two]).series.labels[:4]
    ]


def test_a_list_that_has_all_of_it_is_the_union() -> None:
    one, two = series(COUNTERS), series("# TYPE a_total counter\na_total 1\n")
    merged = merge([two, one])
    assert merged.series is one
    assert None is merged.placements[1]


def test_a_bound_that_a_list_lacks_gets_what_is_certain() -> None:
    one, two = series(HISTOGRAM), series(OTHER)
    merged = merge([one, two])
    place = merged.placements[0]
    assert place is not None
    wide = place.spread(np.array([1.0, 3.0, 4.0, 9.0, 4.0]), len(merged.series), 0.0)
    assert [1.0, 1.0, 3.0, 4.0, 9.0, 4.0] == wide.tolist()
    assert 5 == place.own


def test_parts_of_a_list_are_found_again() -> None:
    one = series(COUNTERS + HISTOGRAM + "# TYPE g gauge\ng 1\n")
    assert lasting(one).series is lasting(one).series
    assert ["a_total", "b_total"] == [f.name for f in without(one, {"h", "g"}).series.families]
    where = np.array([0, 3])
    assert part(one, where).series is part(one, where.copy()).series
    assert one is part(one, np.arange(len(one))).series
    assert [one.names[0], one.names[3]] == subset(one, where).names


def test_an_overlay_replaces_families_and_settles() -> None:
    old = series(COUNTERS + '# TYPE g gauge\ng{x="1"} 7\n')
    same = series("# TYPE b_total counter\nb_total 5\n")
    laid = overlay(old, same)
    assert laid.series is old
    assert [1.0, 5.0, 7.0] == laid.values(np.array([1.0, 2.0, 7.0]), np.array([5.0])).tolist()
    other = overlay(old, series('# TYPE g gauge\ng{x="2"} 8\ng{x="3"} 9\n'))
    values = other.values(np.array([1.0, 2.0, 7.0]), np.array([8.0, 9.0]))
    assert [1.0, 2.0, 8.0, 9.0] == values.tolist()
    assert overlay(old, series("")).series is old
    whole = series(COUNTERS + "# TYPE g gauge\ng 1\n")
    assert overlay(old, whole).series is whole
