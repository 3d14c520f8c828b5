"""What cannot be added up."""

from __future__ import annotations

import pytest

from services.metrics.series.clashes import clashes, twice_bounded
from services.metrics.series.series_list import MAX, Entry, Family, SeriesList
from tests.unit.service.series.lists import HISTOGRAM, series

GAUGE = "# TYPE x gauge\nx 1\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        (GAUGE, "# TYPE x counter\nx 1\n", "x is a counter; x cannot be a gauge beside it"),
        (GAUGE, "# dreamos:aggregate x max\n" + GAUGE, "x is combined by max, not by sum"),
        ("# TYPE x_info gauge\nx_info 1\n", "INFO", "x_info is combined by max, not by sum"),
        ("# TYPE h_sum gauge\nh_sum 1\n", HISTOGRAM, "h is a histogram; h_sum cannot be a gauge"),
        (HISTOGRAM, "# TYPE h_count counter\nh_count 1\n", "h_count is a counter; h cannot be"),
    ],
)
def test_they_are_found_and_said(mine: str, theirs: str, message: str) -> None:
    info = SeriesList([Family("x_info", "info")], [[Entry("x_info", "", MAX)]])
    (found,) = clashes(series(mine), info if theirs == "INFO" else series(theirs))
    assert found.message.startswith(message)
    assert not found.yields


def test_an_untyped_one_gives_way_and_claims_nothing() -> None:
    untyped, typed = series("x 1\n"), series(GAUGE)
    assert [True] == [clash.yields for clash in clashes(typed, untyped)]
    assert [False] == [clash.yields for clash in clashes(untyped, typed)]


def test_equal_ones_and_other_help_are_no_clash() -> None:
    one = series("# HELP x Old.\n" + GAUGE)
    assert () == clashes(one, one) == clashes(one, series("# HELP x New.\n" + GAUGE))


def test_one_bound_twice_is_found() -> None:
    assert {} == twice_bounded(series(HISTOGRAM))
    twice = series('# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="0.50"} 2\n')
    assert {"s": "s has the same bound twice"} == twice_bounded(twice)
