"""A family: one metric name with its type, its labels and its series. And the table of all families."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf
from operator import itemgetter
from typing import Any

from dreamos.core.metrics._cells import UNBORN, Cells, MemoryStore, Store
from dreamos.core.metrics._errors import be_silent_while, record_error
from dreamos.core.metrics._names import clean_value

#: Label sets that one metric may have in one process; the rest is folded into one overflow series.
MAX_SERIES = 10_000
OVERFLOW = "(other)"


class Series:
    """One series: the part of a metric that has its label values. The base of every type's series."""

    __slots__ = ("_cells", "_family", "_slot", "_values")

    _cells: Cells
    _slot: int
    _family: Family
    _values: tuple[str, ...]

    def _bind(self, family: Family, values: tuple[str, ...]) -> None:
        self._family = family
        self._values = values
        self._slot = 0
        self._cells = UNBORN

    def _is_born(self) -> bool:
        return len(self._cells) > 0

    def _read(self) -> list[float]:
        """Return the slots of this series; none when it is unborn in this process."""
        cells, slot = self._cells, self._slot
        return list(cells[slot : slot + self._family.width]) if len(cells) else []


class Family:
    """What all series of one name have in common."""

    def __init__(
        self,
        name: str,
        kind: str,
        documentation: str,
        labelnames: tuple[str, ...],
        *,
        unit: str = "",
        bounds: tuple[float, ...] = (),
        aggregate: str = "",
        place: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.documentation = documentation
        self.labelnames = labelnames
        self.unit = unit
        self.bounds = bounds
        #: A histogram's bounds behind one that every number passes: an index into them is a place among its slots.
        self.places = (-inf, *bounds)
        self.aggregate = aggregate
        self.place = place
        self.width = {"counter": 2, "gauge": 1, "summary": 3, "histogram": len(bounds) + 2}.get(
            kind, 1
        )
        self.series_type: type[Series] = Series
        self.root: Any = None
        # One table, or two where a single label is picked out of a mapping without a tuple around it.
        self.children: dict[Any, Any] = {}
        self.by_name: dict[Any, Any] = {} if len(labelnames) == 1 else self.children
        self.pick: Any = itemgetter(*labelnames) if labelnames else None
        self.exemplars: dict[Series, dict[int, tuple[Mapping[str, str], float, float]]] = {}
        self.functions: dict[Series, Any] = {}
        self.texts: dict[Series, Mapping[str, str]] = {}
        self._sink: Any = None
        self._overflow: Any = None

    def same_as(self, other: Family) -> bool:
        """Whether ``other`` declares the same metric (the help text may differ).

        ``sum`` is what a gauge gets that names no way to combine processes, so it goes with every other way.
        """
        return (self.kind, self.labelnames, self.bounds, self.unit) == (
            other.kind,
            other.labelnames,
            other.bounds,
            other.unit,
        ) and (self.aggregate == other.aggregate or "sum" in (self.aggregate, other.aggregate))

    def describe(self) -> str:
        """Return type, name and labels for a message."""
        return f"{self.kind} {self.name}{{{', '.join(self.labelnames)}}}"

    def series(self) -> list[Any]:
        """Return the series that live in this process, oldest first."""
        with REGISTRY.lock:
            if self.labelnames:
                return [child for child in self.children.values() if child._is_born()]
            return [self.root] if self.root._is_born() else []

    # The slow paths: what happens when a label set is not in the table yet.

    def find(self, values: Sequence[object], named: Mapping[str, object]) -> Any:
        """Return the series with these label values, made now if need be. Never raises.

        A wrong number of labels, a wrong name or both forms at once are counted (`wrong_labels`) and answered with a
        series that is never shown.
        """
        try:
            key = self._key(values, named)
            if key is None:
                record_error(
                    "wrong_labels",
                    f"{self.describe()} declared at {self.place} was given "
                    f"{tuple(named) if named else f'{len(values)} values'}",
                )
                return self.sink()
            return self.child(key, named)
        except Exception as error:  # noqa: BLE001 - e.g. a value whose __str__ raises
            record_error("wrong_labels", f"{self.describe()}: {type(error).__name__}: {error}")
            return self.sink()

    def _key(self, values: Sequence[object], named: Mapping[str, object]) -> tuple[str, ...] | None:
        if named:
            if values or len(named) != len(self.labelnames):
                return None
            if any(name not in named for name in self.labelnames):
                return None
            values = [named[name] for name in self.labelnames]
        if not self.labelnames or len(values) != len(self.labelnames):
            return None
        return tuple(clean_value(value) for value in values)

    def child(self, key: tuple[str, ...], named: Mapping[str, object] | None = None) -> Any:
        """Return the series of this exact label set."""
        with REGISTRY.lock:
            child = self.children.get(key)
            if child is None:
                if len(self.children) >= MAX_SERIES:
                    record_error(
                        "too_many_series", f"{self.describe()} has {MAX_SERIES} label sets"
                    )
                    return self.overflow()
                child = self.series_type()
                child._bind(self, key)
                REGISTRY.give_birth(child)
                self.children[key] = child
            elif not child._is_born():
                REGISTRY.give_birth(child)
            if named and len(key) == 1:
                self.by_name[key[0]] = child
            return child

    def overflow(self) -> Any:
        """Return the one series into which everything over :data:`MAX_SERIES` goes."""
        if self._overflow is None:
            self._overflow = self.series_type()
            key = (OVERFLOW,) * len(self.labelnames)
            self._overflow._bind(self, key)
            REGISTRY.give_birth(self._overflow)
            self.children[key] = self._overflow
        elif not self._overflow._is_born():
            REGISTRY.give_birth(self._overflow)
        return self._overflow

    def sink(self) -> Any:
        """Return a series that takes everything and is never shown."""
        if self._sink is None:
            sink = self.series_type()
            sink._bind(self, ())
            sink._cells = memoryview(bytearray(8 * max(self.width, 1))).cast("d")
            self._sink = sink
        return self._sink

    def remove(self, key: tuple[str, ...]) -> None:
        """Stop showing one series."""
        with REGISTRY.lock:
            child = self.children.pop(key, None)
            self.by_name.pop(key[0] if len(key) == 1 else key, None)
            if child is not None:
                self._forget(child)

    def clear(self) -> None:
        """Stop showing every series."""
        with REGISTRY.lock:
            for child in list(self.children.values()):
                self._forget(child)
            self.children.clear()
            self.by_name.clear()
            self._overflow = None

    def _forget(self, child: Series) -> None:
        for table in (self.exemplars, self.functions, self.texts):
            table.pop(child, None)
        REGISTRY.generation += 1


class Registry:
    """All families of this process and the store that their values live in."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.families: dict[str, Family] = {}
        self.store: Store = MemoryStore()
        #: Rises whenever a series appears or goes; while it stands still, the list of sample lines does too.
        self.generation = 0
        #: What an earlier incarnation of this very process has reported, by series.
        self.reported: dict[Any, list[float]] = {}
        #: Held around each addition where threads really run at the same time; nothing elsewhere (see _locked).
        self.adding: AbstractContextManager[object] = nullcontext()
        self.locked = False

    def renew_lock(self) -> None:
        """Make the lock anew: in a forked process nobody would ever release the old one."""
        self.lock = threading.RLock()
        self.adding = self.lock if self.locked else nullcontext()

    def declare(self, family: Family) -> Family:
        """Return the family of this name: the one declared before, or this one.

        Raises:
            ValueError: the name is taken by a metric of another type, other labels or other buckets.
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

    def give_birth(self, series: Any) -> None:
        """Give a series its slots in the present store and set when it began."""
        with self.lock:
            if series._is_born():
                return
            family = series._family
            try:
                cells, slot = self.store.allocate(family, series._values, family.width)
            except Exception as error:  # noqa: BLE001 - the disk may be full
                record_error(
                    "spool_full", f"values go on in memory: {type(error).__name__}: {error}"
                )
                self.store = MemoryStore()
                cells, slot = self.store.allocate(family, series._values, family.width)
            series._begin(cells, slot)
            self.generation += 1

    def all_series(self) -> Iterable[Any]:
        """Return every series object, born or not."""
        for family in list(self.families.values()):
            if family.labelnames:
                yield from list(family.children.values())
            else:
                yield family.root


REGISTRY = Registry()
be_silent_while(lambda: bool(REGISTRY.lock._is_owned()))  # type: ignore[attr-defined]
