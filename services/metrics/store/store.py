"""The store: every change goes through here, and every scrape reads from here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from prometheus_client.core import Metric

from services.metrics.errors import Refused
from services.metrics.parsing.serieslist import Floats, SeriesList
from services.metrics.parsing.text import parse
from services.metrics.parsing.url import Labels, Target
from services.metrics.parsing.wire import Wire
from services.metrics.settings import Settings
from services.metrics.store.claims import Claims
from services.metrics.store.group import Group, Member, View
from services.metrics.store.local import LocalSource
from services.metrics.store.merge import overlay
from services.metrics.store.sums import Part

Outcome = Literal["accepted", "stale"]
ViewKey = tuple[str, Labels | str]


@dataclass(frozen=True)
class Push:
    """One push, as its request tells it.

    Args:
        target: the group and, perhaps, the process.
        body: the text, decompressed; empty for a deletion of a process.
        openmetrics: the format of the body.
        replace: PUT (the whole group) or POST (the families that the body names).
        sequence: ``Dreamos-Sequence``; 0 when there is none.
        ttl: ``Dreamos-TTL`` in seconds; None when there is none.
        final: ``Dreamos-Final``.
        uncertain: ``Dreamos-Uncertain``.
        series_list: ``Dreamos-Series-List``, when the body holds values only.
    """

    target: Target
    body: bytes
    openmetrics: bool = False
    replace: bool = False
    sequence: int = 0
    ttl: float | None = None
    final: bool = False
    uncertain: bool = False
    series_list: str | None = None


@dataclass(frozen=True)
class Answer:
    """What became of a push.

    Args:
        outcome: ``accepted``, or ``stale`` when it changed nothing because it was known.
        samples: sample lines that were taken.
        series_list: name of the list of lines, for a sender that wants to send values only.
    """

    outcome: Outcome
    samples: int = 0
    series_list: str | None = None


class Snapshot(NamedTuple):
    """What a group consisted of at one moment."""

    group: Group
    parts: tuple[Part, ...]
    record: View


class Store:
    """Groups in memory.

    Safe for threads. One lock guards the structure; bodies are parsed and views are computed
    outside of it, so that a push and a scrape do not wait for each other.

    Args:
        settings: limits and times.
        clock: Unix time in seconds; replaceable for tests.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._groups: dict[Labels, Group] = {}
        self._ended: dict[tuple[Labels, str], Member | None] = {}
        self._claims = Claims()
        self._locals: dict[str, LocalSource] = {}
        self._dirty: set[Labels] = set()
        self._views: dict[ViewKey, View] = {}
        self._view_lock = threading.Lock()

    # Pushes

    def push(self, push: Push) -> Answer:
        """Take a push.

        Raises:
            Refused: the body or its place in the group is wrong; nothing has changed, except
                that ``push_failure_time_seconds`` of a plain group is set.
        """
        try:
            member = self._read(push)
            if member is None:
                return Answer("stale")
            with self._lock:
                if push.target.incarnation is None:
                    return self._admit_plain(push, member)
                return self._admit(push, push.target.incarnation, member)
        except Refused:
            self._note_failure(push.target)
            raise

    def _read(self, push: Push) -> Member | None:
        """Turn the body into a snapshot, by comparison where its lines are known."""
        target = push.target
        with self._lock:
            group = self._groups.get(target.labels)
            before = self._before(group, target)
            if target.incarnation is not None and self._is_stale(push, before):
                return None
            known = before.wire if before else _any_wire(group)
        if push.series_list is not None:
            return self._read_values(push, group)
        values = known.match(push.body) if known is not None else None
        wire = known
        if wire is None or values is None:
            drop = frozenset(name for name, _ in target.labels)
            parsed = parse(push.body, push.openmetrics, drop, self.settings)
            wire = Wire(parsed)
            values = wire.arrange(parsed.values)
            if known is not None and _same(known.series, wire.series):
                wire.series = known.series
        return self._member(push, wire, values)

    def _read_values(self, push: Push, group: Group | None) -> Member:
        """Take the compact form: values only, for a list of lines that is known by its name."""
        members = reversed(group.members.values()) if group is not None else ()
        for member in members:
            wire = member.wire
            if wire is not None and wire.name == push.series_list:
                if len(push.body) != 8 * wire.lines:
                    raise Refused("parse", f"{8 * wire.lines} bytes were expected")
                values = np.frombuffer(push.body, dtype="<f8").astype(np.float64)
                return self._member(push, wire, wire.arrange(values))
        raise Refused("unknown_list", "the list of series is not known here; send the text")

    def _member(self, push: Push, wire: Wire, values: Floats) -> Member:
        ttl = push.ttl
        if ttl is None and push.target.incarnation is not None:
            ttl = self.settings.default_ttl
        return Member(wire, wire.series, values, push.sequence, ttl, self._clock())

    def _before(self, group: Group | None, target: Target) -> Member | None:
        if group is None:
            return None
        if target.incarnation is None:
            return group.plain
        return group.members.get(target.incarnation)

    def _is_stale(self, push: Push, before: Member | None) -> bool:
        key = (push.target.labels, push.target.incarnation or "")
        if key in self._ended:
            lost = self._ended[key]
            return lost is None or 0 < push.sequence <= lost.sequence
        return before is not None and 0 < push.sequence <= before.sequence

    def _admit(self, push: Push, incarnation: str, member: Member) -> Answer:
        labels = push.target.labels
        group = self._groups.get(labels) or Group(labels)
        before = group.members.get(incarnation)
        if self._is_stale(push, before):
            return Answer("stale")
        lines = member.wire.lines if member.wire else 0
        if before is not None and not push.replace and before.series is not member.series:
            member.series, member.values = overlay(
                before.series, before.values, member.series, member.values
            )
        self._check(group, member, before)
        if before is not None:
            group.retire_vanished(before, member)
        revived = self._ended.pop((labels, incarnation), None)
        if revived is not None:
            group.retire(revived, -1.0)
            group.record.ended["lost"] -= 1
        group.members.pop(incarnation, None)
        group.beat(before or revived, member)
        group.record.last_push = member.pushed
        group.record.state = "running"
        group.hidden = False
        group.members[incarnation] = member
        if push.final:
            self._end(group, incarnation, lost=push.uncertain, final=True)
        self._settle(group)
        return Answer("accepted", lines, member.wire.name if member.wire else None)

    def _admit_plain(self, push: Push, member: Member) -> Answer:
        labels = push.target.labels
        group = self._groups.get(labels) or Group(labels)
        before = group.plain
        lines = member.wire.lines if member.wire else 0
        if before is not None and not push.replace:
            member.series, member.values = overlay(
                before.series, before.values, member.series, member.values
            )
        self._check(group, member, before)
        if group.agent is not None:
            group.beat(before, member)
            group.record.last_push = member.pushed
            group.record.state = "running"
        group.plain, group.was_plain, group.hidden = member, True, False
        group.record.push_time = member.pushed
        self._settle(group)
        return Answer("accepted", lines)

    def _check(self, group: Group, member: Member, before: Member | None) -> None:
        """Refuse what does not fit with others or is too much; only when the list is new."""
        if before is not None and before.series is member.series:
            return
        if group.labels not in self._groups and len(self._groups) >= self.settings.max_groups:
            raise Refused("too_many_series", f"more than {self.settings.max_groups} groups")
        series = member.series.series
        if group.retired is not None:
            series = max(series, group.retired.series.series)
        if series > self.settings.max_series:
            limit = self.settings.max_series
            raise Refused("too_many_series", f"{series} series; {limit} are allowed")
        self._claims.check(group.labels, member.series.families)

    def _settle(self, group: Group) -> None:
        self._groups[group.labels] = group
        self._claims.hold(group.labels, group.families())
        self._dirty.add(group.labels)

    def _note_failure(self, target: Target) -> None:
        if target.incarnation is not None:
            return
        with self._lock:
            group = self._groups.get(target.labels)
            if group is not None and group.was_plain:
                group.record.push_failure_time = self._clock()
                self._dirty.add(target.labels)

    # Ends

    def delete(self, target: Target) -> Answer:
        """Delete a group, or end a process as a final push without a body does."""
        with self._lock:
            group = self._groups.get(target.labels)
            if group is None:
                return Answer("stale")
            if target.incarnation is None:
                del self._groups[target.labels]
                self._claims.hold(target.labels, ())
            elif target.incarnation in group.members:
                self._end(group, target.incarnation, lost=False, final=True)
                self._settle(group)
            else:
                return Answer("stale")
            self._dirty.add(target.labels)
            return Answer("accepted")

    def _end(self, group: Group, incarnation: str, lost: bool, final: bool) -> None:
        member = group.members.pop(incarnation)
        group.retire(member)
        group.record.ended["lost" if lost else "clean"] += 1
        self._ended[(group.labels, incarnation)] = None if final else member
        if not group.members:
            group.record.state = "lost" if lost else "ended"

    def sweep(self) -> None:
        """Look for silence: processes become lost, groups expire, old series are hidden."""
        now = self._clock()
        with self._lock:
            for group in list(self._groups.values()):
                if self._sweep(group, now):
                    self._dirty.add(group.labels)

    def _sweep(self, group: Group, now: float) -> bool:
        changed = False
        for incarnation, member in list(group.members.items()):
            if member.ttl is not None and now - member.pushed > member.ttl:
                self._end(group, incarnation, lost=True, final=False)
                changed = True
        plain = group.plain
        if plain is not None and plain.ttl is not None and now - plain.pushed > plain.ttl:
            group.plain, changed = None, True
            if group.retired is None and not group.members and group.agent is None:
                del self._groups[group.labels]
        if self._fell_silent(group, now):
            group.record.state, changed = "lost", True
        silent = now - max(group.record.last_push, group.record.push_time)
        empty = not group.members and group.plain is None
        if empty and not group.hidden and silent > self.settings.drop_after:
            group.hidden = changed = True
        if changed:
            held = group.families() if group.labels in self._groups else ()
            self._claims.hold(group.labels, held)
        return changed

    def _fell_silent(self, group: Group, now: float) -> bool:
        if group.agent is None or group.members or group.record.state != "running":
            return False
        limit = self.settings.agent_silence
        if group.plain is not None and group.plain.ttl is not None:
            limit = group.plain.ttl
        return group.plain is None or now - group.record.last_push > limit

    # Reading

    def replace_local(self, name: str, families: Iterable[Metric]) -> None:
        """Take over what the collector ``name`` says, in place of what it said before.

        Args:
            name: of the collector.
            families: shown as they are; no label is added.
        """
        source = self._locals.get(name) or LocalSource()
        source.replace(families)
        with self._lock:
            self._locals[name] = source
            if source.part is not None:
                self._claims.hold(name, source.part.series.families)

    def views(self) -> dict[ViewKey, View]:
        """Return what is to be shown now, one view for each source. The result is not changed."""
        with self._view_lock:
            with self._lock:
                changed = {labels: self._snapshot(labels) for labels in self._dirty}
                self._dirty.clear()
                local = {name: source.part for name, source in self._locals.items()}
            views = dict(self._views)
            for labels, found in changed.items():
                _replace(views, labels, found)
            for name, part in local.items():
                if part is not None:
                    views["local", name] = View("", part.series, part.values)
            self._views = views
            return views

    def _snapshot(self, labels: Labels) -> Snapshot | None:
        group = self._groups.get(labels)
        if group is None or group.hidden:
            return None
        return Snapshot(group, group.parts(), group.record_view(0))

    def agents(self) -> dict[str, int]:
        """Return the number of agents in each state; hidden ones are not counted."""
        counts = {"running": 0, "ended": 0, "lost": 0}
        with self._lock:
            for group in self._groups.values():
                if group.record.state and not group.hidden:
                    counts[group.record.state] += 1
        return counts


def _replace(views: dict[ViewKey, View], labels: Labels, found: Snapshot | None) -> None:
    views.pop(("group", labels), None)
    views.pop(("record", labels), None)
    if found is None:
        return
    view, record = found.group.view(found.parts), found.record
    if view is not None:
        views["group", labels] = view
        record.values[record.series.starts[record.series.index["dreamos_series"]]] = (
            view.series.series
        )
    views["record", labels] = record


def _any_wire(group: Group | None) -> Wire | None:
    if group is None:
        return None
    for member in reversed(group.members.values()):
        if member.wire is not None:
            return member.wire
    return None


def _same(one: SeriesList, other: SeriesList) -> bool:
    return (
        one.families == other.families
        and one.names == other.names
        and one.labels == other.labels
        and np.array_equal(one.roles, other.roles)
    )
