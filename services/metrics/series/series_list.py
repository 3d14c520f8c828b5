"""A list of series: what a push is about, without the values.

Lists are immutable and shared: all processes that run the same program push the same list.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from services.metrics.series.labels import PARTED, bound_of, metric_labels

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# How the values of one series that come from several processes become one.
COUNT, TOTAL, SUM, MAX, MIN, RECENT, CREATED = range(7)
"""COUNT and TOTAL add up and outlive their process (COUNT is never negative); SUM, MAX, MIN and
RECENT are gauges and vanish with it; CREATED is the time at which a metric began."""

_LE = re.compile(r'(?:^|,)le="[^"]*"')
GAUGE_ROLES = {"sum": SUM, "max": MAX, "min": MIN, "mostrecent": RECENT}
LASTING = (COUNT, TOTAL, CREATED)
"""Roles of the series that outlive their process."""
Point = tuple[str, str, float | None]
"""A series in its family, however its bound is spelt: sample name, labels of the metric, bound."""
_numbers = itertools.count()


@dataclass(frozen=True)
class Family:
    """A metric family, by the name it has in the text format (a counter's with ``_total``)."""

    name: str
    type: str
    help: str = ""
    unit: str = ""

    @property
    def sample_names(self) -> tuple[str, ...]:
        """Every sample name that the family lays claim to."""
        name = self.name
        if self.type == "histogram":
            return (name, f"{name}_bucket", f"{name}_count", f"{name}_sum")
        if self.type == "summary":
            return (name, f"{name}_count", f"{name}_sum")
        return (name,)


@dataclass(frozen=True)
class Entry:
    """One series of a list: sample name, labels as ``a="1",b="2"`` sorted by name, and role."""

    name: str
    labels: str
    role: int


class SeriesList:
    """Families sorted by name, and their series, those of one metric standing together.

    Args:
        families: sorted by name, no two with the same.
        entries: the series of each family, in the same order as ``families``.
    """

    def __init__(self, families: Sequence[Family], entries: Sequence[Sequence[Entry]]) -> None:
        self.families = tuple(families)
        starts = [0]
        for group in entries:
            starts.append(starts[-1] + len(group))
        self.starts = tuple(starts)
        self.names = [entry.name for group in entries for entry in group]
        self.labels = [entry.labels for group in entries for entry in group]
        self._packed: bytes | None = None
        self._counts_of: dict[str, tuple[int, ...]] = {}
        self.number = next(_numbers)
        """The higher, the later the list was made; it orders lists for as long as they live."""
        self.roles: NDArray[np.uint8] = np.array(
            [entry.role for group in entries for entry in group], dtype=np.uint8
        )

    def __len__(self) -> int:
        """Return the number of entries, the times of beginning included."""
        return len(self.names)

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each family, by name."""
        return {family.name: i for i, family in enumerate(self.families)}

    def entries(self, family: int) -> list[Entry]:
        """Return the series of one family."""
        return [
            Entry(self.names[i], self.labels[i], int(self.roles[i]))
            for i in range(self.starts[family], self.starts[family + 1])
        ]

    @cached_property
    def points(self) -> list[Point]:
        """Name every series within its family, however its bound is spelt."""
        found: list[Point] = []
        for at, family in enumerate(self.families):
            low, high = self.starts[at], self.starts[at + 1]
            rows = zip(self.names[low:high], self.labels[low:high], strict=True)
            if family.type not in PARTED:
                found += [(name, labels, None) for name, labels in rows]
                continue
            for name, labels in rows:
                bound = bound_of(family.type, family.name, name, labels)
                found.append((name, metric_labels(family.type, labels), bound))
        return found

    @cached_property
    def metrics(self) -> Ints:
        """Number of the metric that each series is a part of."""
        numbers: dict[tuple[int, str], int] = {}
        found = [
            numbers.setdefault((at, self.points[i][1]), len(numbers))
            for at in range(len(self.families))
            for i in range(self.starts[at], self.starts[at + 1])
        ]
        return np.array(found, dtype=np.intp)

    @cached_property
    def buckets(self) -> NDArray[np.bool_]:
        """Which series are buckets of a histogram."""
        found = np.zeros(len(self), dtype=np.bool_)
        for at, family in enumerate(self.families):
            if family.type == "histogram":
                for i in range(self.starts[at], self.starts[at + 1]):
                    found[i] = self.points[i][2] is not None
        return found

    @cached_property
    def recent(self) -> Ints | None:
        """Metric of each series whose latest value counts; None when each is its own."""
        metrics = self.metrics[self.positions(RECENT)]
        return metrics if len(np.unique(metrics)) < len(metrics) else None

    def positions(self, *roles: int) -> Ints:
        """Return where the series with one of ``roles`` stand."""
        return np.flatnonzero(np.isin(self.roles, roles))

    @cached_property
    def label_names(self) -> frozenset[str]:
        """Names of all labels that some series has of its own."""
        found = (re.findall(r'(?:^|,)([a-zA-Z_][a-zA-Z0-9_]*)="', text) for text in self.labels)
        return frozenset(name for names in found for name in names)

    @cached_property
    def counts(self) -> Ints:
        """Where the series stand that cannot be negative."""
        return self.positions(COUNT)

    def counts_of(self, family: str) -> tuple[int, ...]:
        """Return where the series of one family stand that cannot be negative."""
        known = self._counts_of.get(family)
        if known is None:
            at = self.index.get(family)
            places = range(self.starts[at], self.starts[at + 1]) if at is not None else ()
            known = tuple(i for i in places if self.roles[i] == COUNT)
            self._counts_of[family] = known
        return known

    @cached_property
    def steps(self) -> Ints:
        """Where the buckets stand that follow a smaller one of the same histogram."""
        found = []
        for at, family in enumerate(self.families):
            if family.type != "histogram":
                continue
            bucket = family.name + "_bucket"
            for i in range(self.starts[at] + 1, self.starts[at + 1]):
                if self.names[i] == bucket == self.names[i - 1]:
                    one, other = (_LE.sub("", self.labels[k]) for k in (i - 1, i))
                    if one == other:
                        found.append(i)
        return np.array(found, dtype=np.intp)

    @cached_property
    def scrape_bytes(self) -> int:
        """Bytes of all names, labels and descriptions in any format, at most, without values."""
        own = len("".join(self.names).encode()) + len("".join(self.labels).encode())
        described = sum(4 * len(f.name) + 2 * len(f.help.encode()) + 64 for f in self.families)
        return own + 4 * sum(text.count('="') for text in self.labels) + described

    @cached_property
    def special(self) -> dict[int, Ints]:
        """Where the series stand that are not simply added up, by role."""
        found = {role: self.positions(role) for role in (MAX, MIN, RECENT, CREATED)}
        return {role: where for role, where in found.items() if len(where)}

    @cached_property
    def series(self) -> int:
        """Number of series that are exposed as samples (without the times of beginning)."""
        return int(np.count_nonzero(self.roles != CREATED))

    @cached_property
    def text_bytes(self) -> int:
        """Characters of all names and labels."""
        return sum(map(len, self.names)) + sum(map(len, self.labels))

    def _raw(self) -> bytes:
        families = [[f.name, f.type, f.help, f.unit] for f in self.families]
        content = [families, self.starts, self.names, self.labels, self.roles.tolist()]
        return json.dumps(content, separators=(",", ":")).encode()

    def dump(self) -> bytes:
        """Return the list as compressed bytes, for the disk."""
        packed, self._packed = self._packed, None
        return packed if packed is not None else isal_zlib.compress(self._raw(), 1)

    def prepare(self) -> None:
        """Work out what the disk and the check of other groups need, while no lock is held."""
        if "digest" not in vars(self):
            raw = self._raw()
            self._packed = isal_zlib.compress(raw, 1)
            self.digest = hashlib.blake2b(raw, digest_size=16).digest()
        self.label_names  # noqa: B018  (it is worked out once and kept)

    @cached_property
    def digest(self) -> bytes:
        """Name of the list on disk: equal lists have the same."""
        return hashlib.blake2b(self._raw(), digest_size=16).digest()

    @classmethod
    def load(cls, data: bytes) -> SeriesList:
        """Read what :meth:`dump` wrote.

        Raises:
            ValueError: the bytes are not a list.
        """
        try:
            families, starts, names, labels, roles = json.loads(zlib.decompress(data))
            rows = [Entry(*row) for row in zip(names, labels, roles, strict=True)]
            parts = [rows[starts[i] : starts[i + 1]] for i in range(len(families))]
            return cls([Family(*family) for family in families], parts)
        except (zlib.error, TypeError, IndexError) as error:
            raise ValueError(f"not a list of series: {type(error).__name__}") from None


def select(source: SeriesList, families: Iterable[int], roles: Sequence[int] | None = None) -> Ints:
    """Return the positions of whole families, or of their series with one of ``roles``."""
    ranges = [np.arange(source.starts[f], source.starts[f + 1]) for f in families]
    chosen: Ints = np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.intp)
    if roles is not None:
        chosen = chosen[np.isin(source.roles[chosen], roles)]
    return chosen
