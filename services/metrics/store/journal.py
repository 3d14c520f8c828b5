"""Journal of what has changed since the disk was last written, and the rows that say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import Floats, SeriesList
from services.metrics.store.group import Group
from services.metrics.store.incarnation import Incarnation

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
    absent: Part | None = None


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
    no_totals: list[int] = field(default_factory=list)
    ended: list[EndedRow] = field(default_factory=list)
    revived: list[MemberKey] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())


class Journal:
    """Collects what changed. The store calls it under its lock."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._groups: dict[int, Group] = {}
        self._gone: set[int] = set()
        self._members: dict[MemberKey, Group] = {}
        self._totals: dict[int, Group] = {}
        self._ended: dict[MemberKey, tuple[float, Incarnation | None]] = {}
        self._revived: set[MemberKey] = set()

    def group(self, group: Group) -> None:
        """Note that the record of a group changed."""
        self._groups[group.id] = group
        self._gone.discard(group.id)

    def member(self, group: Group, incarnation: str) -> None:
        """Note that a process pushed or is gone."""
        self._members[group.id, incarnation] = group

    def totals(self, group: Group) -> None:
        """Note that the retired totals of a group changed."""
        self._totals[group.id] = group

    def end(self, group: Group, incarnation: str, at: float, member: Incarnation | None) -> None:
        """Note that a process ended; ``member`` is kept if it may come back."""
        key = (group.id, incarnation)
        self._members[key] = group
        self._totals[group.id] = group
        self._ended[key] = (at, member)
        self._revived.discard(key)

    def revive(self, group: Group, incarnation: str) -> None:
        """Note that a lost process spoke again."""
        key = (group.id, incarnation)
        self._totals[group.id] = group
        self._ended.pop(key, None)
        self._revived.add(key)

    def delete(self, group: Group) -> None:
        """Note that a group is gone with everything it had."""
        self._gone.add(group.id)
        self._groups.pop(group.id, None)
        self._totals.pop(group.id, None)
        for keyed in (self._members, self._ended):
            for key in [key for key in keyed if key[0] == group.id]:
                del keyed[key]
        self._revived = {key for key in self._revived if key[0] != group.id}

    def everything(self, group: Group) -> None:
        """Note all of a group, for a data file that has nothing of it."""
        self.group(group)
        self.totals(group)
        for name in (*group.members, *(("",) if group.plain is not None else ())):
            self.member(group, name)

    def take(self) -> Batch:
        """Return the rows as they are now and begin anew."""
        batch = Batch(gone=sorted(self._gone), revived=sorted(self._revived))
        batch.groups = [_group_row(group) for group in self._groups.values()]
        for (number, incarnation), group in self._members.items():
            member = group.find(incarnation)
            if member is None:
                batch.removed.append((number, incarnation))
            else:
                batch.members.append(_member_row(number, incarnation, member))
        for number, group in self._totals.items():
            if group.retired is None:
                batch.no_totals.append(number)
            else:
                batch.totals.append((number, group.retired))
        for (number, incarnation), (at, member) in self._ended.items():
            row = _member_row(number, incarnation, member) if member else None
            batch.ended.append(EndedRow(number, incarnation, at, row))
        self._begin()
        return batch

    def put_back(self, batch: Batch, find: Callable[[int], Group | None]) -> None:
        """Note again what a batch held that could not be written.

        Args:
            batch: the rows that are not on disk.
            find: gives a group by its number.
        """
        self._gone.update(batch.gone)
        self._revived.update(batch.revived)
        for ended in batch.ended:
            member = member_of(ended.member) if ended.member else None
            key = (ended.group, ended.incarnation)
            if key not in self._revived and find(ended.group) is not None:
                self._ended.setdefault(key, (ended.at, member))
        numbers = {row.id for row in batch.groups} | {n for n, _ in batch.totals}
        numbers |= set(batch.no_totals)
        keys = [(row.group, row.incarnation) for row in batch.members] + batch.removed
        for number in numbers | {key[0] for key in keys}:
            group = find(number)
            if group is not None:
                self._groups.setdefault(number, group)
                self._totals.setdefault(number, group)
                for key in keys:
                    if key[0] == number:
                        self._members.setdefault(key, group)


def _group_row(group: Group) -> GroupRow:
    record = {
        **vars(group.record),
        "was_plain": group.was_plain,
        "hidden": group.hidden,
        "let_go": group.let_go,
    }
    return GroupRow(group.id, json.dumps(group.labels), json.dumps(record))


def _member_row(number: int, incarnation: str, member: Incarnation) -> MemberRow:
    return MemberRow(
        number,
        incarnation,
        member.series,
        member.values,
        member.sequence,
        member.ttl,
        member.pushed,
        member.position,
        member.absent,
    )


def member_of(row: MemberRow) -> Incarnation:
    """Return the snapshot that a row holds."""
    return Incarnation(
        None,
        row.series,
        row.values,
        row.sequence,
        row.ttl,
        row.pushed,
        row.position,
        row.absent,
    )
