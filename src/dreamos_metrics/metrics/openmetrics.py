"""OpenMetrics text of families: sample lines and their values, in one fixed order.

`sample_prefixes` and `sample_values` have the same order: the compact form of the push protocol
rests on that.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.metrics.family import REGISTRY, Family
from dreamos_metrics.metrics.names import escape, format_bound, label_pairs
from dreamos_metrics.metrics.prometheus_registry import read_gauge

#: Families with their series, in the order of the text.
SeriesList = list[tuple[Family, list[Any]]]
Exemplar = tuple[Mapping[str, str], float, float]


def list_series() -> tuple[int, SeriesList]:
    """Return the registry's generation and every family that has series, with them."""
    with REGISTRY.lock:
        families = [(family, family.pushed()) for family in REGISTRY.families.values()]
        return REGISTRY.generation, [(family, found) for family, found in families if found]


def format_value(value: float) -> str:
    """Return a value as OpenMetrics writes it."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if value != value else ("+Inf" if value > 0 else "-Inf")


def sample_prefixes(family: Definition, values: tuple[str, ...]) -> list[str]:
    """Return what stands before the value on each sample line of a series."""
    name, labels = family.name, label_pairs(family.labelnames, values)
    braced = f"{{{labels}}}" if labels else ""
    if family.kind == "counter":
        return [f"{name}_total{braced}", f"{name}_created{braced}"]
    if family.kind == "gauge":
        return [name + braced]
    if family.kind == "summary":
        return [f"{name}_count{braced}", f"{name}_sum{braced}", f"{name}_created{braced}"]
    more = labels + "," if labels else ""
    if family.kind == "stateset":
        return [f'{name}{{{more}{name}="{escape(state)}"}}' for state in family.states]
    lines = [f'{name}_bucket{{{more}le="{format_bound(b)}"}}' for b in family.bounds]
    lines.append(f"{name}_count{braced}")
    if family.bounds[0] >= 0:
        lines.append(f"{name}_sum{braced}")
    return [*lines, f"{name}_created{braced}"]


def sample_values(family: Definition, read: list[float]) -> list[float]:
    """Return the values of the sample lines of a series, from its slots."""
    if family.kind == "stateset":
        return [float(index == read[0]) for index in range(len(family.states))] if read else []
    if family.kind != "histogram":
        return read
    counts = list(accumulate(read[1:-1]))
    if family.bounds[0] >= 0:
        return [*counts, counts[-1], read[0], read[-1]]
    return [*counts, counts[-1], read[-1]]


def sample_lines(
    family: Definition,
    values: tuple[str, ...],
    read: list[float],
    exemplars: Mapping[int, Exemplar] | None = None,
    *,
    begun_only: bool = False,
) -> list[str]:
    """Return the sample lines of a series.

    `begun_only`: leave out a series that was never begun (its process was killed while it made it).
    """
    if begun_only and not sample_values(family, read)[-1]:
        return []
    result = []
    for index, (prefix, value) in enumerate(
        zip(sample_prefixes(family, values), sample_values(family, read), strict=True)
    ):
        end = _exemplar(exemplars[index]) if exemplars and index in exemplars else ""
        result.append(f"{prefix} {format_value(value)}{end}\n")
    return result


def family_comments(family: Definition) -> str:
    """Return the comment lines above the samples of one of our families."""
    return comment_lines(
        family.name, family.kind, family.documentation, family.unit, family.aggregate
    )


def _info(family: Family, series: Any) -> list[str]:
    facts = family.texts.get(series)
    if facts is None:
        return []
    labels = label_pairs(family.labelnames, series._values)
    more = [f'{name}="{escape(text)}"' for name, text in facts.items()]
    return [f"{family.name}_info{{{','.join([labels, *more] if labels else more)}}} 1.0\n"]


def read_slots(families: SeriesList) -> list[list[float]]:
    """Return the slots of every series of a list, each read once; gauges' functions are asked."""
    result = []
    for family, found in families:
        if family.functions:
            result += [read_gauge(family, s) for s in found]
        elif family.kind == "info":
            result += [[1.0] if s in family.texts else [] for s in found]
        else:
            result += [s._read() for s in found]
    return result


def values_of(families: SeriesList, slots: list[list[float]]) -> array[float]:
    """Return the values of all sample lines of a series list, in order."""
    result: array[float] = array("d")
    at = 0
    for family, found in families:
        if family.kind in ("histogram", "stateset"):
            for read in slots[at : at + len(found)]:
                result.extend(sample_values(family, read))
        else:
            for read in slots[at : at + len(found)]:
                result.extend(read)
        at += len(found)
    return result


def comment_lines(
    name: str, kind: str, documentation: str, unit: str = "", aggregate: str = ""
) -> str:
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


def text_pieces(families: SeriesList, slots: list[list[float]]) -> list[str]:
    """Return the pieces of an OpenMetrics text body of a series list, without the end mark."""
    pieces: list[str] = []
    at = 0
    for family, found in families:
        pieces.append(family_comments(family))
        for series in found:
            if family.kind == "info":
                pieces.extend(_info(family, series))
            elif slots[at]:
                exemplars = family.exemplars.get(series) if family.exemplars else None
                pieces.extend(sample_lines(family, series._values, slots[at], exemplars))
            at += 1
    return pieces


def _exemplar(exemplar: Any) -> str:
    labels, value, at = exemplar
    inner = ",".join(f'{name}="{escape(text)}"' for name, text in labels.items())
    return f" # {{{inner}}} {format_value(value)} {at:.3f}"
