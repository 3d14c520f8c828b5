"""When all lines are read: families that may not be, and values that are not as their type."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.family_builder import FamilyBuilder
from services.metrics.parsing.family_order import Ordered, Reject, arrange
from services.metrics.parsing.reserved_names import OWN, why_reserved
from services.metrics.parsing.value_rules import faulty_families
from services.metrics.series.merge import subset
from services.metrics.series.series_list import Family, Floats, Ints, SeriesList, select


def series_of(
    builders: Mapping[str, FamilyBuilder], snapshot: bool, reject: Reject, rejected: Container[str]
) -> tuple[SeriesList, Ints]:
    """Return the list of a body, and the position among its sample lines of each entry.

    Args:
        builders: its families, as the lines left them.
        snapshot: it is that of a process (see :func:`why_reserved`).
        reject: told of a family that cannot be taken; it may raise.
        rejected: families that were refused before.
    """
    kept: list[Ordered] = []
    for family in arrange(builders, reject, rejected):
        name = family.family.name
        if name in OWN:
            continue
        found = _reserved(family.family, snapshot)
        if found is not None:
            reject(family.base, Rejected("reserved", found, family.line))
        else:
            kept.append(family)
    order = np.array([at for family in kept for at in family.order], dtype=np.intp)
    return SeriesList([f.family for f in kept], [f.entries for f in kept]), order


def _reserved(family: Family, snapshot: bool) -> str | None:
    """Return which of a family's sample names is reserved and why: `scrape` shows `scrape_count`."""
    for name in family.sample_names:
        why = why_reserved(name, snapshot)
        if why is not None:
            return f"{name}: {why}"
    return None


def without_faults(
    series: SeriesList, order: Ints, values: Floats, rows: Sequence[int], reject: Reject
) -> tuple[SeriesList, Ints]:
    """Leave out the families that have a value which their type does not allow.

    Args:
        series: the list.
        order: position of each entry among the sample lines.
        values: of the sample lines.
        rows: number of the body's line of each.
        reject: told of each such family.

    Returns:
        The list and the order; the very same ones where all is well.
    """
    bad = faulty_families(series, values[order])
    for at, fault in bad.items():
        refusal = Rejected("value", fault.message, rows[order[fault.entry]])
        reject(series.families[at].name, refusal)
    if not bad:
        return series, order
    where = select(series, [at for at in range(len(series.families)) if at not in bad])
    return subset(series, where), order[where]
