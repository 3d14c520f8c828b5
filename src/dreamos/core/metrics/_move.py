"""Move all values from one store to another while threads go on counting."""

from __future__ import annotations

import time
from typing import Any

from dreamos.core.metrics._cells import MemoryStore, Store
from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._family import REGISTRY


def move_all(store: Store) -> None:
    """Give every series slots in ``store`` and carry its values over; new series are born there.

    When the store is full, or its folder cannot be written, values go on in memory and that is said once.
    """
    with REGISTRY.lock:
        REGISTRY.store = store
        for series in REGISTRY.all_series():
            if series._is_born():
                _move(series)
        REGISTRY.generation += 1


def _move(series: Any) -> None:
    family = series._family
    try:
        new, to = REGISTRY.store.allocate(family, series._values, family.width)
    except Exception as error:  # noqa: BLE001 - the disk may be full
        record_error("spool_full", f"values go on in memory: {type(error).__name__}: {error}")
        REGISTRY.store = MemoryStore()
        new, to = REGISTRY.store.allocate(family, series._values, family.width)
    old, start = series._cells, series._slot
    copied = list(old[start : start + family.width])
    for index, value in enumerate(copied):
        new[to + index] = value
    # Two stores without a call in between: no other thread can see the one without the other (see _cells).
    series._cells = new
    series._slot = to
    for index, value in enumerate(copied):
        since = old[start + index] - value  # what other threads added while it was copied
        if since:
            with REGISTRY.adding:
                new[to + index] += since


def take_off_reported() -> None:
    """Take off what an earlier incarnation of this process has reported, before the next one begins.

    What was counted between the two stays.
    """
    now = time.time()
    with REGISTRY.lock:
        for series, read in REGISTRY.reported.items():
            kind = series._family.kind
            if not series._is_born() or kind not in ("counter", "summary", "histogram"):
                continue
            last = series._family.width - 1
            for index in range(last):
                taken = read[index]
                with REGISTRY.adding:
                    cells, slot = series._cells, series._slot
                    cells[slot + index] -= taken
            series._cells[series._slot + last] = now
        REGISTRY.reported = {}


def start_from_nothing() -> None:
    """Make every series unborn: in a forked process each comes back, at zero, when it is touched."""
    from dreamos.core.metrics._cells import UNBORN

    for series in REGISTRY.all_series():
        series._cells = UNBORN
    for family in REGISTRY.families.values():
        family.exemplars.clear()
    REGISTRY.reported = {}
    REGISTRY.store = MemoryStore()
    REGISTRY.generation += 1
