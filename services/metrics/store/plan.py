"""Plan of a push: all that taking it will change, worked out while no lock is held.

A plan is made for what the push found (:class:`Before`). It is carried out under the lock when
that is still the same, else made again. Whatever needs the union of lists is done here and
remembered by the identity of the lists, so that under the lock it is only looked up.
"""

from __future__ import annotations

from typing import NamedTuple

from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.protocol.push import RejectedFamily
from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import Floats, SeriesList
from services.metrics.store.capacity import Room
from services.metrics.store.group import Group
from services.metrics.store.incarnation import Incarnation
from services.metrics.store.tombstones import Tombstone


class Decoded(NamedTuple):
    """A body that was read.

    Args:
        template: its lines.
        values: one for each series of the template's list.
        rejected: families of it that cannot be taken.
        whole: the template is of the body as the sender has it, so that its name can be told.
    """

    template: BodyTemplate
    values: Floats
    rejected: tuple[RejectedFamily, ...] = ()
    whole: bool = True


class Before(NamedTuple):
    """What a push finds.

    Args:
        group: None when there is none yet.
        member: what the push replaces.
        gone: how the process had ended, when it had.
        retired: the group's totals.
        others: everybody else who pushes to the group.
    """

    group: Group | None
    member: Incarnation | None
    gone: Tombstone | None
    retired: Part | None
    others: dict[str, Incarnation]

    @property
    def snapshot(self) -> Incarnation | None:
        """What the process had: it lives, or it was lost and speaks again."""
        return self.member or (self.gone.member if self.gone is not None else None)

    def same(self, other: Before) -> bool:
        """Tell whether a plan for the one is a plan for the other."""
        return (
            self.group is other.group
            and self.member is other.member
            and self.gone is other.gone
            and list_of(self.retired) is list_of(other.retired)
            and self.others.keys() == other.others.keys()
            and all(
                one.series is two.series and list_of(one.absent) is list_of(two.absent)
                for one, two in zip(self.others.values(), other.others.values(), strict=True)
            )
        )


class Verdict(NamedTuple):
    """What other groups have to say about a list.

    Args:
        versions: of what they show; while these stay, so does the verdict.
        refused: families that do not fit, each with the reason.
        room: what is left for the group.
    """

    versions: tuple[int, int]
    refused: dict[str, str]
    room: Room


class Plan(NamedTuple):
    """What a push changes.

    Args:
        before: what it was made for.
        member: the new snapshot.
        new_list: the group may hold other series than before.
        judged: the list that the verdict is about.
        verdict: None when the list is the one from before.
        ended: lives of metrics that are over.
        make_room: families whose retired totals are of another type, and go.
        leave_out: untyped families of other processes that go, for now somebody tells the type.
        shown: the list that the group will show.
    """

    before: Before
    member: Incarnation
    new_list: bool
    judged: SeriesList
    verdict: Verdict | None = None
    ended: Part | None = None
    make_room: frozenset[str] = frozenset()
    leave_out: frozenset[str] = frozenset()
    shown: SeriesList | None = None


def keeps_list(before: Incarnation, template: BodyTemplate, replaces: bool) -> bool:
    """Tell whether a push of these lines leaves a process' list as it is.

    Args:
        before: the process.
        template: the lines of the push.
        replaces: it is a PUT.
    """
    if before.template is not template or before.rejected:
        return False
    return before.placement is None or not replaces


def list_of(part: Part | None) -> SeriesList | None:
    """Return the list of a contribution, None where there is none."""
    return part.series if part is not None else None
