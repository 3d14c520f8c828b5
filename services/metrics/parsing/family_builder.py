"""A family in the making: its lines as they come in, and which sample names are its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.metrics.errors import Rejected
from services.metrics.parsing.lexer import escape_label
from services.metrics.series.series_list import (
    COUNT,
    CREATED,
    GAUGE_ROLES,
    MAX,
    RECENT,
    TOTAL,
    Entry,
    Family,
)

TYPES = {
    "counter",
    "gauge",
    "histogram",
    "summary",
    "untyped",
    "unknown",
    "info",
    "stateset",
    "gaugehistogram",
}
SUFFIXES = {
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("", "_count", "_sum", "_created"),
}
_ROLES = {
    ("histogram", "_bucket"): COUNT,
    ("histogram", "_count"): COUNT,
    ("histogram", "_sum"): TOTAL,
    ("summary", "_count"): COUNT,
    ("summary", "_sum"): TOTAL,
    ("summary", ""): RECENT,
    ("info", "_info"): MAX,
    ("stateset", ""): MAX,
}


@dataclass
class FamilyBuilder:
    """A family whose lines are being read.

    Args:
        base: the name in its TYPE line, or the sample's name where there is none.
        line: number of the first line that named it.
    """

    base: str
    line: int
    openmetrics: bool
    type: str | None = None
    help: str | None = None
    unit: str = ""
    aggregate: str = "sum"
    rows: list[tuple[Entry, str, int]] = field(default_factory=list)
    """Each series, the metric that it is a part of, its number among the lines with samples."""

    @property
    def kind(self) -> str:
        """The type, ``unknown`` where none was told."""
        return "unknown" if self.type in (None, "untyped") else str(self.type)

    def suffix_of(self, name: str) -> str | None:
        """Return what ``name`` adds to the family's name, None when it is not one of its own."""
        if not name.startswith(self.base):
            return None
        suffix = name[len(self.base) :]
        return suffix if suffix in self._suffixes() else None

    def _suffixes(self) -> tuple[str, ...]:
        if self.kind == "counter":
            return ("_total", "_created") if self.openmetrics else ("",)
        if self.kind == "info":
            return ("_info",)
        return SUFFIXES.get(self.kind, ("",))

    def role(self, suffix: str) -> int:
        """Return how the values of the samples with ``suffix`` are combined."""
        if suffix == "_created":
            return CREATED
        if self.kind == "counter":
            return COUNT
        return _ROLES.get((self.kind, suffix), GAUGE_ROLES[self.aggregate])

    def parts(self) -> list[FamilyBuilder]:
        """Return the families that it amounts to.

        A gauge histogram becomes three gauges: that is what Prometheus stores of it, and only
        OpenMetrics has a name for it.
        """
        if self.kind != "gaugehistogram":
            return [self]
        found: dict[str, FamilyBuilder] = {}
        for row in self.rows:
            name = row[0].name
            part = found.setdefault(name, FamilyBuilder(name, self.line, False, "gauge", self.help))
            part.rows.append((row[0], row[0].labels, row[2]))
        return list(found.values())

    def family(self) -> Family:
        """Return the family as the service knows it."""
        name = self.base
        if self.openmetrics and self.kind == "counter":
            name += "_total"
        elif self.kind == "info":
            name += "_info"
        return Family(name, self.kind, self.help or "", self.unit)


def canonical(pairs: list[tuple[str, str]], drop: frozenset[str]) -> str:
    """Write labels in the one form by which series are told apart: sorted, escaped, none empty.

    Args:
        pairs: names and values.
        drop: names that the URL overrides.
    """
    return ",".join(
        f'{name}="{escape_label(value)}"'
        for name, value in sorted(pairs)
        if value and name not in drop
    )


def check_labels(
    family: FamilyBuilder, suffix: str, pairs: list[tuple[str, str]], line: int
) -> None:
    """Hold the labels that mean something to the type against it.

    Raises:
        Rejected: ``type`` when ``le`` or ``quantile`` is missing or is not a number.
    """
    wanted = None
    if suffix == "_bucket" and family.kind in ("histogram", "gaugehistogram"):
        wanted = "le"
    elif suffix == "" and family.kind == "summary":
        wanted = "quantile"
    elif suffix == "" and family.kind == "stateset":
        wanted = family.base
    if wanted is None:
        return
    value = dict(pairs).get(wanted)
    if value is None:
        raise Rejected("type", f"a {family.kind} needs the label {wanted} here", line)
    if wanted == family.base:
        return
    try:
        bound = float(value)
    except ValueError:
        bound = float("nan")
    if bound != bound or (wanted == "quantile" and not 0 <= bound <= 1):
        raise Rejected("type", f"{wanted}={value!r} is not a usable number", line)


def adopt_created(families: dict[str, FamilyBuilder]) -> None:
    """Turn families ``x_created`` into the times of beginning of ``x``.

    prometheus_client writes them that way in the text format, which has no other place for them.
    """
    for name in [name for name in families if name.endswith("_created")]:
        child, stem = families[name], name[: -len("_created")]
        parent = families.get(stem + "_total") or families.get(stem)
        if child.kind not in ("gauge", "unknown") or parent is None or parent.openmetrics:
            continue
        if parent.kind in ("counter", "histogram", "summary"):
            rows = ((Entry(e.name, e.labels, CREATED), m, n) for e, m, n in child.rows)
            parent.rows.extend(rows)
            del families[name]
