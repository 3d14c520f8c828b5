"""Expiry: processes that fell silent are lost, groups expire, are hidden, and are forgotten.

The store's lock is held for a slice of the groups at a time, so that a push never waits for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from services.metrics.protocol.grouping_key import GroupingKey, Labels
from services.metrics.protocol.push import PushResult
from services.metrics.settings import Settings
from services.metrics.store.group import Group
from services.metrics.store.rejections import Rejections
from services.metrics.store.state import State

SLICE = 500
"""Groups that are looked at while the lock is held once."""
SHOWN_LONG_ENOUGH_SECONDS = 3_600.0
"""After so much silence an agent that has ended may be forgotten if there is no room for a new one:
Prometheus has read its totals by then. Hidden ones go first."""


class Expiry:
    """Ends what has ended, by request or by silence. Safe for threads.

    Args:
        settings: times.
        state: what is changed; only touched under ``lock``.
        lock: guards the state.
        rejections: what is known of those that end.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        lock: threading.Lock,
        rejections: Rejections,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._state = state
        self._lock = lock
        self._rejections = rejections
        self._clock = clock

    def delete(self, target: GroupingKey) -> PushResult:
        """Delete a group or end a process; the caller holds the lock."""
        group = self._state.groups.get(target.labels)
        if group is None:
            return PushResult("stale")
        if target.incarnation is None:
            self._state.drop(group)
        elif target.incarnation in group.members:
            now = self._clock()
            self._state.end(group, target.incarnation, lost=False, final=True, now=now, at=now)
            self._state.settle(group)
        else:
            return PushResult("stale")
        self._rejections.forget(target)
        return PushResult("accepted")

    def sweep(self) -> None:
        """Look for silence in all groups."""
        now = self._clock()
        with self._lock:
            labels = list(self._state.groups)
        idle: list[tuple[bool, float, Labels]] = []
        for at in range(0, len(labels), SLICE):
            with self._lock:
                for each in labels[at : at + SLICE]:
                    group = self._state.groups.get(each)
                    if group is not None:
                        self._look_at(group, now, idle)
        with self._lock:
            self._state.forgettable = [each for *_, each in sorted(idle, reverse=True)]

    def _look_at(self, group: Group, now: float, idle: list[tuple[bool, float, Labels]]) -> None:
        if self._sweep(group, now) and group.labels in self._state.groups:
            self._state.settle(group)
        if not group.silent or group.labels not in self._state.groups:
            return
        silence = now - group.heard
        if silence > self._settings.tombstone_retention:
            self._state.forget(group)
        elif group.hidden or silence > SHOWN_LONG_ENOUGH_SECONDS:
            idle.append((not group.hidden, group.heard, group.labels))

    def _sweep(self, group: Group, now: float) -> bool:
        changed = False
        for incarnation, member in list(group.members.items()):
            if member.ttl is not None and now - member.pushed > member.ttl:
                # It ended some time after it was last heard of, not when that was noticed.
                heard = member.pushed
                self._state.end(group, incarnation, lost=True, final=False, now=now, at=heard)
                self._rejections.forget(GroupingKey(group.labels, incarnation))
                changed = True
        plain = group.plain
        if plain is not None and plain.ttl is not None and now - plain.pushed > plain.ttl:
            group.plain, changed = None, True
            self._state.journal.member(group, "")
            if group.retired is None and not group.members and group.agent is None:
                self._state.drop(group)
        if group.fell_silent(now, self._settings.agent_timeout):
            group.record.state, changed = "lost", True
        silence = now - group.heard
        if group.silent and not group.hidden and silence > self._settings.series_retention:
            group.hidden = changed = True
        return changed
