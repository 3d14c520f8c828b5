"""Lists: what they know of themselves, and that the disk gives back the same."""

from __future__ import annotations

import numpy as np
import pytest

from services.metrics.series.series_list import COUNT, CREATED, SeriesList
from tests.unit.service.series.lists import COUNTERS, HISTOGRAM, series


def test_the_disk_gives_back_an_equal_list() -> None:
    one = series(COUNTERS + HISTOGRAM)
    two = SeriesList.load(one.dump())
    assert (one.digest, one.points, one.families) == (two.digest, two.points, two.families)
    assert one.number < two.number


def test_what_is_no_list_is_refused() -> None:
    for raw in (b"", b"x", series(COUNTERS).dump()[:-3]):
        with pytest.raises(ValueError, match="not a list of series"):
            SeriesList.load(raw)


def test_a_bucket_is_a_place_in_its_metric() -> None:
    found = series(HISTOGRAM)
    assert [1.0, 5.0, np.inf, None, None] == [bound for *_, bound in found.points]
    assert [0] * 5 == found.metrics.tolist()
    assert [True] * 3 + [False] * 2 == found.buckets.tolist()
    assert [1, 2] == found.steps.tolist()


def test_times_of_beginning_are_no_series_of_their_own() -> None:
    found = series("# TYPE a counter\na 1\n# TYPE a_created gauge\na_created 5\n")
    assert (2, 1) == (len(found), found.series)
    assert [COUNT, CREATED] == found.roles.tolist()


def test_only_quantiles_belong_together_when_the_latest_value_counts() -> None:
    summary = '# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="0.9"} 2\ns_sum 3\ns_count 1\n'
    assert None is series("# dreamos:aggregate g mostrecent\n# TYPE g gauge\ng 1\n").recent
    recent = series(summary).recent
    assert recent is not None
    assert 1 == len(set(recent.tolist()))


def test_label_names_are_those_of_all_series() -> None:
    assert {"k", "le"} == series(HISTOGRAM).label_names
    assert len("a_totalb_total") == series(COUNTERS).text_bytes
