"""The end of a body: families by name, in each the series of one metric side by side."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

from services.metrics.errors import Rejected
from services.metrics.parsing.family_builder import FamilyBuilder, adopt_created
from services.metrics.series.series_list import Entry, Family

_LE = re.compile(r'(?:^|,)le="([^"]*)"')
Reject = Callable[[str, Rejected], None]


class Ordered(NamedTuple):
    """A family that is complete.

    Args:
        base: its name in the body.
        line: number of the first line that named it.
        family: as the service knows it.
        entries: its series.
        order: position of each among the sample lines of the body.
    """

    base: str
    line: int
    family: Family
    entries: list[Entry]
    order: list[int]


def arrange(
    builders: Mapping[str, FamilyBuilder], reject: Reject, rejected: Container[str]
) -> list[Ordered]:
    """Put the families of a body in order; those without series are left out.

    Args:
        builders: as the lines left them, by name.
        reject: told of a family that cannot be taken; it may raise.
        rejected: names of those that were refused so far; they are left out.
    """
    rest = {name: builder for name, builder in builders.items() if name not in rejected}
    adopt_created(rest)
    parts = [(b.base, part) for b in rest.values() for part in b.parts() if part.rows]
    found = []
    for base, part in sorted(parts, key=lambda pair: pair[1].family().name):
        try:
            rows = _by_metric(part)
        except Rejected as refusal:
            reject(base, refusal)
            continue
        family = part.family()
        entries = [entry for entry, _ in rows]
        found.append(Ordered(base, part.line, family, entries, [at for _, at in rows]))
    _check_claims(found, reject)
    return [family for family in found if family.base not in rejected]


def _by_metric(builder: FamilyBuilder) -> list[tuple[Entry, int]]:
    """Put the series of one metric (one label set) together, in the order of first sight.

    Raises:
        Rejected: a histogram has buckets but none for +Inf (``type``), or one bound twice
            (``duplicate``), as 1 and 1.0.
    """
    first: dict[str, int] = {}
    bounds: list[float | None] = []
    of_metric: dict[str, set[float]] = {}
    for entry, metric, _ in builder.rows:
        first.setdefault(metric, len(first))
        bound = _bound(entry) if builder.kind == "histogram" else None
        bounds.append(bound)
        if bound is None:
            continue
        known = of_metric.setdefault(metric, set())
        if bound in known:
            message = f"{builder.base}{{{metric[:80]}}} has two buckets for {bound}"
            raise Rejected("duplicate", message, builder.line)
        known.add(bound)
    for metric, known in of_metric.items():
        if math.inf not in known:
            message = f"{builder.base}{{{metric[:80]}}} has no bucket for +Inf"
            raise Rejected("type", message, builder.line)

    def place(row: int) -> tuple[int, bool, float, int]:
        bound = bounds[row]
        return first[builder.rows[row][1]], bound is None, bound or 0.0, row

    rows = [builder.rows[row] for row in sorted(range(len(builder.rows)), key=place)]
    return [(entry, position) for entry, _, position in rows]


def _bound(entry: Entry) -> float | None:
    """Return the upper bound of a bucket, None for any other entry."""
    found = _LE.search(entry.labels) if entry.name.endswith("_bucket") else None
    return float(found[1]) if found else None


def _check_claims(families: Iterable[Ordered], reject: Reject) -> None:
    owners: dict[str, Ordered] = {}
    for family in families:
        for name in family.family.sample_names:
            other = owners.setdefault(name, family)
            if other is not family:
                later = max(family, other, key=lambda one: one.line)
                message = f"{name} belongs to two families"
                reject(later.base, Rejected("type", message, later.line))
