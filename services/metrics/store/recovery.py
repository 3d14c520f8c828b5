"""From what is on disk to the groups of a service that starts."""

from __future__ import annotations

import dataclasses
import json

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
            groups[number].retired = part
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
    return list(groups.values()), latest


def _group(row: GroupRow) -> Group:
    labels = tuple((name, value) for name, value in json.loads(row.labels))
    content = json.loads(row.record)
    known = {field.name for field in dataclasses.fields(AgentStatus)}
    record = AgentStatus(**{name: value for name, value in content.items() if name in known})
    was_plain, hidden = bool(content.get("was_plain")), bool(content.get("hidden"))
    return Group(row.id, labels, record=record, was_plain=was_plain, hidden=hidden)
