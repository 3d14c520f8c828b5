"""State of the store under its lock: groups, who declared which name, and what has changed."""

from __future__ import annotations

from collections.abc import Iterable

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import Labels
from services.metrics.protocol.push import Push
from services.metrics.series.clashes import kind_of
from services.metrics.series.series_list import Family, SeriesList
from services.metrics.settings import Settings
from services.metrics.store.capacity import Capacity
from services.metrics.store.duplicate_series import DuplicateSeries
from services.metrics.store.family_registry import FamilyRegistry
from services.metrics.store.group import Group
from services.metrics.store.incarnation import Incarnation
from services.metrics.store.journal import Journal
from services.metrics.store.plan import Before, Plan, Verdict
from services.metrics.store.tombstones import Tombstone, Tombstones


class State:
    """Groups and everything that must change together with them.

    Not safe for threads: the store calls it under its lock.

    Args:
        settings: limits.
        tombstones: which processes have ended.
        generation: number of the last change so far.
    """

    def __init__(self, settings: Settings, tombstones: Tombstones, generation: int) -> None:
        self._settings = settings
        self.groups: dict[Labels, Group] = {}
        self.tombstones = tombstones
        self.journal = Journal()
        self.capacity = Capacity(settings)
        self.dirty: set[Labels] = set()
        self.generation = generation
        self.next_id = 1
        self.forgettable: list[Labels] = []
        """Groups that may be forgotten when there is no room for a new one, the best last."""
        self.forgotten = 0
        self._families = FamilyRegistry()
        self._duplicates = DuplicateSeries()

    # Pushes

    def look(self, push: Push) -> Before:
        """Return what a push finds; whatever depends on it holds while it is the same."""
        group = self.groups.get(push.target.labels)
        name = push.target.incarnation or ""
        member = group.find(name) if group is not None else None
        gone = None
        if group is not None and name and member is None:
            gone = self.tombstones.recent(group.id, name)
        if group is None:
            return Before(None, None, None, None, {})
        return Before(group, member, gone, group.retired, group.others(name))

    def judge(self, labels: Labels, series: SeriesList) -> Verdict:
        """Hold a list against what other groups show, and against the room that is left."""
        refused = {}
        for name, (user, message) in self._families.conflicts(labels, series.families).items():
            refused[name] = f"{message}, which {_named(user)} declared"
        for name, other in self._duplicates.conflicts(labels, series).items():
            refused.setdefault(name, f"{_named(other)} shows the same series of {name} already")
        return Verdict(self._versions, refused, self.capacity.left(labels))

    @property
    def _versions(self) -> tuple[int, int]:
        return self._families.version, self._duplicates.version

    def holds(self, plan: Plan, push: Push) -> bool:
        """Tell whether a plan can be carried out as it is."""
        if not self.look(push).same(plan.before):
            return False
        if plan.verdict is None or plan.verdict.versions == self._versions:
            return True
        return self.judge(push.target.labels, plan.judged).refused == plan.verdict.refused

    def commit(self, plan: Plan, push: Push) -> None:
        """Carry out a plan that holds.

        Raises:
            Rejected: ``too_many_series``: there is no room for another group.
        """
        group = self._group(push.target.labels)
        name, gone = push.target.incarnation or "", plan.before.gone
        if gone is not None and gone.member is not None:
            group.take_out(gone.member, gone.at)
            self.tombstones.forget(group.id, name)
            self.journal.revive(group, name)
        if plan.make_room:
            others = group.make_room(plan.make_room, name, plan.member.pushed)
            self._changed(group, others)
        if plan.leave_out:
            self._changed(group, group.leave_out(plan.leave_out, group.others(name)))
        if plan.ended is not None:
            group.retire([plan.ended])
            self.journal.totals(group)
        now, ago = plan.member.pushed, push.ended_ago
        self._enter(group, name, plan.before.snapshot, plan.member, ago)
        if push.final and name:
            self.end(group, name, lost=push.uncertain, final=True, now=now, at=now - ago)
        self.settle(group, plan.new_list)

    def _group(self, labels: Labels) -> Group:
        group = self.groups.get(labels)
        if group is None:
            while len(self.groups) >= self._settings.max_groups:
                self._make_place()
            group = Group(self.next_id, labels)
            self.next_id += 1
        return group

    def _make_place(self) -> None:
        while self.forgettable:
            group = self.groups.get(self.forgettable.pop())
            if group is not None and group.silent:
                self.forget(group)
                return
        raise Rejected("too_many_series", f"more than {self._settings.max_groups} groups")

    def _changed(self, group: Group, names: Iterable[str]) -> None:
        self.journal.totals(group)
        for name in names:
            self.journal.member(group, name)

    def refresh(self, group: Group, name: str, old: Incarnation, member: Incarnation) -> None:
        """Carry out a push that keeps the list: only values change.

        Args:
            group: of the process.
            name: of the process; empty for the plain body.
            old: what it had.
            member: what it has now.
        """
        self._enter(group, name, old, member)
        self.journal.group(group)
        self._touch(group.labels)

    def _enter(
        self,
        group: Group,
        name: str,
        old: Incarnation | None,
        member: Incarnation,
        ago: float = 0.0,
    ) -> None:
        record = group.record
        if name:
            group.members.pop(name, None)
            group.members[name] = member
        else:
            group.plain, group.was_plain = member, True
            record.push_time = member.pushed
        member.position = self.generation
        if group.agent is not None:
            at = member.pushed - ago
            group.beat(old, member, at)
            record.last_push = max(record.last_push, at)
            record.state = "running"
        group.hidden = False
        self.journal.member(group, name)

    def note_failure(self, labels: Labels, reason: str, now: float) -> None:
        """Note that changing a plain group failed; a new one is entered only to say so."""
        group = self.groups.get(labels)
        if group is None and reason == "inconsistent":
            group = self._group(labels)
            group.was_plain = True
        if group is not None and group.was_plain:
            group.record.push_failure_time = now
            self.settle(group, new_list=False)

    # Changes of other kinds

    def claim(self, source: str, families: tuple[Family, ...]) -> None:
        """Note that a source of the service itself uses ``families``."""
        self._refresh(self._families.hold(source, families))

    def settle(self, group: Group, new_list: bool = True) -> None:
        """Enter a group that has changed.

        Args:
            group: as it is now.
            new_list: it may hold other series than before.
        """
        self.groups[group.labels] = group
        if new_list:
            families = group.families()
            group.untyped = frozenset(f.name for f in families if kind_of(f) == "unknown")
            self._refresh(self._families.hold(group.labels, families))
            self._duplicates.hold(group.labels, group.lists())
            self.capacity.hold(group)
        self.journal.group(group)
        self._touch(group.labels)

    def declared(self, group: Group) -> tuple[tuple[str, Family | None], ...]:
        """Return what others have declared of the names that nobody in the group tells a type of.

        Returns:
            Each such family with what it is shown as; None when it cannot be shown.
        """
        found: list[tuple[str, Family | None]] = []
        for name in sorted(group.untyped):
            other = self._families.declared(Family(name, "unknown"))
            if other is not None:
                alike = other.name == name and other.type in ("counter", "gauge")
                found.append((name, other if alike else None))
        return tuple(found)

    def _refresh(self, users: Iterable[object]) -> None:
        for user in users:
            if isinstance(user, tuple) and user in self.groups:
                self._touch(user)

    def _touch(self, labels: Labels) -> None:
        self.dirty.add(labels)
        self.generation += 1

    def drop(self, group: Group) -> None:
        """Take a group out with everything it had."""
        del self.groups[group.labels]
        self._refresh(self._families.hold(group.labels, ()))
        self._duplicates.hold(group.labels, ())
        self.capacity.drop(group.labels)
        self.journal.delete(group)
        self._touch(group.labels)

    def forget(self, group: Group) -> None:
        """Take a group out that was silent for so long that nobody looks at it any more."""
        self.forgotten += 1
        self.drop(group)

    def end(
        self, group: Group, incarnation: str, lost: bool, final: bool, now: float, at: float
    ) -> None:
        """End a process: its totals stay; what a lost one had is kept in case it comes back.

        Args:
            group: of the process.
            incarnation: the process.
            lost: it ended without a word of its own.
            final: nothing comes after this.
            now: Unix time.
            at: when it ended, as far as that is known.
        """
        member = group.members.pop(incarnation)
        group.retire(member.parts)
        group.record.note_end(lost, at)
        kept = None if final else member
        self.tombstones.add(group.id, incarnation, Tombstone(now, kept))
        self.journal.end(group, incarnation, now, kept)
        if not group.members:
            group.record.state = group.record.last_end


def _named(user: object) -> str:
    """Return how the holder of a name is called in a message."""
    if isinstance(user, tuple):
        return ", ".join(f'{name}="{value[:80]}"' for name, value in user)
    return "the service itself"
