"""Registry of families: every declared metric of this process and the storage of its values."""

from __future__ import annotations

import threading
import weakref
from collections.abc import MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.storage import MemoryStorage, Storage


class Declared(Definition):
    """A definition that was declared in this process: who shows it, and where its values live.

    Attributes:
        registry: a weak reference to the prometheus_client registry that shows it; None for none.
        home: the same if that is a registry of one's own.
        storage: where its values live; None for where all values do.
    """

    registry: Any = None
    home: Any = None
    storage: Storage | None = None

    def restart(self) -> None:
        """Show nothing of what was recorded before."""
        raise NotImplementedError


D = TypeVar("D", bound=Declared)


class Registry(Generic[D]):
    """All families of this process and the storage that their values live in.

    Attributes:
        families: the families by name, in the order of their declaration. They are pushed.
        unregistered: families that were taken out of their registry, by name.
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
        self.unregistered: dict[str, D] = {}
        self._of_registries: MutableMapping[Any, dict[str, D]] = weakref.WeakKeyDictionary()
        self._apart: weakref.WeakSet[D] = weakref.WeakSet()
        self.storage: Storage = MemoryStorage()
        self.generation = 0
        self.reported: dict[Any, list[float]] = {}
        self.addition_lock: AbstractContextManager[object] = nullcontext()
        self.additions_locked = False

    def renew_lock(self) -> None:
        """Make the lock anew: in a forked process nobody would ever release the old one."""
        self.lock = threading.RLock()
        self.addition_lock = self.lock if self.additions_locked else nullcontext()

    def every_family(self) -> list[D]:
        """Return every family that somebody may still count with, pushed or not."""
        with self.lock:
            return [*self.families.values(), *self._apart]

    def declare(self, family: D) -> D:
        """Return the family of this name: the one declared before, or this one.

        A registry of one's own has names of its own. What is declared in none is pushed, before
        what is in one; of several of those the first.

        Raises:
            ValueError: the name is taken by a metric of another type, other labels or other
                buckets.
        """
        with self.lock:
            known = self.families.get(family.name)
            if known is not None and known.home is not family.home:
                if family.home is not None:
                    return self._declare_apart(family)
                self._set_apart(known)
                known = None
            if known is None:
                return self._declare_anew(family)
            return _same(known, family)

    def forget(self, family: D) -> None:
        """Push a family no longer; its name is free."""
        with self.lock:
            if self.families.get(family.name) is family:
                self._apart.add(family)
                self.unregistered[family.name] = self.families.pop(family.name)
                self.generation += 1
            elif family.home is not None and family.home() is not None:
                self._of_registries.get(family.home(), {}).pop(family.name, None)

    def _declare_anew(self, family: D) -> D:
        before = self.unregistered.pop(family.name, None)
        if before is not None and before.home is family.home and before.same_as(family):
            self._apart.discard(before)
            before.restart()
            family = before
        elif any(each.name == family.name for each in self._apart):
            # The file of values knows one family of each name.
            family.storage = MemoryStorage()
        self.families[family.name] = family
        self.generation += 1
        return family

    def _declare_apart(self, family: D) -> D:
        names = self._of_registries.setdefault(family.home(), {})
        known = names.setdefault(family.name, family)
        if known is family:
            family.storage = MemoryStorage()
            self._apart.add(family)
        return _same(known, family)

    def _set_apart(self, family: D) -> None:
        self._apart.add(family)
        registry = family.home()
        if registry is not None:
            self._of_registries.setdefault(registry, {})[family.name] = family

    def discard(self, family: D) -> None:
        """Take back a declaration that failed."""
        with self.lock:
            if self.families.get(family.name) is family:
                del self.families[family.name]
            self._apart.discard(family)
            if family.home is not None and family.home() is not None:
                self._of_registries.get(family.home(), {}).pop(family.name, None)

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
            storage = family.storage or self.storage
            return storage.allocate(family, series._values, family.slot_count)
        except Exception as error:  # noqa: BLE001 - the disk may be full
            record_error("spool_full", f"values go on in memory: {type(error).__name__}: {error}")
            self.storage = MemoryStorage()
            return self.storage.allocate(family, series._values, family.slot_count)


def _same(known: D, family: D) -> D:
    if known is family:
        return family
    if not known.same_as(family):
        alike = known.kind == family.kind and known.labelnames == family.labelnames
        more = " with other buckets, states, unit or multiprocess_mode" if alike else ""
        raise ValueError(
            f"{family.describe()} at {family.place} is already declared as "
            f"{known.describe()} at {known.place}{more}"
        )
    if known.aggregate == "sum" != family.aggregate:
        known.aggregate = family.aggregate
    return known
