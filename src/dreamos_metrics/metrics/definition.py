"""Definition of a metric: its name, type, labels and buckets, apart from its values."""

from __future__ import annotations

from math import inf


class Definition:
    """What a metric was declared as; a family adds its series, a file on disk only their values.

    Attributes:
        name: the family's name, without `_total` or `_info`.
        kind: `"counter"`, `"gauge"`, `"histogram"`, `"summary"`, `"info"` or `"stateset"`.
        documentation: the help text.
        labelnames: names of the labels, in the order of their values.
        unit: the unit at the end of the name; "" for none.
        bounds: upper bounds of a histogram's buckets, the last one infinite; empty for other types.
        search_bounds: the bounds behind one that every number passes, so that an index into them is
            the slot of a bucket.
        aggregate: how the gauges of several processes become one; "" for other types.
        states: what a stateset may be in; empty for other types.
        place: `file:line` of the declaration.
        slot_count: doubles that one series needs.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        documentation: str,
        labelnames: tuple[str, ...],
        *,
        unit: str = "",
        bounds: tuple[float, ...] = (),
        aggregate: str = "",
        states: tuple[str, ...] = (),
        place: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.documentation = documentation
        self.labelnames = labelnames
        self.unit = unit
        self.bounds = bounds
        # One tuple for all series of a histogram: each refers to it.
        self.search_bounds = (-inf, *bounds)
        self.aggregate = aggregate
        self.states = states
        self.place = place
        slots = {"counter": 2, "gauge": 1, "summary": 3, "histogram": len(bounds) + 2}
        self.slot_count = slots.get(kind, 1)

    @property
    def only_grows(self) -> bool:
        """Whether it counts: what it has reached stays in the total of the agent for ever."""
        return self.kind in ("counter", "summary", "histogram")

    def same_as(self, other: Definition) -> bool:
        """Whether `other` declares the same metric (the help text may differ).

        `sum` is what a gauge gets that names no way to combine processes, so it goes with every
        other way.
        """
        return (self.kind, self.labelnames, self.bounds, self.states, self.unit) == (
            other.kind,
            other.labelnames,
            other.bounds,
            other.states,
            other.unit,
        ) and (self.aggregate == other.aggregate or "sum" in (self.aggregate, other.aggregate))

    def describe(self) -> str:
        """Return the metric as messages name it: `counter tasks{kind}`."""
        return f"{self.kind} {self.name}{{{', '.join(self.labelnames)}}}"
