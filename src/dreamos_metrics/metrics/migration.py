"""Migration of all values from one storage to another, while threads go on counting."""

from __future__ import annotations

import time
from typing import Any

from dreamos_metrics.metrics.family import REGISTRY, all_series
from dreamos_metrics.metrics.storage import UNALLOCATED, MemoryStorage, Storage


def migrate_to(storage: Storage) -> None:
    """Give every series slots in `storage` and carry its values over; new series begin there.

    When it is full, or its folder cannot be written, values go on in memory and that is said once.
    """
    with REGISTRY.lock:
        REGISTRY.storage = storage
        for series in all_series():
            if series._is_allocated():
                _migrate(series)
        REGISTRY.generation += 1


def _migrate(series: Any) -> None:
    new, to = REGISTRY.allocate_or_fall_back(series)
    old, start = series._segment, series._slot
    copied = list(old[start : start + series._family.slot_count])
    for index, value in enumerate(copied):
        new[to + index] = value
    # No call between the two: no other thread can see the one without the other (see `storage`).
    series._segment = new
    series._slot = to
    for index, value in enumerate(copied):
        since = old[start + index] - value  # what other threads added while it was copied
        if since:
            with REGISTRY.addition_lock:
                new[to + index] += since


def subtract_reported() -> None:
    """Subtract what an earlier incarnation of this process has reported, before the next begins.

    What was counted between the two stays.
    """
    now = time.time()
    with REGISTRY.lock:
        REGISTRY.unregistered.clear()  # what they were at is known to nobody by now
        for series, read in REGISTRY.reported.items():
            if not series._is_allocated() or not series._family.only_grows:
                continue
            series._family.bases.pop(series, None)
            last = series._family.slot_count - 1
            for index in range(last):
                taken = read[index]
                with REGISTRY.addition_lock:
                    segment, slot = series._segment, series._slot
                    segment[slot + index] -= taken
            series._segment[series._slot + last] = now
        REGISTRY.reported = {}


def reset_after_fork() -> None:
    """Take the slots of every series: in a forked process each begins at zero when it is used."""
    for series in all_series():
        series._segment = UNALLOCATED
    for family in REGISTRY.every_family():
        family.exemplars.clear()
        family.bases.clear()
    REGISTRY.reported = {}
    REGISTRY.storage = MemoryStorage()
    REGISTRY.generation += 1
