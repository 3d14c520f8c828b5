"""Untyped families are shown as what others have declared them to be.

One name has one type on a page. Whoever tells no type claims none, so these series follow; where
they cannot (a counter is no negative number, a histogram is more than one series) they are left
out for as long as the declaration stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.metrics.series.clashes import kind_of
from services.metrics.series.identity_cache import IdentityCache
from services.metrics.series.select import part
from services.metrics.series.series_list import Family, SeriesList
from services.metrics.series.view import View

Declared = tuple[tuple[str, Family | None], ...]
"""Families of which nobody told the type, and what they are shown as; None: not at all."""


def adopt(view: View, declared: Declared) -> View:
    """Return a view whose untyped families are shown as others have declared them."""
    series = _retyped((view.series,), declared)
    kept = np.ones(len(series), dtype=np.bool_)
    wanted = dict(declared)
    for at, family in enumerate(series.families):
        if family.name not in wanted:
            continue
        low, high = series.starts[at], series.starts[at + 1]
        other = wanted[family.name]
        if other is None:
            kept[low:high] = False
        elif other.type == "counter":
            values = view.values[low:high]
            kept[low:high] = (values >= 0) & (values < np.inf)
    chosen = part(series, np.flatnonzero(kept))
    return View(view.prefix, chosen.series, view.values[chosen.positions])


def _retype(lists: Sequence[SeriesList], declared: Declared) -> SeriesList:
    wanted = {name: family for name, family in declared if family is not None}
    families = [
        wanted[family.name] if family.name in wanted and kind_of(family) == "unknown" else family
        for family in lists[0].families
    ]
    entries = [lists[0].entries(at) for at in range(len(families))]
    return SeriesList(families, entries)


_retyped = IdentityCache(_retype)
