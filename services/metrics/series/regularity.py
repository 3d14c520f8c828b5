"""What the values of a list must be to each other, and which histograms are whole."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import numpy as np

from services.metrics.series.series_list import COUNT, CREATED, Ints, SeriesList


class ValueChecks(NamedTuple):
    """Where the values stand that have to be as others are, or as their type is.

    Args:
        last: the bucket for +Inf of each histogram.
        counts: the count that it equals, in the same order.
        whole: buckets and counts of histograms and summaries.
        switches: what is 0 or 1: info and stateset.
    """

    last: Ints
    counts: Ints
    whole: Ints
    switches: Ints


_irregular: weakref.WeakKeyDictionary[SeriesList, frozenset[str]] = weakref.WeakKeyDictionary()
_known: weakref.WeakKeyDictionary[SeriesList, ValueChecks] = weakref.WeakKeyDictionary()


def value_checks(series: SeriesList) -> ValueChecks:
    """Return what the values of a list are held against; worked out once for each list."""
    found = _known.get(series)
    if found is None:
        found = _known[series] = _find(series)
    return found


def _find(series: SeriesList) -> ValueChecks:
    pairs: list[tuple[int, int]] = []
    whole: list[int] = []
    switches: list[int] = []
    for at, family in enumerate(series.families):
        span = range(series.starts[at], series.starts[at + 1])
        if family.type in ("histogram", "summary"):
            whole += [i for i in span if series.roles[i] == COUNT]
        elif family.type in ("info", "stateset"):
            switches += span
        if family.type == "histogram":
            points = {point: i for i, point in zip(span, series.points[span.start : span.stop],
                                                   strict=True)}  # fmt: skip
            for (name, labels, bound), i in points.items():
                count = points.get((f"{family.name}_count", labels, None))
                if bound == np.inf and name.endswith("_bucket") and count is not None:
                    pairs.append((i, count))
    last, count = np.array(pairs, dtype=np.intp).reshape(-1, 2).T.copy()
    return ValueChecks(last, count, np.array(whole, dtype=np.intp), np.array(switches, np.intp))


def irregular(series: SeriesList) -> frozenset[str]:
    """Return the histograms that not every reader takes for one.

    They have no buckets, a sum or a count alone, or bounds below 0, so that the sum is no counter.
    """
    known = _irregular.get(series)
    if known is None:
        known = _irregular[series] = _find_irregular(series)
    return known


def _find_irregular(series: SeriesList) -> frozenset[str]:
    found = set()
    for at, family in enumerate(series.families):
        if family.type != "histogram":
            continue
        parts: dict[str, set[str]] = {}
        for i in range(series.starts[at], series.starts[at + 1]):
            name, labels, bound = series.points[i]
            suffix = name.removeprefix(family.name)
            if bound is not None and bound < 0:
                suffix = "_below"
            if series.roles[i] != CREATED:
                parts.setdefault(labels, set()).add(suffix)
        regular = ({"_bucket"}, {"_bucket", "_count", "_sum"})
        if any(names not in regular for names in parts.values()):
            found.add(family.name)
    return frozenset(found)
