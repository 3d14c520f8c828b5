"""Views of what is to be shown: of each group, its record, and each of the service's sources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client.core import Metric

from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.adoption import Declared, adopt
from services.metrics.series.aggregate import Part
from services.metrics.series.view import View
from services.metrics.store.group import Group
from services.metrics.store.internal_metrics import LocalSource

ViewKey = tuple[str, Labels | str]


class Snapshot(NamedTuple):
    """What a group consisted of at one moment, and what others have declared of its names."""

    group: Group
    parts: tuple[Part, ...]
    record: View
    declared: Declared


def snapshot(group: Group | None, declared: Callable[[Group], Declared]) -> Snapshot | None:
    """Return what ``group`` consists of now, None when it is gone or hidden."""
    if group is None or group.hidden:
        return None
    others = declared(group) if group.untyped else ()
    return Snapshot(group, group.parts(), group.record_view(), others)


class Views:
    """Turns snapshots into views when somebody looks. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locals: dict[str, LocalSource] = {}
        self._pending: dict[Labels, Snapshot | None] = {}
        self._views: dict[ViewKey, View] = {}

    def add(self, snapshots: Mapping[Labels, Snapshot | None]) -> None:
        """Take over newer snapshots; None takes a group away."""
        with self._lock:
            self._pending.update(snapshots)

    def replace_local(self, name: str, families: Iterable[Metric]) -> Part:
        """Take over what a source of the service says (see :meth:`Store.replace_local`)."""
        with self._lock:
            source = self._locals.setdefault(name, LocalSource())
            part = source.replace(families)
            self._views["local", name] = View("", part.series, part.values)
            return part

    def views(self) -> dict[ViewKey, View]:
        """Return what is to be shown now; the result is not changed afterwards."""
        with self._lock:
            pending, self._pending = self._pending, {}
            for labels, found in pending.items():
                _replace(self._views, labels, found)
            return dict(self._views)


def _replace(views: dict[ViewKey, View], labels: Labels, found: Snapshot | None) -> None:
    view = found.group.view(found.parts) if found is not None else None
    if view is not None and found is not None and found.declared:
        view = adopt(view, found.declared)
    if view is None:
        views.pop(("group", labels), None)
    else:
        views["group", labels] = view
    if found is None:
        views.pop(("record", labels), None)
        return
    record = found.record
    count = record.series.starts[record.series.index["dreamos_series"]]
    record.values[count] = view.series.series if view is not None else 0
    views["record", labels] = record
