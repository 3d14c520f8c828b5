"""Totals that the first format of the data file added up wrongly are put right."""

from __future__ import annotations

import numpy as np

from services.metrics.series.aggregate import Part
from services.metrics.series.repair import repaired
from services.metrics.series.series_list import COUNT, Entry, Family, SeriesList


def totals(*buckets: tuple[str, float]) -> Part:
    entries = [Entry("h_bucket", f'le="{bound}"', COUNT) for bound, _ in buckets]
    series = SeriesList([Family("h", "histogram")], [[*entries, Entry("h_count", "", COUNT)]])
    return Part(series, np.array([*(value for _, value in buckets), 7.0]))


def test_buckets_are_put_in_order_and_do_not_fall() -> None:
    found = repaired(totals(("1", 4), ("10", 5), ("+Inf", 7), ("5", 2), ("1.0", 1)))
    bounds = [label[4:-1] for label in found.series.labels[:-1]]
    assert ["1", "5", "10", "+Inf"] == bounds
    assert [5, 5, 5, 7, 7] == found.values.tolist()


def test_what_is_right_stays_as_it_is() -> None:
    right = totals(("1", 4), ("5", 5), ("+Inf", 7))
    assert right is repaired(right)
