"""Results that are remembered by the identity of lists."""

from __future__ import annotations

import itertools

from services.metrics.series import identity_cache
from services.metrics.series.identity_cache import IdentityCache
from services.metrics.series.series_list import SeriesList
from tests.unit.service.series.lists import COUNTERS, series


def test_a_result_is_made_once_for_the_same_lists_and_values() -> None:
    numbers = itertools.count(1)
    cache = IdentityCache(lambda lists, *more: next(numbers))
    one, two = series(COUNTERS), series(COUNTERS)
    assert [1, 1, 2, 3, 3] == [cache((one,)), cache([one]), cache((two,)), cache((one,), "x"),
                               cache((one,), "x")]  # fmt: skip


def test_the_oldest_are_forgotten(monkeypatch: object) -> None:
    most, identity_cache.MAX_ENTRIES = identity_cache.MAX_ENTRIES, 5
    try:
        made: list[SeriesList] = []
        cache = IdentityCache(lambda lists: made.append(lists[0]))
        lists = [series(COUNTERS) for _ in range(3)]
        for item in (*lists, lists[2], lists[0]):
            cache((item,))
        assert [*lists, lists[0]] == made
    finally:
        identity_cache.MAX_ENTRIES = most
