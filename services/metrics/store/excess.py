"""Excess of series: which families are left out when an agent has more than it may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.metrics.series.merge import merge
from services.metrics.series.series_list import CREATED, Point, SeriesList

VITAL = "dreamos_agent_"
"""How the names begin of what tells whether an agent lives; these are taken first."""


class Limit(NamedTuple):
    """How many series there may be.

    Args:
        most: for the group, now.
        own: for one group in any case.
        wanted: how many there would be.
    """

    most: int
    own: int
    wanted: int

    @property
    def message(self) -> str:
        """Why a family is left out."""
        if self.most >= self.own:
            return f"{self.wanted} series with those that the agent had; {self.own} are allowed"
        return (
            f"there is room for {self.most} series of this agent; "
            "the service holds as many of all agents together as it may"
        )


def excess(
    series: SeriesList, beside: Sequence[SeriesList], known: frozenset[str], limit: Limit
) -> dict[str, str]:
    """Choose families to leave out, so that the others can be taken.

    What tells that the agent lives is taken first, then what it had already, then the smaller
    families; so one that has grown too large costs only itself.

    Args:
        series: what is pushed.
        beside: what the group has in any case.
        known: families that the process had until now.
        limit: how many series there may be.

    Returns:
        The names, each with the reason.
    """
    held = merge(beside).series if beside else SeriesList([], [])
    left = limit.most - held.series
    there: dict[str, set[Point]] = {}
    for at, family in enumerate(held.families):
        there[family.name] = set(held.points[held.starts[at] : held.starts[at + 1]])
    wanted = []
    for at, family in enumerate(series.families):
        had = there.get(family.name, set())
        new = sum(
            point not in had and role != CREATED
            for point, role in zip(
                series.points[series.starts[at] : series.starts[at + 1]],
                series.roles[series.starts[at] : series.starts[at + 1]].tolist(),
                strict=True,
            )
        )
        rank = not family.name.startswith(VITAL), family.name not in known, new
        wanted.append((rank, family.name, new))
    refused = {}
    for _, name, new in sorted(wanted):
        if new <= left or not new:
            left -= new
        else:
            refused[name] = limit.message
    return refused
