"""Limits of the service, and how series are made to fit into them: cut, folded or left out.

The service says its limits with its first answer. What is over them would be refused family by
family; a value that is cut, or a total over `(other)`, says more than nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.prometheus_registry import read_gauge

UNLIMITED = sys.maxsize
_LONGEST_SUFFIX = {"counter": "_created", "gauge": "", "stateset": "", "info": "_info"}


@dataclass(frozen=True)
class Limits:
    """What the service takes of one agent; what is not known is not limited.

    Attributes:
        series: sample lines.
        labels: labels of a series.
        label_name: characters of a label's name.
        label_value: characters of a label's value.
        metric_name: characters of a sample's name.
        body: bytes of a body, unpacked.
    """

    series: int = UNLIMITED
    labels: int = UNLIMITED
    label_name: int = UNLIMITED
    label_value: int = UNLIMITED
    metric_name: int = UNLIMITED
    body: int = UNLIMITED


#: What a service takes that nobody has configured otherwise.
USUAL = Limits(10_000, 30, 128, 2_048, 256, 16 << 20)


def parse_limits(header: str) -> Limits:
    """Return the limits of a header `Dreamos-Limits`; what is unknown or odd in it is ignored."""
    known = {field.name for field in fields(Limits)}
    found: dict[str, int] = {}
    for part in header.split(","):
        name, _, number = part.strip().partition("=")
        name = name.strip().replace("-", "_")
        if name in known and number.isascii() and number.isdigit() and len(number) < 19:
            found[name] = max(1, int(number))
    return Limits(**found)


class FoldedSeries:
    """Several series of a family shown as one."""

    __slots__ = ("_family", "_values", "gone", "members", "reads")

    def __init__(self, family: Any, values: tuple[str, ...], members: Iterable[Any]) -> None:
        self._family = family
        self._values = values
        self.members: list[Any] = [
            leaf
            for member in members
            for leaf in (member.members if isinstance(member, FoldedSeries) else (member,))
        ]
        #: What series had counted that were removed since: a total does not fall.
        self.gone: list[list[float]] = []
        self.reads: list[list[float]] = []

    def _read(self) -> list[float]:
        """Return the slots of all of them as one; `reads` are those of each, read at that time."""
        self.reads = [member._read() for member in self.members]
        kind, found = self._family.kind, [read for read in (*self.reads, *self.gone) if read]
        if kind == "gauge":
            return self._gauge()
        if not found or kind in ("info", "stateset"):
            return found[0] if found else []
        columns = list(zip(*found, strict=True))
        return [*(sum(column) for column in columns[:-1]), min(columns[-1])]

    def _gauge(self) -> list[float]:
        values = [value for each in self.members for value in read_gauge(self._family, each)]
        combine: Any = {"max": max, "min": min, "mostrecent": _last}.get(
            self._family.aggregate, sum
        )
        return [float(combine(values))] if values else []


def _last(values: Sequence[float]) -> float:
    return values[-1]


#: Families with their series. Those of a running process or of a file that it left.
Families = Iterable[tuple[Any, Sequence[Any]]]


def fitting_families(
    families: Families, limits: Limits
) -> tuple[list[tuple[Any, list[Any]]], dict[str, int]]:
    """Return the families whose names fit, with values cut, and how many series it concerned."""
    result: list[tuple[Any, list[Any]]] = []
    over: dict[str, int] = {}
    for family, found in families:
        if _names_fit(family, limits):
            series, cut = _cut_values(family, list(found), limits.label_value)
            result.append((family, series))
        else:
            cut = max(1, len(found))
        if cut:
            over[family.name] = cut
    return result, over


def lines_of(family: Definition) -> int:
    """Return how many lines a series has, its time of beginning among them.

    The service counts that line too, as long as it has not read the body.
    """
    if family.kind == "histogram":
        return len(family.bounds) + 2 + (family.bounds[0] >= 0)
    return len(family.states) or {"counter": 2, "summary": 3}.get(family.kind, 1)


def largest_share(sizes: Sequence[int], total: int) -> int:
    """Return the most that each may have, so that all together have at most `total`."""
    left = total
    if sum(sizes) <= total:
        return UNLIMITED
    for index, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - index)
        if size > share:
            return share
        left -= size
    return UNLIMITED


def cut_facts(families: Families, limits: Limits) -> None:
    """Cut the facts of infos that are too long; they lie beside the series."""
    for family, _ in families:
        for series, facts in list(family.texts.items()):
            if any(len(fact) > limits.label_value for fact in facts.values()):
                family.texts[series] = {
                    name: fact[: limits.label_value] for name, fact in facts.items()
                }
                detail = f"a fact of {family.name} is cut: {limits}"
                record_error("over_limit", detail, about=family.name)


def _names_fit(family: Definition, limits: Limits) -> bool:
    suffix = _LONGEST_SUFFIX.get(family.kind, "_created")
    return (
        len(family.name) + len(suffix) <= limits.metric_name
        and len(family.labelnames) + (family.kind in ("histogram", "stateset")) <= limits.labels
        and all(len(name) <= limits.label_name for name in family.labelnames)
    )


def _cut_values(family: Any, found: list[Any], longest: int) -> tuple[list[Any], int]:
    cut = [i for i, each in enumerate(found) if any(len(v) > longest for v in each._values)]
    if not cut:
        return found, 0
    groups: dict[tuple[str, ...], list[Any]] = {}
    for each in found:
        groups.setdefault(tuple(value[:longest] for value in each._values), []).append(each)
    series = [
        members[0]
        if len(members) == 1 and members[0]._values == key
        else FoldedSeries(family, key, members)
        for key, members in groups.items()
    ]
    return series, len(cut)
