"""What has changed since the disk was last written, and the rows that say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import Floats, SeriesList
from services.metrics.store.group import Group, Incarnation

MemberKey = tuple[int, str]
"""Number of the group and name of the incarnation; the empty name is a plain group's body."""


class GroupRow(NamedTuple):
    """A group without its processes and totals."""

    id: int
    labels: str
    record: str


class MemberRow(NamedTuple):
    """A live process, or what a lost one had."""

    group: int
    incarnation: str
    series: SeriesList
    values: Floats
    sequence: int
    ttl: float | None
    pushed: float
    position: int


class EndedRow(NamedTuple):
    """A process that has ended; ``member`` is what it had if it may still come back."""

    group: int
    incarnation: str
    at: float
    member: MemberRow | None


@dataclass
class Batch:
    """Rows for one transaction."""

    groups: list[GroupRow] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    members: list[MemberRow] = field(default_factory=list)
    removed: list[MemberKey] = field(default_factory=list)
    totals: list[tuple[int, Part]] = field(default_factory=list)
    ended: list[EndedRow] = field(default_factory=list)
    revived: list[MemberKey] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())


class Journal:
    """Collects what changed. The store calls it under its lock."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.groups: dict[int, Group] = {}
        self.gone: set[int] = set()
        self.members: dict[MemberKey, Group] = {}
        self.totals: dict[int, Group] = {}
        self.ended: dict[MemberKey, tuple[float, Incarnation | None]] = {}
        self.revived: set[MemberKey] = set()

    def group(self, group: Group) -> None:
        """Note that the record of a group changed."""
        self.groups[group.id] = group
        self.gone.discard(group.id)

    def member(self, group: Group, incarnation: str) -> None:
        """Note that a process pushed or is gone."""
        self.members[group.id, incarnation] = group

    def end(self, group: Group, incarnation: str, at: float, member: Incarnation | None) -> None:
        """Note that a process ended; ``member`` is kept if it may come back."""
        key = (group.id, incarnation)
        self.members[key] = group
        self.totals[group.id] = group
        self.ended[key] = (at, member)
        self.revived.discard(key)

    def revive(self, group: Group, incarnation: str) -> None:
        """Note that a lost process spoke again."""
        key = (group.id, incarnation)
        self.totals[group.id] = group
        self.ended.pop(key, None)
        self.revived.add(key)

    def delete(self, group: Group) -> None:
        """Note that a group is gone with everything it had."""
        self.gone.add(group.id)
        self.groups.pop(group.id, None)
        self.totals.pop(group.id, None)
        for keyed in (self.members, self.ended):
            for key in [key for key in keyed if key[0] == group.id]:
                del keyed[key]
        self.revived = {key for key in self.revived if key[0] != group.id}

    def take(self) -> Batch:
        """Return the rows as they are now and begin anew."""
        batch = Batch(gone=sorted(self.gone), revived=sorted(self.revived))
        batch.groups = [_group_row(group) for group in self.groups.values()]
        for (number, incarnation), group in self.members.items():
            place = _find(group, incarnation)
            if place is None:
                batch.removed.append((number, incarnation))
            else:
                batch.members.append(_member_row(number, incarnation, *place))
        batch.totals = [(n, g.retired) for n, g in self.totals.items() if g.retired is not None]
        for (number, incarnation), (at, member) in self.ended.items():
            row = _member_row(number, incarnation, member, 0) if member else None
            batch.ended.append(EndedRow(number, incarnation, at, row))
        self._begin()
        return batch

    def put_back(self, batch: Batch, find: Callable[[int], Group | None]) -> None:
        """Note again what a batch held that could not be written.

        Args:
            batch: the rows that are not on disk.
            find: gives a group by its number.
        """
        self.gone.update(batch.gone)
        self.revived.update(batch.revived)
        for ended in batch.ended:
            member = member_of(ended.member) if ended.member else None
            key = (ended.group, ended.incarnation)
            if key not in self.revived:
                self.ended.setdefault(key, (ended.at, member))
        numbers = {row.id for row in batch.groups} | {n for n, _ in batch.totals}
        keys = [(row.group, row.incarnation) for row in batch.members] + batch.removed
        for number in numbers | {key[0] for key in keys}:
            group = find(number)
            if group is not None:
                self.groups.setdefault(number, group)
                self.totals.setdefault(number, group)
                for key in keys:
                    if key[0] == number:
                        self.members.setdefault(key, group)


def _group_row(group: Group) -> GroupRow:
    record = {**vars(group.record), "was_plain": group.was_plain, "hidden": group.hidden}
    return GroupRow(group.id, json.dumps(group.labels), json.dumps(record))


def _find(group: Group, incarnation: str) -> tuple[Incarnation, int] | None:
    if incarnation == "":
        return (group.plain, 0) if group.plain is not None else None
    member = group.members.get(incarnation)
    return (member, member.position) if member is not None else None


def _member_row(number: int, incarnation: str, member: Incarnation, position: int) -> MemberRow:
    return MemberRow(
        number,
        incarnation,
        member.series,
        member.values,
        member.sequence,
        member.ttl,
        member.pushed,
        position,
    )


def member_of(row: MemberRow) -> Incarnation:
    """Return the snapshot that a row holds."""
    return Incarnation(
        None, row.series, row.values, row.sequence, row.ttl, row.pushed, row.position
    )
