"""What values must be for their type: held for a whole body at once, without a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from services.metrics.series.regularity import value_checks
from services.metrics.series.series_list import Floats, SeriesList


class Fault(NamedTuple):
    """A value that is wrong: the entry of the list, and what is wrong."""

    entry: int
    message: str


def faults(series: SeriesList, values: Floats) -> Iterator[Fault]:
    """Yield every value that is not as its type wants it.

    Args:
        series: the list.
        values: one for each of its entries.
    """
    counts = values[series.counts]
    if len(counts) and not (counts.min() >= 0 and counts.max() < np.inf):
        for at in np.flatnonzero(~((counts >= 0) & (counts < np.inf))).tolist():
            entry = int(series.counts[at])
            yield Fault(entry, f"{series.names[entry]}: a counter is a finite number, not below 0")
    checks = value_checks(series)
    whole = values[checks.whole]
    if len(whole) and (whole != np.floor(whole)).any():
        for at in np.flatnonzero(whole != np.floor(whole)).tolist():
            entry = int(checks.whole[at])
            yield Fault(entry, f"{series.names[entry]}: observations are counted in whole numbers")
    yield from _uneven(series, values)
    switches = values[checks.switches]
    if len(switches) and not ((switches == 0) | (switches == 1)).all():
        for at in np.flatnonzero((switches != 0) & (switches != 1)).tolist():
            entry = int(checks.switches[at])
            yield Fault(entry, f"{series.names[entry]}: an info or a state is 0 or 1")


def _uneven(series: SeriesList, values: Floats) -> Iterator[Fault]:
    steps = series.steps
    if len(steps) and (values[steps] < values[steps - 1]).any():
        for at in np.flatnonzero(values[steps] < values[steps - 1]).tolist():
            entry = int(steps[at])
            message = f"{series.names[entry]}: a bucket counts less than a smaller one"
            yield Fault(entry, message)
    last, count, _, _ = value_checks(series)
    if len(last) and (values[last] != values[count]).any():
        for at in np.flatnonzero(values[last] != values[count]).tolist():
            entry = int(count[at])
            message = f"{series.names[entry]}: the count of a histogram is its bucket for +Inf"
            yield Fault(entry, message)


def faulty_families(series: SeriesList, values: Floats) -> dict[int, Fault]:
    """Return the families with a value that is wrong, by their number, each with its first one."""
    found: dict[int, Fault] = {}
    for fault in faults(series, values):
        at = int(np.searchsorted(series.starts, fault.entry, side="right")) - 1
        found.setdefault(at, fault)
    return found
