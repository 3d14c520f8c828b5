"""What the store keeps under its lock: groups, who claims which name, and what has changed."""

from __future__ import annotations

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.merge import merge
from services.metrics.series.series_list import Family
from services.metrics.settings import Settings
from services.metrics.store.duplicate_series import DuplicateSeries
from services.metrics.store.family_registry import FamilyRegistry
from services.metrics.store.group import Group, Incarnation
from services.metrics.store.journal import Journal
from services.metrics.store.tombstones import Tombstone, Tombstones


class State:
    """Groups and everything that must change together with them.

    Not safe for threads: the store calls it under its lock.

    Args:
        settings: limits.
        ended: which processes have ended.
        generation: number of the last change so far.
    """

    def __init__(self, settings: Settings, ended: Tombstones, generation: int) -> None:
        self._settings = settings
        self.groups: dict[Labels, Group] = {}
        self.ended = ended
        self.journal = Journal()
        self.dirty: set[Labels] = set()
        self.generation = generation
        self.next_id = 1
        self._claims = FamilyRegistry()
        self._overlap = DuplicateSeries()

    def group(self, labels: Labels) -> Group:
        """Return the group with these labels, a new one if there is none; it is not entered yet."""
        group = self.groups.get(labels)
        if group is None:
            if len(self.groups) >= self._settings.max_groups:
                raise Rejected("too_many_series", f"more than {self._settings.max_groups} groups")
            group = Group(self.next_id, labels)
            self.next_id += 1
        return group

    def check(
        self, group: Group, name: str, member: Incarnation, before: Incarnation | None
    ) -> None:
        """Refuse what does not fit with others or is too much; only when the list is new.

        Raises:
            Rejected: ``too_many_series`` or ``inconsistent``.
        """
        if before is not None and before.series is member.series:
            return
        lists = group.lists_after(name, member, before)
        series = merge(lists).series.series
        limit = self._settings.max_series
        if series > limit:
            what = f"{series} series with those that the agent had; {limit} are allowed"
            raise Rejected("too_many_series", what)
        self._claims.check(group.labels, member.series.families)
        self._overlap.check(group.labels, member.series)

    def claim(self, source: str, families: tuple[Family, ...]) -> None:
        """Note that a source of the service itself uses ``families``."""
        self._claims.hold(source, families)

    def settle(self, group: Group, new_list: bool = True) -> None:
        """Enter a group that has changed.

        Args:
            group: as it is now.
            new_list: it may hold other series than before.
        """
        self.groups[group.labels] = group
        if new_list:
            self._claims.hold(group.labels, group.families())
            self._overlap.hold(group.labels, (part.series for part in group.parts()))
        self.journal.group(group)
        self._touch(group.labels)

    def _touch(self, labels: Labels) -> None:
        self.dirty.add(labels)
        self.generation += 1

    def drop(self, group: Group) -> None:
        """Take a group out with everything it had."""
        del self.groups[group.labels]
        self._claims.hold(group.labels, ())
        self._overlap.hold(group.labels, ())
        self.journal.delete(group)
        self._touch(group.labels)

    def end(self, group: Group, incarnation: str, lost: bool, final: bool, now: float) -> None:
        """End a process: its totals stay; what a lost one had is kept in case it comes back."""
        member = group.members.pop(incarnation)
        group.retire(member)
        group.record.ended["lost" if lost else "clean"] += 1
        kept = None if final else member
        self.ended.add(group.id, incarnation, Tombstone(now, kept))
        self.journal.end(group, incarnation, now, kept)
        if not group.members:
            group.record.state = "lost" if lost else "ended"
