"""Untyped series are shown as what others declared."""

from __future__ import annotations

import numpy as np

from services.metrics.series.adoption import adopt
from services.metrics.series.series_list import Family
from services.metrics.series.view import View
from tests.unit.service.series.lists import series


def view(text: str, *values: float) -> View:
    return View("", series(text), np.array(values))


def test_they_take_the_type_where_the_value_allows_it() -> None:
    untyped = view('x{k="1"} 1\nx{k="2"} 1\nx{k="3"} 1\ny 1\n', 4.0, -1.0, np.nan, 5.0)
    found = adopt(untyped, (("x", Family("x", "counter", "Help.")),))
    assert [("x", "counter"), ("y", "unknown")] == [(f.name, f.type) for f in found.series.families]
    assert [4.0, 5.0] == found.values.tolist()


def test_a_gauge_may_have_any_value_and_a_part_of_a_histogram_is_left_out() -> None:
    untyped = view("h_count 1\nx 1\n", 4.0, -1.0)
    found = adopt(untyped, (("h_count", None), ("x", Family("x", "gauge"))))
    assert (["x"], [-1.0]) == (found.series.names, found.values.tolist())
    again = adopt(untyped, (("h_count", None), ("x", Family("x", "gauge"))))
    assert again.series is found.series
