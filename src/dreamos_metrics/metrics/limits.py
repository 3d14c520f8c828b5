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
from dreamos_metrics.metrics.family import OVERFLOW
from dreamos_metrics.metrics.prometheus_registry import read_gauge

UNLIMITED = sys.maxsize
_LONGEST_SUFFIX = {"counter": "_created", "gauge": "", "stateset": "", "info": "_info"}


@dataclass(frozen=True)
class Limits:
    """What the service takes of one agent; what is not known is not limited.

    Attributes:
        series: sample lines, times of beginning not counted.
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

    __slots__ = ("_family", "_values", "members", "reads")

    def __init__(self, family: Any, values: tuple[str, ...], members: list[Any]) -> None:
        self._family = family
        self._values = values
        self.members = members
        self.reads: list[list[float]] = []

    def _read(self) -> list[float]:
        """Return the slots of all of them as one; `reads` are those of each, read at that time."""
        self.reads = [member._read() for member in self.members]
        kind, found = self._family.kind, [read for read in self.reads if read]
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


def fit(
    families: Families, limits: Limits, others: Sequence[int] = ()
) -> tuple[list[tuple[Any, list[Any]]], dict[str, int]]:
    """Make families fit.

    Args:
        families: ours, with their series.
        limits: of the service.
        others: how many sample lines each family of other libraries has.

    Returns:
        The families as they may be shown, and of how many series of which family something was cut,
        folded or left out.
    """
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
    sizes = [lines_of(family) * len(found) for family, found in result]
    most = share_of_each([*sizes, *others], limits.series)
    for index, (family, found) in enumerate(result):
        if sizes[index] > most:
            kept = max(0, most // lines_of(family) - 1)
            folded = FoldedSeries(family, (OVERFLOW,) * len(family.labelnames), found[kept:])
            result[index] = (family, [*found[:kept], folded])
            over[family.name] = over.get(family.name, 0) + len(found) - kept
    return result, over


def lines_of(family: Definition) -> int:
    """Return how many sample lines a series has, times of beginning not counted."""
    if family.kind == "histogram":
        return len(family.bounds) + 1 + (family.bounds[0] >= 0)
    return len(family.states) or (2 if family.kind == "summary" else 1)


def share_of_each(sizes: Sequence[int], limit: int) -> int:
    """Return the most that each may have; where it is too much, a tenth of the limit stays free.

    The service counts what the agent's other processes show as well.
    """
    if sum(sizes) <= limit:
        return UNLIMITED
    return largest_share(sizes, max(1, limit * 9 // 10))


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
