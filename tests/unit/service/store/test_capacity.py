"""The bound over all groups."""

from __future__ import annotations

import numpy as np

from services.metrics.series.aggregate import Part
from services.metrics.settings import Settings
from services.metrics.store.capacity import SHARE, Capacity, memory_limit
from services.metrics.store.group import Group
from tests.unit.service.series.lists import series
from tests.unit.service.store.test_excess import many


def group(name: str, count: int) -> Group:
    made = Group(1, (("job", name),))
    listed = series(many("a", count))
    made.retired = Part(listed, np.ones(count))
    return made


def test_series_of_all_groups_are_added_up_and_a_group_replaces_its_own() -> None:
    capacity = Capacity(Settings(max_total_series=100), memory=10**9)
    one, two = group("one", 30), group("two", 20)
    capacity.hold(one)
    capacity.hold(two)
    assert (50, 80, 50) == (
        capacity.series,
        capacity.left(one.labels).series,
        capacity.left((("job", "new"),)).series,
    )
    capacity.hold(group("one", 10))
    assert 30 == capacity.series
    capacity.drop(one.labels)
    capacity.drop(two.labels)
    assert (0, 0) == (capacity.series, capacity.bytes)


def test_bytes_follow_from_the_memory_limit() -> None:
    capacity = Capacity(Settings(), memory=1_000_000)
    assert int(1_000_000 * SHARE) == capacity.left((("job", "j"),)).bytes
    capacity.hold(group("one", 10_000))
    assert 0 == capacity.left((("job", "two"),)).bytes
    assert 0 < memory_limit()
