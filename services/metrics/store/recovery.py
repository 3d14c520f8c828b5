"""Recovery: from what is on disk to the groups of a service that starts."""

from __future__ import annotations

import dataclasses
import json

from services.metrics.series.clashes import clashes
from services.metrics.series.repair import repaired
from services.metrics.store.agent_status import AgentStatus
from services.metrics.store.group import Group
from services.metrics.store.journal import GroupRow, member_of
from services.metrics.store.sqlite_storage import SqliteStorage


def recover(disk: SqliteStorage, now: float) -> tuple[list[Group], int]:
    """Return the groups as they were, and the position of the latest push.

    Processes that lived when the service stopped get their time to live anew: they could not
    push while it was away.

    Args:
        disk: what to read.
        now: Unix time.
    """
    content = disk.load()
    groups = {row.id: _group(row) for row in content.groups}
    for number, part in content.totals:
        if number in groups:
            groups[number].retired = repaired(part) if content.version == 1 else part
    latest = 0
    for row in content.members:
        group = groups.get(row.group)
        if group is None:
            continue
        member = member_of(row)
        latest = max(latest, row.position)
        if row.incarnation == "":
            group.plain = member
        else:
            member.pushed = now
            group.members[row.incarnation] = member
    if content.version == 1:
        for group in groups.values():
            _reconcile(group, now)
    return list(groups.values()), latest


def _group(row: GroupRow) -> Group:
    labels = tuple((name, value) for name, value in json.loads(row.labels))
    content = json.loads(row.record)
    known = {field.name for field in dataclasses.fields(AgentStatus)}
    record = AgentStatus(**{name: value for name, value in content.items() if name in known})
    return Group(
        row.id,
        labels,
        record=record,
        was_plain=bool(content.get("was_plain")),
        hidden=bool(content.get("hidden")),
        let_go={name: float(at) for name, at in dict(content.get("let_go", {})).items()},
    )


def _reconcile(group: Group, now: float) -> None:
    """Make room for the latest processes where older ones have another type of a name.

    The first format of the file let them stand side by side, and added them up.
    """
    names = [*reversed(group.members), *(("",) if group.plain is not None else ())]
    for at, name in enumerate(names):
        for older in names[at + 1 :]:
            group.leave_out(_clashing(group, name, older), [older])
        member = group.find(name)
        if member is not None and group.retired is not None:
            found = {c.theirs.name for c in clashes(member.series, group.retired.series)}
            if found:
                group.make_room(found, name, now)


def _clashing(group: Group, name: str, older: str) -> set[str]:
    one, other = group.find(name), group.find(older)
    if one is None or other is None:
        return set()
    return {clash.theirs.name for clash in clashes(one.series, other.series)}
