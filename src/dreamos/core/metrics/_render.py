"""A snapshot: the sample lines of all families and their values, in one fixed order.

The order of `prefixes` and of `numbers` is the same; that is what the compact form of the push protocol rests on.
"""

from __future__ import annotations

import math
from array import array
from itertools import accumulate
from typing import Any

from dreamos.core.metrics._bridge import gauge_value
from dreamos.core.metrics._family import REGISTRY, Family
from dreamos.core.metrics._names import escape, label_text, write_bound

Plan = list[tuple[Family, list[Any]]]


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


def prefixes(family: Family, series: Any) -> list[str]:
    """Return what stands before the value on each sample line of a series."""
    name, labels = family.name, label_text(family.labelnames, series._values)
    braced = f"{{{labels}}}" if labels else ""
    if family.kind == "counter":
        return [f"{name}_total{braced}", f"{name}_created{braced}"]
    if family.kind == "gauge":
        return [name + braced]
    if family.kind == "summary":
        return [f"{name}_count{braced}", f"{name}_sum{braced}", f"{name}_created{braced}"]
    if family.kind == "histogram":
        more = labels + "," if labels else ""
        lines = [f'{name}_bucket{{{more}le="{write_bound(b)}"}}' for b in family.bounds]
        lines.append(f"{name}_count{braced}")
        if family.bounds[0] >= 0:
            lines.append(f"{name}_sum{braced}")
        return [*lines, f"{name}_created{braced}"]
    facts = family.texts.get(series)
    if facts is None:
        return []
    more = ",".join(
        part for part in (labels, *(f'{k}="{escape(v)}"' for k, v in facts.items())) if part
    )
    return [f"{name}_info{{{more}}}"]


def numbers(family: Family, series: Any) -> list[float]:
    """Return the values of the sample lines of a series."""
    read = series._read()
    kind = family.kind
    if kind == "counter" or kind == "summary":
        return read  # type: ignore[no-any-return]
    if kind == "gauge":
        return [gauge_value(family, series, read[0])] if family.functions else read
    if kind == "histogram":
        counts = list(accumulate(read[2:]))
        if family.bounds[0] >= 0:
            return [*counts, counts[-1], read[0], read[1]]
        return [*counts, counts[-1], read[1]]
    return [1.0] if series in family.texts else []


def all_numbers(families: Plan) -> array[float]:
    """Return the values of all sample lines of a plan, in order."""
    result: array[float] = array("d")
    for family, found in families:
        for series in found:
            result.extend(numbers(family, series))
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


def text(families: Plan) -> list[str]:
    """Return the pieces of an OpenMetrics text body of a plan, without the end mark."""
    pieces: list[str] = []
    for family, found in families:
        pieces.append(
            header(family.name, family.kind, family.documentation, family.unit, family.aggregate)
        )
        for series in found:
            exemplars = family.exemplars.get(series) if family.exemplars else None
            lines = zip(prefixes(family, series), numbers(family, series), strict=True)
            for index, (prefix, value) in enumerate(lines):
                end = _exemplar(exemplars[index]) if exemplars and index in exemplars else ""
                pieces.append(f"{prefix} {write_number(value)}{end}\n")
    return pieces


def _exemplar(exemplar: Any) -> str:
    labels, value, at = exemplar
    inner = ",".join(f'{name}="{escape(text)}"' for name, text in labels.items())
    return f" # {{{inner}}} {write_number(value)} {at:.3f}"
