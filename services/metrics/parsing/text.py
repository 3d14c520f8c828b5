"""A body that is seen for the first time: every line is read and held against the rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.body_end import series_of, without_faults
from services.metrics.parsing.body_lines import split_lines
from services.metrics.parsing.comments import describe, words
from services.metrics.parsing.family_builder import FamilyBuilder, canonical, check_labels
from services.metrics.parsing.lexer import METRIC_NAME, Line, split_sample
from services.metrics.parsing.parsed import Parsed
from services.metrics.parsing.sample_rules import check_limits, value_of
from services.metrics.parsing.size import max_line_bytes
from services.metrics.protocol.push import RejectedFamily
from services.metrics.series.series_list import GAUGE_ROLES, Entry
from services.metrics.settings import Settings

_LINES_PER_TURN = 32
"""Lines after which others may go first."""
_POINT_LABELS = frozenset(("le", "quantile"))


def parse(
    body: bytes,
    openmetrics: bool,
    drop: frozenset[str] = frozenset(),
    limits: Settings | None = None,
    give_way: Callable[[], None] = lambda: None,
    lenient: bool = False,
) -> Parsed:
    """Read a body in the text format or in OpenMetrics.

    Args:
        body: the bytes, decompressed.
        openmetrics: which of the two formats it is.
        drop: names of labels that the URL sets: they override the body's.
        limits: the limits to hold it against.
        give_way: called every so many lines, to let others go first.
        lenient: the body is the snapshot of a process: families that cannot be taken are left out
            and named, instead of all being refused for one.

    Raises:
        Rejected: with the number of the first line that is wrong.
    """
    return _Reader(openmetrics, drop, limits or Settings(), give_way, lenient).read(body)


@dataclass
class _Reader:
    openmetrics: bool
    drop: frozenset[str]
    limits: Settings
    give_way: Callable[[], None]
    lenient: bool
    families: dict[str, FamilyBuilder] = field(default_factory=dict)
    current: FamilyBuilder | None = None
    values: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    plain: bool = True
    repeatable: bool = True
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    aggregates: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, RejectedFamily] = field(default_factory=dict)

    def read(self, body: bytes) -> Parsed:
        longest = max_line_bytes(self.limits)
        for at, line in enumerate(split_lines(body, self.openmetrics), 1):
            if at % _LINES_PER_TURN == 0:
                self.give_way()
            if len(line) > longest:
                self._too_long(line, at, longest)
                continue
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

    def _too_long(self, line: bytes, at: int, longest: int) -> None:
        name = METRIC_NAME.match(line[:1_000].decode("utf-8", "replace").lstrip(" \t"))
        message = f"the line is longer than {longest} bytes"
        if name is None:
            raise Rejected("parse", message, at)
        self._skip(name[0], Rejected("label", message, at))

    def _skip(self, name: str, refusal: Rejected) -> None:
        """Leave the family of a sample out whose line cannot be cut into its parts."""
        family, _ = self._family_of(name, refusal.line or 0)
        self._reject(family.base, refusal)
        self.heads.append(b"")
        self.plain = self.repeatable = False

    def _reject(self, family: str, refusal: Rejected) -> None:
        """Leave a family out for ``refusal``, or all of the body where that is not allowed."""
        if not self.lenient:
            raise refusal
        where = f"line {refusal.line}: " if refusal.line is not None else ""
        found = RejectedFamily(family[:200], refusal.reason, where + refusal.message)
        self.rejected.setdefault(family, found)

    # Comments

    def _comment(self, text: str, at: int) -> None:
        word, parts = words(text, self.openmetrics)
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
        if parts[2] in self.families:
            family = self.families[parts[2]]
            if family.rows and family.aggregate != how:
                raise Rejected("parse", "dreamos:aggregate must come before the samples", at)
            family.aggregate = how

    def _describe(self, word: str, parts: list[str], at: int) -> None:
        name = parts[2] if len(parts) > 2 else ""
        if not self.openmetrics and not name:
            return  # Go's parser takes a HELP or a TYPE that ends early for a comment
        if not METRIC_NAME.fullmatch(name):
            raise Rejected("parse", f"a metric name was expected after {word}", at)
        family = self._open(name, at)
        rest = parts[3] if len(parts) == 4 else ""
        if not self.openmetrics and not rest:
            return
        try:
            describe(family, word, rest, at)
            family.help = family.help and family.help[: self.limits.max_help]
        except Rejected as refusal:
            self._reject(name, refusal)

    # Samples

    def _open(self, name: str, at: int) -> FamilyBuilder:
        """Return the family ``name``: in OpenMetrics the one being read, or a new one."""
        family = self.families.get(name)
        if family is None:
            how = self.aggregates.get(name, "sum")
            family = FamilyBuilder(name, at, self.openmetrics, aggregate=how)
            self.families[name] = family
        elif self.openmetrics and family is not self.current:
            raise Rejected("parse", f"the lines of {name} do not stand together", at)
        self.current = family
        return family

    def _family_of(self, name: str, at: int) -> tuple[FamilyBuilder, str]:
        if self.current is not None:
            suffix = self.current.suffix_of(name)
            if suffix is not None:
                return self.current, suffix
        for family in (self.families.get(stem) for stem in _stems(name)):
            suffix = family.suffix_of(name) if family is not None else None
            if family is not None and suffix is not None:
                return self._open(family.base, at), suffix
        if self.openmetrics and self.current and name.startswith(self.current.base + "_"):
            kind = self.current.kind
            if kind != "unknown" and not self.current.rows:
                self._reject(self.current.base, Rejected(
                    "type", f"{name} is no sample of the {kind} {self.current.base}", at
                ))  # fmt: skip
        family = self._open(name, at)
        suffix = family.suffix_of(name)
        if suffix is None:
            self._reject(name, Rejected("type", f"{name} is no sample name of a {family.kind}", at))
        return family, suffix or ""

    def _sample(self, line: bytes, text: str, at: int) -> None:
        try:
            found = split_sample(text, at, self.openmetrics)
        except Rejected as refusal:
            name = METRIC_NAME.match(text)
            if name is None or refusal.reason != "label":
                raise
            self._skip(name[0], refusal)
            return
        if len(self.values) >= self.limits.max_series:
            limit = self.limits.max_series
            raise Rejected("too_many_series", f"more than {limit} series", at)
        family, suffix = self._family_of(found.name, at)
        try:
            self._enter(family, suffix, found, at)
        except Rejected as refusal:
            self._reject(family.base, refusal)
        self.heads.append(line[: len(line) - len(found.rest.encode())])
        self.rows.append(at)
        try:
            value, plain = value_of(found.rest, at, self.openmetrics)
            self.values.append(value)
            self.plain = self.plain and plain
        except Rejected as refusal:
            self._reject(family.base, refusal)
            self.values.append(0.0)
            self.plain = self.repeatable = False

    def _enter(self, family: FamilyBuilder, suffix: str, found: Line, at: int) -> None:
        pairs = found.labels
        check_labels(family, suffix, pairs, at)
        if suffix == "_bucket":
            pairs = [(name, "+Inf" if _is_last(name, value) else value) for name, value in pairs]
        check_limits(found, self.limits, at)
        labels = canonical(pairs, self.drop)
        first = self.seen.setdefault((found.name, labels), at)
        if first != at:
            raise Rejected("duplicate", f"the same series as in line {first}", at)
        metric = labels
        if family.kind in ("histogram", "summary", "gaugehistogram"):
            metric = canonical(pairs, self.drop | _POINT_LABELS)
        entry = Entry(found.name, labels, family.role(suffix))
        family.rows.append((entry, metric, len(self.values)))

    # The end

    def _finish(self) -> Parsed:
        series, order = series_of(self.families, self.lenient, self._reject, self.rejected)
        values = np.array(self.values, dtype=np.float64)
        if self.lenient:
            whole = series
            series, order = without_faults(series, order, values, self.rows, self._reject)
            self.repeatable = self.repeatable and series is whole
        rejected = tuple(self.rejected.values())
        return Parsed(
            series, order, values, self.heads, self.plain, self.rows, rejected, self.repeatable
        )


def _decode(line: bytes, at: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("utf8", "this line is not UTF-8", at) from None


def _stems(name: str) -> tuple[str, ...]:
    """Return the families that a sample name could belong to: its own, and those by suffix."""
    return (name, *(name[: name.rfind("_")],)) if "_" in name else (name,)


def _is_last(name: str, value: str) -> bool:
    """Tell whether a label is the bound of the last bucket, in any of its spellings."""
    return name == "le" and value[-1:] in "fFyY" and float(value) == math.inf
