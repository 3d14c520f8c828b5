"""Families of two lists that cannot be added up: another type, unit, or way to combine gauges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.metrics.series.identity_cache import IdentityCache
from services.metrics.series.series_list import Family, SeriesList

ALIKE = {"info": "gauge", "stateset": "gauge", "untyped": "unknown"}
"""Types that are the same to whoever reads a scrape."""
_WAYS = {2: "sum", 3: "max", 4: "min", 5: "mostrecent"}


class Clash(NamedTuple):
    """Two families that do not fit.

    Args:
        mine: the one of the first list.
        theirs: the one of the second.
        message: why, as a sentence about the first.
    """

    mine: Family
    theirs: Family
    message: str

    @property
    def yields(self) -> bool:
        """Whether nobody told the type of theirs, so that it gives way to mine."""
        return kind_of(self.theirs) == "unknown" and kind_of(self.mine) != "unknown"


def kind_of(family: Family) -> str:
    """Return the type as a scrape shows it; ``unknown`` where nobody told one."""
    return ALIKE.get(family.type, family.type)


def clashes(mine: SeriesList, theirs: SeriesList) -> tuple[Clash, ...]:
    """Return which families of the first list do not fit the second."""
    if mine is theirs:
        return ()
    return _clashes((mine, theirs))


def _find(lists: Sequence[SeriesList]) -> tuple[Clash, ...]:
    mine, theirs = lists
    names: dict[str, list[int]] = {}
    for at, family in enumerate(theirs.families):
        for name in family.sample_names:
            names.setdefault(name, []).append(at)
    found = []
    for at, family in enumerate(mine.families):
        others = {other for name in family.sample_names for other in names.get(name, ())}
        for other in sorted(others):
            why = _why(mine, at, theirs, other)
            if why:
                found.append(Clash(family, theirs.families[other], why))
    return tuple(found)


_clashes = IdentityCache(_find)


def _why(mine: SeriesList, at: int, theirs: SeriesList, other: int) -> str:
    one, two = mine.families[at], theirs.families[other]
    if one.name != two.name or kind_of(one) != kind_of(two):
        return f"{two.name} is a {two.type}; {one.name} cannot be a {one.type} beside it"
    if one.unit and two.unit and one.unit != two.unit:
        return f"the unit of {one.name} is {two.unit}, not {one.unit}"
    roles = [int(s.roles[s.starts[n]]) for s, n in ((mine, at), (theirs, other))]
    if kind_of(one) == "gauge" and roles[0] != roles[1]:
        ways = [_WAYS.get(role, "sum") for role in roles]
        return f"{one.name} is combined by {ways[1]}, not by {ways[0]}"
    return ""


def twice_bounded(series: SeriesList) -> dict[str, str]:
    """Return the families that have one bound twice (``1`` and ``1.0``), each with the reason."""
    found = {}
    for at, family in enumerate(series.families):
        if family.type not in ("histogram", "summary"):
            continue
        points = series.points[series.starts[at] : series.starts[at + 1]]
        if len(set(points)) < len(points):
            found[family.name] = f"{family.name} has the same bound twice"
    return found
