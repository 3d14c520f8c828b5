"""The store: every change goes through here, and every scrape reads from here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from prometheus_client.core import Metric

from services.metrics.errors import Rejected
from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.protocol.grouping_key import GroupingKey, Labels
from services.metrics.protocol.push import Push, PushResult
from services.metrics.scrape_priority import ScrapePriority
from services.metrics.series.merge import overlay
from services.metrics.series.series_list import CREATED, Floats, SeriesList
from services.metrics.settings import Settings
from services.metrics.store.agent_status import AgentStatus
from services.metrics.store.body_decoder import BodyDecoder
from services.metrics.store.flusher import Flusher, Taken
from services.metrics.store.foresight import foresee
from services.metrics.store.group import Group, Incarnation, View, prefix_of
from services.metrics.store.recovery import recover
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.state import State
from services.metrics.store.token_bucket import TokenBucket
from services.metrics.store.tombstones import Tombstone, Tombstones
from services.metrics.store.views import ViewKey, Views, snapshot


class Store:
    """Groups in memory, written through to a disk.

    Safe for threads. One lock guards the structure and is held for microseconds; bodies are
    parsed, views computed and rows written outside of it, so that a push and a scrape do not
    wait for each other.

    Args:
        settings: limits and times.
        disk: where changes are written; what is there is taken up again.
        clock: Unix time in seconds; replaceable for tests.
        turns: what a push that takes long lets others go first by.
    """

    def __init__(
        self,
        settings: Settings,
        disk: SqliteStorage,
        clock: Callable[[], float] = time.time,
        turns: ScrapePriority | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._preparing = threading.Lock()
        self.on_list: Callable[[str, SeriesList], None] = lambda prefix, series: None
        """Told, while no scrape waits, what a view will soon consist of: its prefix and list."""
        self._reader = BodyDecoder(settings, turns)
        self._credit = TokenBucket(settings.new_series_share)
        self._showcase = Views()
        self._closed = False
        self.flusher = Flusher(disk, self._take, self._written)
        groups, latest = recover(disk, clock())
        self._books = State(settings, Tombstones(disk.find_ended), latest)
        self._books.next_id = max((group.id for group in groups), default=0) + 1
        for group in groups:
            self._books.settle(group)

    # Pushes

    def push(self, push: Push) -> PushResult:
        """Take a push. When it is a final one, its totals are on disk afterwards.

        Raises:
            Rejected: the body or its place in the group is wrong, and nothing has changed except
                that ``push_failure_time_seconds`` of a plain group is set; or a final push could
                not be written, and should be sent again.
        """
        try:
            answer = self._push(push)
        except Rejected as refusal:
            self._note_failure(push.target, refusal.reason)
            raise
        if push.final:
            self.flush(durable=True)
        return answer

    def _push(self, push: Push) -> PushResult:
        target = push.target
        with self._lock:
            self._check_open()
            group = self._books.groups.get(target.labels)
            before = _before(group, target)
            wires = _wires(group, before)
        gone = self._recall(group, target) if before is None else None
        if _is_stale(push, before, gone):
            return PushResult("stale")
        if push.series_list is not None:
            wire, values = self._reader.values(push.body, push.series_list, wires)
        else:
            drop = frozenset(name for name, _ in target.labels)
            first = wires[0] if wires else None
            with_new = self._credit.spend(target.labels)
            wire, values = self._reader.text(push.body, push.openmetrics, drop, first, with_new)
        member = self._member(push, wire, values)
        self._prepare(group, push, member, before)
        with self._lock:
            if target.incarnation is None:
                return self._admit_plain(push, member)
            return self._admit(push, target.incarnation, member)

    def push_known(self, push: Push) -> PushResult | None:
        """Take a push that is not final if its lines are known; quick, and never on disk.

        Returns:
            None when it must go through :meth:`push`; nothing has changed then.

        Raises:
            Rejected: as :meth:`push`, which has to note it.
        """
        target = push.target
        with self._lock:
            self._check_open()
            before = _before(self._books.groups.get(target.labels), target)
        if before is None or before.wire is None:
            return None
        if _is_stale(push, before, None):
            return PushResult("stale")
        if push.series_list is not None:
            wire, values = self._reader.values(push.body, push.series_list, [before.wire])
        else:
            wire = before.wire
            found = wire.match(push.body)
            if found is None:
                return None
            values = found
        member = self._member(push, wire, values)
        with self._lock:
            if _before(self._books.groups.get(target.labels), target) is not before:
                return None
            if target.incarnation is None:
                return self._admit_plain(push, member)
            return self._admit(push, target.incarnation, member)

    def _member(self, push: Push, wire: BodyTemplate, values: Floats) -> Incarnation:
        ttl = push.ttl
        if ttl is None and push.target.incarnation is not None:
            ttl = self.settings.default_ttl
        now = self._clock()
        began = wire.series.special.get(CREATED)
        if began is not None and values[began].max() > now:
            # A sender's clock that is ahead would put the beginning after the first scrape.
            values = values.copy()
            values[began] = np.minimum(values[began], now)
        return Incarnation(wire, wire.series, values, push.sequence, ttl, now)

    def close(self) -> None:
        """Refuse every push from now on, and write what there is."""
        with self._lock:
            self._closed = True
        self.flush()

    def _check_open(self) -> None:
        if self._closed:
            raise Rejected("stopping", "the service is stopping; send it again")

    def _recall(self, group: Group | None, target: GroupingKey) -> Tombstone | None:
        if group is None or target.incarnation is None:
            return None
        return self._books.ended.recall(group.id, target.incarnation)

    def _admit(self, push: Push, incarnation: str, member: Incarnation) -> PushResult:
        group = self._books.group(push.target.labels)
        before = group.members.get(incarnation)
        gone = self._books.ended.recent(group.id, incarnation) if before is None else None
        if _is_stale(push, before, gone):
            return PushResult("stale")
        wire = member.wire
        if before is not None and not push.replace and before.series is not member.series:
            member.series, member.values = overlay(
                before.series, before.values, member.series, member.values
            )
        self._books.check(group, incarnation, member, before)
        if before is not None and group.retire_vanished(before, member):
            self._books.journal.totals[group.id] = group
        revived = gone.member if gone is not None else None
        if revived is not None:
            group.retire(revived, -1.0)
            self._books.ended.forget(group.id, incarnation)
            self._books.journal.revive(group, incarnation)
        self._enter(group, incarnation, member, before or revived)
        if push.final:
            self._books.end(group, incarnation, lost=push.uncertain, final=True, now=member.pushed)
        new_list = push.final or before is None or before.series is not member.series
        self._books.settle(group, new_list)
        return PushResult("accepted", wire.lines if wire else 0, wire.name if wire else None)

    def _enter(
        self, group: Group, name: str, member: Incarnation, before: Incarnation | None
    ) -> None:
        group.members.pop(name, None)
        group.members[name] = member
        member.position = self._books.generation
        group.beat(before, member)
        group.record.last_push = member.pushed
        group.record.state = "running"
        group.hidden = False
        self._books.journal.member(group, name)

    def _admit_plain(self, push: Push, member: Incarnation) -> PushResult:
        group = self._books.group(push.target.labels)
        before = group.plain
        lines = member.wire.lines if member.wire else 0
        if before is not None and not push.replace:
            member.series, member.values = overlay(
                before.series, before.values, member.series, member.values
            )
        self._books.check(group, "", member, before)
        if group.agent is not None:
            group.beat(before, member)
            group.record.last_push = member.pushed
            group.record.state = "running"
        group.plain, group.was_plain, group.hidden = member, True, False
        group.record.push_time = member.pushed
        self._books.journal.member(group, "")
        self._books.settle(group, before is None or before.series is not member.series)
        return PushResult("accepted", lines)

    def _prepare(
        self, group: Group | None, push: Push, member: Incarnation, before: Incarnation | None
    ) -> None:
        if before is not None and before.series is member.series and not push.final:
            return
        with self._preparing, self._credit.spend(push.target.labels, begun=True):
            shown = foresee(group, push, member, before)
            self.on_list(prefix_of(push.target.labels), shown)

    def _note_failure(self, target: GroupingKey, reason: str) -> None:
        if target.incarnation is not None:
            return
        with self._lock:
            group = self._books.groups.get(target.labels)
            if group is None and reason == "inconsistent":
                group = self._books.group(target.labels)
                group.was_plain = True
            if group is not None and group.was_plain:
                group.record.push_failure_time = self._clock()
                self._books.settle(group, new_list=False)

    # Ends

    def delete(self, target: GroupingKey) -> PushResult:
        """Delete a group, or end a process as a final push without a body does."""
        with self._lock:
            self._check_open()
            answer = self._delete(target)
        if target.incarnation is not None:
            self.flush(durable=True)
        return answer

    def _delete(self, target: GroupingKey) -> PushResult:
        group = self._books.groups.get(target.labels)
        if group is None:
            return PushResult("stale")
        if target.incarnation is None:
            self._books.drop(group)
        elif target.incarnation in group.members:
            self._books.end(group, target.incarnation, lost=False, final=True, now=self._clock())
            self._books.settle(group)
        else:
            return PushResult("stale")
        return PushResult("accepted")

    def sweep(self) -> None:
        """Look for silence: processes become lost, groups expire, old series are hidden."""
        now = self._clock()
        with self._lock:
            for group in list(self._books.groups.values()):
                if self._sweep(group, now) and group.labels in self._books.groups:
                    self._books.settle(group)

    def _sweep(self, group: Group, now: float) -> bool:
        changed = False
        for incarnation, member in list(group.members.items()):
            if member.ttl is not None and now - member.pushed > member.ttl:
                self._books.end(group, incarnation, lost=True, final=False, now=now)
                changed = True
        plain = group.plain
        if plain is not None and plain.ttl is not None and now - plain.pushed > plain.ttl:
            group.plain, changed = None, True
            self._books.journal.member(group, "")
            if group.retired is None and not group.members and group.agent is None:
                self._books.drop(group)
        if group.fell_silent(now, self.settings.agent_silence):
            group.record.state, changed = "lost", True
        silent = now - max(group.record.last_push, group.record.push_time)
        empty = not group.members and group.plain is None
        if empty and not group.hidden and silent > self.settings.drop_after:
            group.hidden = changed = True
        return changed

    # Reading

    def replace_local(self, name: str, families: Iterable[Metric]) -> None:
        """Take over what the collector ``name`` says, in place of what it said before.

        Args:
            name: of the collector.
            families: shown as they are; no label is added.
        """
        part = self._showcase.replace_local(name, families)
        with self._lock:
            self._books.claim(name, part.series.families)

    def views(self) -> dict[ViewKey, View]:
        """Return what is to be shown now, one view for each source. The result is not changed.

        Only what is on disk is shown: after a crash no counter comes back lower than a scrape
        has seen it.
        """
        self.flush()
        return self._showcase.views()

    def flush(self, durable: bool = False) -> None:
        """Write what has changed, and let it be shown.

        Args:
            durable: wait for the disk itself, not only for the operating system.

        Raises:
            Rejected: ``disk``, only when ``durable``: it could not be written.
        """
        with self._lock:
            wanted = self._books.generation
        self.flusher.flush(wanted, durable)

    def _take(self) -> Taken:
        with self._lock:
            snapshots = {
                labels: snapshot(self._books.groups.get(labels)) for labels in self._books.dirty
            }
            self._books.dirty = set()
            return Taken(self._books.generation, self._books.journal.take(), snapshots)

    def _written(self, taken: Taken, success: bool) -> None:
        self._showcase.add(taken.snapshots)
        if success:
            self._books.ended.trim()
        else:
            with self._lock:
                numbers = {group.id: group for group in self._books.groups.values()}
                self._books.journal.put_back(taken.batch, numbers.get)

    def inventory(self) -> list[tuple[Labels, AgentStatus, View | None]]:
        """Return every group that is shown: labels, record, and what it shows."""
        views = self.views()
        with self._lock:
            groups = [g for g in self._books.groups.values() if not g.hidden]
            return [(g.labels, replace(g.record), views.get(("group", g.labels))) for g in groups]

    def agents(self) -> dict[str, int]:
        """Return the number of agents in each state; hidden ones are not counted."""
        counts = {"running": 0, "ended": 0, "lost": 0}
        with self._lock:
            for group in self._books.groups.values():
                if group.record.state and not group.hidden:
                    counts[group.record.state] += 1
        return counts


def _before(group: Group | None, target: GroupingKey) -> Incarnation | None:
    if group is None:
        return None
    return group.plain if target.incarnation is None else group.members.get(target.incarnation)


def _wires(group: Group | None, before: Incarnation | None) -> list[BodyTemplate]:
    """Return the lists of lines that a sender is likely to repeat, its own first."""
    members = [before] if before is not None else []
    if group is not None:
        members.extend(reversed(group.members.values()))
    return [member.wire for member in members if member.wire is not None]


def _is_stale(push: Push, before: Incarnation | None, gone: Tombstone | None) -> bool:
    if before is not None:
        return 0 < push.sequence <= before.sequence
    if gone is None:
        return False
    return gone.member is None or 0 < push.sequence <= gone.member.sequence
