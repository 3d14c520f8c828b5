"""Names in OpenMetrics: a family lays claim to more of them there than in the text format.

A counter ``b_total`` is the family ``b`` there, so a gauge ``b`` beside it, which every Go program
has somewhere, makes the page invalid; so does a gauge ``h_created`` beside a histogram ``h``. One of
the two is then shown without its type, under the same names of samples.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.metrics.series.series_list import Family

_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "summary": ("_count", "_sum", "_created"),
}
_TYPES = {"info": "gauge", "stateset": "gauge", "untyped": "unknown"}


def openmetrics_type(family: Family) -> str:
    """Return the type of a family in OpenMetrics.

    A counter whose name does not end in ``_total`` is unknown to OpenMetrics: as a counter it
    would change its name there, and the same series would be stored under two names. An info is 1
    there and a state set has its own label: what another agent pushes as a gauge may not.
    """
    if family.type == "counter" and not family.name.endswith("_total"):
        return "unknown"
    return _TYPES.get(family.type, family.type)


def openmetrics_name(family: Family) -> str:
    """Return the name of a family in OpenMetrics, where its type is shown."""
    if openmetrics_type(family) == "counter":
        return family.name.removesuffix("_total")
    return family.name


def _claims(family: Family) -> frozenset[str]:
    name = openmetrics_name(family)
    suffixes = _SUFFIXES.get(openmetrics_type(family), ())
    return frozenset((name, *(name + suffix for suffix in suffixes)))


def without_type(families: Iterable[Family], irregular: Iterable[str] = ()) -> frozenset[str]:
    """Return the names of the families that have to be shown without their type.

    Args:
        families: all that are shown.
        irregular: those of them that are not as their type has to be.
    """
    claims = {family.name: _claims(family) for family in families}
    samples = {family.name: frozenset(family.sample_names) for family in families}
    taken = {name for name, claimed in claims.items() if len(claimed) == 1}
    found = set(irregular)
    changed = True
    while changed:
        owners: set[str] = set().union(*(claims[name] for name in taken), *(
            samples[name] for name in found
        ))  # fmt: skip
        changed = False
        for name, claimed in claims.items():
            if name in taken or name in found:
                continue
            if claimed & owners:
                found.add(name)
                changed = True
            else:
                owners |= claimed
    return frozenset(found)
