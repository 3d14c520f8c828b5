"""What a push with a new list will need under the store's lock, worked out before it is taken."""

from __future__ import annotations

from dataclasses import replace

from services.metrics.protocol.push import Push
from services.metrics.series.merge import lasting, merge, overlay
from services.metrics.series.series_list import SeriesList
from services.metrics.store.group import Group, Incarnation


def foresee(
    group: Group | None, push: Push, member: Incarnation, before: Incarnation | None
) -> SeriesList:
    """Unite the lists that taking the push will need; they are remembered.

    What happens in between only costs time: everything is looked up again by what it is then.

    Args:
        group: as it is now, None when there is none yet.
        push: what is to be taken.
        member: its snapshot.
        before: the snapshot that it replaces.

    Returns:
        The list that the group will show.
    """
    if group is None or (before is not None and before.series is member.series):
        lists = [member.series]
    else:
        series, values = member.series, member.values
        if before is not None and not push.replace:
            series, values = overlay(before.series, before.values, series, values)
        name = push.target.incarnation or ""
        lists = group.lists_after(name, replace(member, series=series, values=values), before)
    union = merge(lists).series
    if push.final:
        part = lasting(member.series)[0]
        retired = group.retired if group is not None else None
        lists.append(merge([retired.series, part]).series if retired is not None else part)
    for series in (union, *lists):
        series.prepare()
    return lists[-1] if push.final else union
