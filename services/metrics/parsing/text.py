"""A body that is seen for the first time: every line is read and held against the rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.family_builder import (
    TYPES,
    FamilyBuilder,
    adopt_created,
    canonical,
    check_labels,
)
from services.metrics.parsing.lexer import METRIC_NAME, number, split_sample, unescape
from services.metrics.series.series_list import GAUGE_ROLES, Entry, Floats, Ints, SeriesList
from services.metrics.settings import Settings

OWN = frozenset(
    (
        "dreamos_agent_incarnations",
        "dreamos_agent_incarnations_ended_total",
        "dreamos_agent_last_heartbeat_timestamp_seconds",
        "dreamos_agent_last_progress_timestamp_seconds",
        "dreamos_agent_last_push_timestamp_seconds",
        "dreamos_agent_state",
        "dreamos_series",
        "push_failure_time_seconds",
        "push_time_seconds",
    )
)
"""Families that the service writes itself beside those of a sender. Where a body has them, for
example one that was scraped from here, they are left out, as the Pushgateway leaves out its own."""

_NEWLINE = 10
_STRETCH = 262_144
"""Bytes that are searched for lines at once; a body that is far too long is not searched whole."""
_BEGINS_SAMPLE = np.ones(256, dtype=bool)
_BEGINS_SAMPLE[list(b"# \t\n")] = False
_BREATH = 32
"""Lines after which others may go first."""
_BLANKS = re.compile(r"[ \t]+")
_LE = re.compile(r'(?:^|,)le="([^"]*)"')
_POINT_LABELS = frozenset(("le", "quantile"))


@dataclass
class Parsed:
    """What a body says.

    Args:
        series: the list, its entries sorted by family and metric.
        order: position among the sample lines of each entry of the list.
        values: the value of each sample line, in the order of the lines.
        heads: of every line, what stands before the value (the whole line of a comment).
        plain: no line has a timestamp or an exemplar, so that ``heads`` tell the whole body.
        rows: number of the body's line of each sample line, from 1.
    """

    series: SeriesList
    order: Ints
    values: Floats
    heads: list[bytes]
    plain: bool
    rows: list[int]


def parse(
    body: bytes,
    openmetrics: bool,
    drop: frozenset[str] = frozenset(),
    limits: Settings | None = None,
    give_way: Callable[[], None] = lambda: None,
) -> Parsed:
    """Read a body in the text format or in OpenMetrics.

    Args:
        body: the bytes, decompressed.
        openmetrics: which of the two formats it is.
        drop: names of labels that the URL sets: they override the body's.
        limits: the limits to hold it against.
        give_way: called every so many lines, to let others go first.

    Raises:
        Rejected: with the number of the first line that is wrong.
    """
    return _Reader(openmetrics, drop, limits or Settings(), give_way).read(body)


def check_length(body: bytes, most: int) -> None:
    """Refuse a body that must have too many series, without reading its lines.

    Args:
        body: decompressed.
        most: series that it may have.

    Raises:
        Rejected: ``too_many_series``.
    """
    content = np.frombuffer(body, dtype=np.uint8)
    found = 0
    for at in range(0, len(content), _STRETCH):
        ends = np.flatnonzero(content[at : at + _STRETCH] == _NEWLINE) + at
        if len(ends) and ends[-1] + 1 == len(content):
            ends = ends[:-1]
        found += int(np.count_nonzero(_BEGINS_SAMPLE[content[ends + 1]]))
        if found > most:
            raise Rejected("too_many_series", f"more than {most} series")


@dataclass
class _Reader:
    openmetrics: bool
    drop: frozenset[str]
    limits: Settings
    give_way: Callable[[], None]
    drafts: dict[str, FamilyBuilder] = field(default_factory=dict)
    current: FamilyBuilder | None = None
    values: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    plain: bool = True
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    aggregates: dict[str, str] = field(default_factory=dict)

    def read(self, body: bytes) -> Parsed:
        for at, line in enumerate(self._lines(body), 1):
            if at % _BREATH == 0:
                self.give_way()
            text = _decode(line, at)
            if not self.openmetrics:
                text = text.lstrip(" \t")
            if text.startswith("#"):
                self.heads.append(line)
                self._comment(text, at)
            elif text.strip(" \t") == "":
                if self.openmetrics:
                    raise Rejected("parse", "OpenMetrics has no empty lines", at)
                self.heads.append(line)
            else:
                self._sample(line, text, at)
        return self._finish()

    def _lines(self, body: bytes) -> list[bytes]:
        lines = body.split(b"\n")
        if self.openmetrics:
            if lines[-1] == b"":
                lines.pop()
            if not lines or lines[-1] != b"# EOF":
                raise Rejected("parse", "OpenMetrics must end with # EOF", max(1, len(lines)))
            if b"# EOF" in lines[:-1]:
                raise Rejected("parse", "there are lines after # EOF", lines.index(b"# EOF") + 2)
            return lines
        if lines.pop() != b"":
            raise Rejected("parse", "the last line does not end with a newline", len(lines) + 1)
        return lines

    def _comment(self, text: str, at: int) -> None:
        parts = text.split(" ", 3) if self.openmetrics else _BLANKS.split(text, maxsplit=3)
        word = parts[1] if len(parts) > 1 and parts[0] == "#" else ""
        if word == "dreamos:aggregate":
            self._aggregate(parts, at)
        elif word in ("HELP", "TYPE") or (word == "UNIT" and self.openmetrics):
            self._describe(word, parts, at)
        elif self.openmetrics and text != "# EOF":
            raise Rejected("parse", "OpenMetrics knows only HELP, TYPE, UNIT and EOF", at)

    def _aggregate(self, parts: list[str], at: int) -> None:
        how = parts[3].strip() if len(parts) == 4 else ""
        if how not in GAUGE_ROLES:
            raise Rejected("parse", "write # dreamos:aggregate <family> sum|max|min|mostrecent", at)
        self.aggregates[parts[2]] = how
        if parts[2] in self.drafts:
            draft = self.drafts[parts[2]]
            if draft.rows and draft.aggregate != how:
                raise Rejected("parse", "dreamos:aggregate must come before the samples", at)
            draft.aggregate = how

    def _describe(self, word: str, parts: list[str], at: int) -> None:
        if len(parts) < 3 or not METRIC_NAME.fullmatch(parts[2]):
            raise Rejected("parse", f"a metric name was expected after {word}", at)
        draft = self._open(parts[2], at)
        rest = parts[3] if len(parts) == 4 else ""
        if draft.rows:
            raise Rejected("parse", f"{word} of {draft.base} comes after its samples", at)
        if word == "HELP":
            if draft.help is not None:
                raise Rejected("duplicate", f"a second HELP for {draft.base}", at)
            draft.help = unescape(rest, at, self.openmetrics)[: self.limits.max_help]
        elif word == "TYPE":
            self._type(draft, rest.strip(" \t"), at)
        else:
            draft.unit = rest
            if rest and not draft.base.endswith("_" + rest):
                raise Rejected("type", f"{draft.base} does not end with its unit {rest}", at)

    def _type(self, draft: FamilyBuilder, kind: str, at: int) -> None:
        if draft.type is not None:
            raise Rejected("duplicate", f"a second TYPE for {draft.base}", at)
        modern = ("unknown", "info", "stateset", "gaugehistogram")
        if kind not in TYPES or (kind == "untyped" if self.openmetrics else kind in modern):
            raise Rejected("type", f"{kind[:40]!r} is not a type of this format", at)
        draft.type = kind

    def _open(self, name: str, at: int) -> FamilyBuilder:
        """Return the family ``name``, which must be the one being read or a new one."""
        draft = self.drafts.get(name)
        if draft is None:
            how = self.aggregates.get(name, "sum")
            draft = FamilyBuilder(name, at, self.openmetrics, aggregate=how)
            self.drafts[name] = draft
        elif draft is not self.current and (draft.closed or self.openmetrics):
            raise Rejected("parse", f"the lines of {name} do not stand together", at)
        if self.current is not None and self.current is not draft:
            self.current.closed = bool(self.current.rows)
        self.current = draft
        return draft

    def _family_of(self, name: str, at: int) -> tuple[FamilyBuilder, str]:
        if self.current is not None:
            suffix = self.current.suffix_of(name)
            if suffix is not None:
                return self.current, suffix
        for draft in (self.drafts.get(stem) for stem in _stems(name)):
            suffix = draft.suffix_of(name) if draft is not None else None
            if draft is not None and suffix is not None:
                return self._open(draft.base, at), suffix
        if self.openmetrics and self.current and name.startswith(self.current.base + "_"):
            kind = self.current.kind
            if kind != "unknown" and not self.current.rows:
                raise Rejected("type", f"{name} is no sample of the {kind} {self.current.base}", at)
        draft = self._open(name, at)
        suffix = draft.suffix_of(name)
        if suffix is None:
            raise Rejected("type", f"{name} is no sample name of a {draft.kind}", at)
        return draft, suffix

    def _sample(self, line: bytes, text: str, at: int) -> None:
        name, pairs, rest = split_sample(text, at, self.openmetrics)
        draft, suffix = self._family_of(name, at)
        check_labels(draft, suffix, pairs, at)
        self._limit(pairs, at)
        labels = canonical(pairs, self.drop)
        first = self.seen.setdefault((name, labels), at)
        if first != at:
            raise Rejected("duplicate", f"the same series as in line {first}", at)
        metric = labels
        if draft.kind in ("histogram", "summary", "gaugehistogram"):
            metric = canonical(pairs, self.drop | _POINT_LABELS)
        if len(self.values) >= self.limits.max_series:
            limit = self.limits.max_series
            raise Rejected("too_many_series", f"more than {limit} series", at)
        draft.rows.append((Entry(name, labels, draft.role(suffix)), metric, len(self.values)))
        self.heads.append(line[: len(line) - len(rest.encode())])
        self.rows.append(at)
        self.values.append(self._value(rest, at))

    def _value(self, rest: str, at: int) -> float:
        if self.openmetrics:
            rest, mark, exemplar = rest.partition(" # ")
            if mark:
                self.plain = False
                _check_exemplar(exemplar, at)
        parts = rest.split(" ") if self.openmetrics else _BLANKS.split(rest.rstrip(" \t"))
        if len(parts) == 2:
            number(parts[1], at)
            raise Rejected("timestamp", "a pushed sample must not have a timestamp", at)
        if len(parts) != 1:
            raise Rejected("parse", "a value was expected and nothing after it", at)
        if parts[0] != rest:
            self.plain = False
        return number(parts[0], at)

    def _limit(self, pairs: list[tuple[str, str]], at: int) -> None:
        limits = self.limits
        if len(pairs) > limits.max_labels:
            raise Rejected("label", f"more than {limits.max_labels} labels", at)
        for name, value in pairs:
            if len(name) > limits.max_label_name or len(value) > limits.max_label_value:
                raise Rejected("label", f"the label {name[:40]} is too long", at)

    def _finish(self) -> Parsed:
        adopt_created(self.drafts)
        drafts = [part for draft in self.drafts.values() for part in draft.parts() if part.rows]
        kept = (draft for draft in drafts if draft.family().name not in OWN)
        drafts = sorted(kept, key=lambda draft: draft.family().name)
        families = [draft.family() for draft in drafts]
        _check_claims(drafts)
        grouped = [_by_metric(draft) for draft in drafts]
        order = [number for group in grouped for _, number in group]
        series = SeriesList(families, [[entry for entry, _ in group] for group in grouped])
        values = np.array(self.values, dtype=np.float64)
        return Parsed(
            series, np.array(order, dtype=np.intp), values, self.heads, self.plain, self.rows
        )


def _decode(line: bytes, at: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("utf8", "this line is not UTF-8", at) from None


def _stems(name: str) -> tuple[str, ...]:
    """Return the families that a sample name could belong to: its own, and those by suffix."""
    return (name, *(name[: name.rfind("_")],)) if "_" in name else (name,)


def _by_metric(draft: FamilyBuilder) -> list[tuple[Entry, int]]:
    """Put the series of one metric (one label set) together, in the order of first sight.

    Raises:
        Rejected: ``type`` when a histogram has buckets but none for +Inf.
    """
    first: dict[str, int] = {}
    bounds: list[float | None] = []
    last: dict[str, float] = {}
    for entry, metric, _ in draft.rows:
        first.setdefault(metric, len(first))
        bound = _bound(entry) if draft.kind == "histogram" else None
        bounds.append(bound)
        if bound is not None:
            last[metric] = max(bound, last.get(metric, bound))
    for metric, bound in last.items():
        if bound != math.inf:
            raise Rejected("type", f"{draft.base}{{{metric}}} has no bucket for +Inf", draft.line)

    def place(row: int) -> tuple[int, bool, float, int]:
        bound = bounds[row]
        return first[draft.rows[row][1]], bound is None, bound or 0.0, row

    rows = [draft.rows[row] for row in sorted(range(len(draft.rows)), key=place)]
    return [(entry, position) for entry, _, position in rows]


def _bound(entry: Entry) -> float | None:
    """Return the upper bound of a bucket, None for any other entry."""
    found = _LE.search(entry.labels) if entry.name.endswith("_bucket") else None
    return float(found[1]) if found else None


def _check_claims(drafts: list[FamilyBuilder]) -> None:
    owners: dict[str, FamilyBuilder] = {}
    for draft in drafts:
        for name in draft.family().sample_names:
            other = owners.setdefault(name, draft)
            if other is not draft:
                line = max(draft.line, other.line)
                raise Rejected("type", f"{name} belongs to two families", line)


def _check_exemplar(text: str, at: int) -> None:
    """Read an exemplar for its form; the service does not keep it."""
    if not text.startswith("{"):
        raise Rejected("parse", "an exemplar begins with its labels", at)
    line = split_sample("exemplar" + text, at, True)
    if sum(len(name) + len(value) for name, value in line.labels) > 128:
        raise Rejected("parse", "the labels of an exemplar are longer than 128 characters", at)
    parts = line.rest.split(" ")
    if len(parts) > 2:
        raise Rejected("parse", "an exemplar has a value and at most a timestamp", at)
    for part in parts:
        number(part, at)
