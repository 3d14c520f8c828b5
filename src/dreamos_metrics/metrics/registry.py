"""Registry of families: every declared metric of this process and the storage of its values."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.storage import MemoryStorage, Storage

D = TypeVar("D", bound=Definition)


class Registry(Generic[D]):
    """All families of this process and the storage that their values live in.

    Attributes:
        families: the families by name, in the order of their declaration.
        storage: where new series get their slots.
        generation: rises whenever a series appears or goes; while it stands still, so does the list
            of sample lines.
        reported: what an earlier incarnation of this very process has reported, by series.
        addition_lock: held around each addition where threads run in parallel; no lock elsewhere.
        additions_locked: whether `addition_lock` is a real lock (see `locking`).
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.families: dict[str, D] = {}
        self.storage: Storage = MemoryStorage()
        self.generation = 0
        self.reported: dict[Any, list[float]] = {}
        self.addition_lock: AbstractContextManager[object] = nullcontext()
        self.additions_locked = False

    def renew_lock(self) -> None:
        """Make the lock anew: in a forked process nobody would ever release the old one."""
        self.lock = threading.RLock()
        self.addition_lock = self.lock if self.additions_locked else nullcontext()

    def declare(self, family: D) -> D:
        """Return the family of this name: the one declared before, or this one.

        Raises:
            ValueError: the name is taken by a metric of another type, other labels or other
                buckets.
        """
        with self.lock:
            known = self.families.get(family.name)
            if known is None:
                self.families[family.name] = family
                return family
            if not known.same_as(family):
                raise ValueError(
                    f"{family.describe()} at {family.place} is already declared as "
                    f"{known.describe()} at {known.place}"
                    + (
                        ""
                        if known.kind != family.kind or known.labelnames != family.labelnames
                        else " with other buckets, unit or multiprocess_mode"
                    )
                )
            if known.aggregate == "sum" != family.aggregate:
                known.aggregate = family.aggregate
            return known

    def allocate_slots(self, series: Any) -> None:
        """Give a series its slots in the present storage and set when it began."""
        with self.lock:
            if series._is_allocated():
                return
            series._attach(*self.allocate_or_fall_back(series))
            self.generation += 1

    def allocate_or_fall_back(self, series: Any) -> tuple[Any, int]:
        """Return fresh slots for a series; in memory from now on when the storage has none."""
        family = series._family
        try:
            return self.storage.allocate(family, series._values, family.slot_count)
        except Exception as error:  # noqa: BLE001 - the disk may be full
            record_error("spool_full", f"values go on in memory: {type(error).__name__}: {error}")
            self.storage = MemoryStorage()
            return self.storage.allocate(family, series._values, family.slot_count)
