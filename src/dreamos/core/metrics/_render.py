"""A snapshot: the sample lines of all families and their values, in one fixed order.

The order of `prefixes` and of `numbers` is the same; that is what the compact form of the push protocol rests on.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from dreamos.core.metrics._bridge import gauge_value
from dreamos.core.metrics._family import REGISTRY, Family
from dreamos.core.metrics._names import escape, label_text, write_bound

Plan = list[tuple[Family, list[Any]]]
Exemplar = tuple[Mapping[str, str], float, float]


def plan() -> tuple[int, Plan]:
    """Return the registry's generation and every family that has series, with them."""
    with REGISTRY.lock:
        families = [(family, family.series()) for family in REGISTRY.families.values()]
        return REGISTRY.generation, [(family, found) for family, found in families if found]


def write_number(value: float) -> str:
    """Return a value as OpenMetrics writes it."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if value != value else ("+Inf" if value > 0 else "-Inf")


def prefixes(family: Family, values: tuple[str, ...]) -> list[str]:
    """Return what stands before the value on each sample line of the series with these label values."""
    name, labels = family.name, label_text(family.labelnames, values)
    braced = f"{{{labels}}}" if labels else ""
    if family.kind == "counter":
        return [f"{name}_total{braced}", f"{name}_created{braced}"]
    if family.kind == "gauge":
        return [name + braced]
    if family.kind == "summary":
        return [f"{name}_count{braced}", f"{name}_sum{braced}", f"{name}_created{braced}"]
    more = labels + "," if labels else ""
    lines = [f'{name}_bucket{{{more}le="{write_bound(b)}"}}' for b in family.bounds]
    lines.append(f"{name}_count{braced}")
    if family.bounds[0] >= 0:
        lines.append(f"{name}_sum{braced}")
    return [*lines, f"{name}_created{braced}"]


def numbers(family: Family, read: list[float]) -> list[float]:
    """Return the values of the sample lines of a series, from its slots."""
    if family.kind != "histogram":
        return read
    counts = list(accumulate(read[1:-1]))
    if family.bounds[0] >= 0:
        return [*counts, counts[-1], read[0], read[-1]]
    return [*counts, counts[-1], read[-1]]


def lines(
    family: Family,
    values: tuple[str, ...],
    read: list[float],
    exemplars: Mapping[int, Exemplar] | None = None,
    *,
    began: bool = False,
) -> list[str]:
    """Return the sample lines of a series.

    ``began``: leave out a series that was never begun (its process was killed while it made it).
    """
    if began and not numbers(family, read)[-1]:
        return []
    result = []
    for index, (prefix, value) in enumerate(
        zip(prefixes(family, values), numbers(family, read), strict=True)
    ):
        end = _exemplar(exemplars[index]) if exemplars and index in exemplars else ""
        result.append(f"{prefix} {write_number(value)}{end}\n")
    return result


def head_of(family: Family) -> str:
    """Return the comment lines above the samples of one of our families."""
    return header(family.name, family.kind, family.documentation, family.unit, family.aggregate)


def _info(family: Family, series: Any) -> list[str]:
    facts = family.texts.get(series)
    if facts is None:
        return []
    labels = label_text(family.labelnames, series._values)
    more = [f'{name}="{escape(text)}"' for name, text in facts.items()]
    return [f"{family.name}_info{{{','.join([labels, *more] if labels else more)}}} 1.0\n"]


def reads(families: Plan) -> list[list[float]]:
    """Return the slots of every series of a plan, each read once; gauges' functions are asked."""
    result = []
    for family, found in families:
        if family.functions:
            result += [[gauge_value(family, s, s._read()[0])] for s in found]
        elif family.kind == "info":
            result += [[1.0] if s in family.texts else [] for s in found]
        else:
            result += [s._read() for s in found]
    return result


def all_numbers(families: Plan, taken: list[list[float]]) -> array[float]:
    """Return the values of all sample lines of a plan, in order."""
    result: array[float] = array("d")
    at = 0
    for family, found in families:
        if family.kind == "histogram":
            for read in taken[at : at + len(found)]:
                result.extend(numbers(family, read))
        else:
            for read in taken[at : at + len(found)]:
                result.extend(read)
        at += len(found)
    return result


def header(name: str, kind: str, documentation: str, unit: str = "", aggregate: str = "") -> str:
    """Return the comment lines above a family's samples."""
    text = documentation.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    text = text.encode("utf-8", "replace").decode("utf-8")
    lines = [f"# TYPE {name} {kind}\n"]
    if unit:
        lines.append(f"# UNIT {name} {unit}\n")
    if text:
        lines.append(f"# HELP {name} {text}\n")
    if aggregate and aggregate != "sum":
        lines.append(f"# dreamos:aggregate {name} {aggregate}\n")
    return "".join(lines)


def text(families: Plan, taken: list[list[float]]) -> list[str]:
    """Return the pieces of an OpenMetrics text body of a plan, without the end mark."""
    pieces: list[str] = []
    at = 0
    for family, found in families:
        pieces.append(head_of(family))
        for series in found:
            if family.kind == "info":
                pieces.extend(_info(family, series))
            else:
                exemplars = family.exemplars.get(series) if family.exemplars else None
                pieces.extend(lines(family, series._values, taken[at], exemplars))
            at += 1
    return pieces


def _exemplar(exemplar: Any) -> str:
    labels, value, at = exemplar
    inner = ",".join(f'{name}="{escape(text)}"' for name, text in labels.items())
    return f" # {{{inner}}} {write_number(value)} {at:.3f}"
