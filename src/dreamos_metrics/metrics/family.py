"""Family of series: one metric with its labels, and the process' registry of all families."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from dreamos_metrics.metrics.errors import defer_logging_while, record_error
from dreamos_metrics.metrics.names import clean_value
from dreamos_metrics.metrics.registry import Declared, Registry
from dreamos_metrics.metrics.storage import UNALLOCATED, Segment

#: Label sets that one metric may have in one process; the rest is folded into one overflow series.
MAX_SERIES = 10_000
OVERFLOW = "(other)"


class Series:
    """One series: the part of a metric with its label values. Base of every type's series."""

    __slots__ = ("_family", "_segment", "_slot", "_values")

    _segment: Segment
    _slot: int
    _family: Family
    _values: tuple[str, ...]

    def _bind(self, family: Family, values: tuple[str, ...]) -> None:
        self._family = family
        self._values = values
        self._slot = 0
        self._segment = UNALLOCATED

    def _is_allocated(self) -> bool:
        return len(self._segment) > 0

    def _read(self) -> list[float]:
        """Return the slots of this series; none when it has none in this process."""
        segment, slot = self._segment, self._slot
        return list(segment[slot : slot + self._family.slot_count]) if len(segment) else []

    def _shown(self) -> list[float]:
        """Return the slots as this process shows them: without what a reset took away."""
        read = self._read()
        base = self._family.bases.get(self)
        if not read or base is None:
            return read
        return [*(now - then for now, then in zip(read[:-1], base[:-1], strict=True)), base[-1]]

    def _attach(self, segment: Segment, slot: int) -> None:
        """Begin to count in these slots; types that export when they began write that first."""
        self._slot = slot
        self._segment = segment


class Family(Declared):
    """A definition with its series: what all series of one name have in common.

    Arguments are those of `Definition`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.series_type: type[Series] = Series
        self.root: Any = None
        # One table, or two where a single label is picked out of a mapping without a tuple around
        # it.
        self.children: dict[Any, Any] = {}
        self.by_name: dict[Any, Any] = {} if len(self.labelnames) == 1 else self.children
        self.label_getter: Any = itemgetter(*self.labelnames) if self.labelnames else None
        self.exemplars: dict[Series, dict[int, tuple[Mapping[str, str], float, float]]] = {}
        self.functions: dict[Series, Any] = {}
        self.texts: dict[Series, Mapping[str, str]] = {}
        #: What series had counted when they were reset, and when that was.
        self.bases: dict[Series, list[float]] = {}
        #: Counts that this process does not show any more, by label values.
        self.removed: dict[Any, Any] = {}
        self._sink: Any = None

    def pushed(self) -> list[Any]:
        """Return the series that this process pushes, also counts that it does not show any more."""
        with REGISTRY.lock:
            return self.series() + [each for each in self.removed.values() if each._is_allocated()]

    def series(self) -> list[Any]:
        """Return the series that this process shows, oldest first."""
        with REGISTRY.lock:
            if self.labelnames:
                return [child for child in self.children.values() if child._is_allocated()]
            return [self.root] if self.root._is_allocated() else []

    def known(self, values: tuple[str, ...]) -> Any:
        """Return the series with these label values, shown or not; None if there is none."""
        if not self.labelnames:
            return self.root
        return self.children.get(values) or self.removed.get(values)

    # The slow paths: what happens when a label set is not in the table yet.

    def find(self, values: Sequence[object], named: Mapping[str, object]) -> Any:
        """Return the series with these label values, made now if need be. Never raises.

        A wrong number of labels, a wrong name or both forms at once are counted (`wrong_labels`)
        and answered with a series that is never shown.
        """
        try:
            key = self._key(values, named)
            if key is None:
                record_error(
                    "wrong_labels",
                    f"{self.describe()} declared at {self.place} was given "
                    f"{tuple(named) if named else f'{len(values)} values'}",
                    about=self.name,
                )
                return self.sink()
            return self.child(key, named)
        except Exception as error:  # noqa: BLE001 - e.g. a value whose __str__ raises
            detail = f"{self.describe()}: {type(error).__name__}: {error}"
            record_error("wrong_labels", detail, about=self.name)
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
            is_new = key not in self.children and key not in self.removed
            if is_new and len(self.children) + len(self.removed) >= MAX_SERIES:
                detail = f"{self.describe()} has {MAX_SERIES} label sets"
                record_error("too_many_series", detail, about=self.name)
                key, named = (OVERFLOW,) * len(self.labelnames), None
            child = self.children.get(key) or self._begin(key)
            if not child._is_allocated():
                REGISTRY.allocate_slots(child)
            if named and len(key) == 1:
                self.by_name[key[0]] = child
            return child

    def _begin(self, key: tuple[str, ...]) -> Any:
        child = self.removed.pop(key, None)
        if child is None:
            child = self.series_type()
            child._bind(self, key)
            REGISTRY.allocate_slots(child)
        self.children[key] = child
        REGISTRY.generation += 1
        return child

    def sink(self) -> Any:
        """Return a series that takes everything and is never shown."""
        if self._sink is None:
            sink = self.series_type()
            sink._bind(self, ())
            sink._segment = memoryview(bytearray(8 * max(self.slot_count, 1))).cast("d")
            self._sink = sink
        return self._sink

    def remove(self, key: tuple[str, ...]) -> None:
        """Stop showing one series; what it has counted stays in the total of the agent.

        A count is pushed on, and goes on there should it come back: the total of an agent never
        falls, and what was counted just now is not lost. What this process shows begins at zero.
        """
        with REGISTRY.lock:
            child = self.children.pop(key, None)
            self.by_name.pop(key[0] if len(key) == 1 else key, None)
            if child is None:
                return
            if self.only_grows:
                self.reset(child)
                self.removed[key] = child
            for table in (self.functions, self.texts):
                table.pop(child, None)
            self.exemplars.pop(child, None)
            REGISTRY.generation += 1

    def clear(self) -> None:
        """Stop showing every series."""
        with REGISTRY.lock:
            for key in list(self.children):
                self.remove(key)

    def reset(self, series: Series) -> None:
        """Let this process show a series as if it began now."""
        with REGISTRY.lock:
            read = series._read()
            if read:
                self.bases[series] = [*read[:-1], time.time()]
            self.exemplars.pop(series, None)

    def restart(self) -> None:
        """Show nothing of what was recorded before, as a metric that was just declared."""
        with REGISTRY.lock:
            self.clear()
            self.functions.clear()
            self.texts.clear()
            if self.labelnames or not self.root._is_allocated():
                return
            if self.only_grows:
                self.reset(self.root)
            else:
                self.root._segment[self.root._slot] = 0.0
            REGISTRY.generation += 1


REGISTRY: Registry[Family] = Registry()
defer_logging_while(lambda: bool(REGISTRY.lock._is_owned()))  # type: ignore[attr-defined]


def all_series() -> Iterable[Any]:
    """Return every series object of the registry, with slots or without."""
    for family in REGISTRY.every_family():
        if family.labelnames:
            yield from [*family.children.values(), *family.removed.values()]
        else:
            yield family.root


def ensure_allocated(series: Any) -> bool:
    """Give a series its slots if it has none in this process; say when labels are missing."""
    if series._is_allocated():
        return True
    family = series._family
    if family.labelnames and series is family.root:
        detail = f"{family.describe()} was used without its labels"
        record_error("wrong_labels", detail, about=family.name)
        return False
    REGISTRY.allocate_slots(series)
    return True
