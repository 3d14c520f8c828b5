"""A body whose lines are known: what stands before the values is compared, not parsed."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.text import Parsed
from services.metrics.series.series_list import Floats, SeriesList

_NUMBER_BYTES = b"0123456789+-.eEInfNa"


def name_of(heads: list[bytes], openmetrics: bool) -> str:
    """Return the name of a list of lines without their values; it depends on the format too."""
    digest = hashlib.blake2b(
        b"\n".join(heads), digest_size=12, person=b"om" if openmetrics else b""
    )
    return digest.hexdigest()


class BodyTemplate:
    """The lines of one body without their values: the form in which a sender repeats itself.

    Args:
        parsed: the body as it was read line by line.
        openmetrics: its format.
    """

    def __init__(self, parsed: Parsed, openmetrics: bool = False) -> None:
        self._openmetrics = openmetrics
        self.series: SeriesList = parsed.series
        self.rows = parsed.rows
        identity = np.arange(len(parsed.order))
        self._order = None if np.array_equal(parsed.order, identity) else parsed.order
        self._heads = parsed.heads if parsed.plain else None
        self._lengths = [len(head) for head in parsed.heads]
        self._all_heads = parsed.heads
        rows = set(parsed.rows)
        self._comments = [at for at in range(len(parsed.heads)) if at + 1 not in rows]

    @cached_property
    def name(self) -> str:
        """The name by which a sender may refer to this list of lines (``Dreamos-Series-List``)."""
        return name_of(self._all_heads, self._openmetrics)

    @property
    def lines(self) -> int:
        """Number of sample lines."""
        return len(self.rows)

    def match(self, body: bytes) -> Floats | None:
        """Read the values of a body that differs from the known one in its values only.

        Returns:
            One value for each entry of :attr:`series`, or None when the body has other lines
            or a value that only the strict reader can judge.
        """
        heads = self._heads
        if heads is None:
            return None
        lines = body.split(b"\n")
        if not lines[-1]:
            lines.pop()
        elif heads[-1:] != [b"# EOF"]:
            return None
        if len(lines) != len(heads) or not all(map(bytes.startswith, lines, heads)):
            return None
        if any(lines[at] != heads[at] for at in self._comments):
            return None
        ends = zip(lines, self._lengths, strict=True)
        texts = [line[n:] for line, n in ends if len(line) > n]
        if len(texts) != len(self.rows) or b"".join(texts).translate(None, _NUMBER_BYTES):
            return None
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            return None
        return self.arrange(values)

    def arrange(self, values: Floats) -> Floats:
        """Put values in the order of the lines into the order of :attr:`series`.

        Raises:
            Rejected: ``value`` when a counter is negative or not a finite number.
        """
        ordered = values if self._order is None else values[self._order]
        counts = ordered[self.series.counts]
        if len(counts) and not (counts.min() >= 0 and counts.max() < np.inf):
            self._refuse(counts)
        steps = self.series.steps
        if len(steps) and (ordered[steps] < ordered[steps - 1]).any():
            self._refuse_falling(ordered)
        return ordered

    def _refuse_falling(self, ordered: Floats) -> None:
        steps = self.series.steps
        entry = int(steps[np.flatnonzero(ordered[steps] < ordered[steps - 1])[0]])
        name = self.series.names[entry]
        raise Rejected(
            "value", f"{name}: a bucket counts less than a smaller one", self._row(entry)
        )

    def _row(self, entry: int) -> int:
        return self.rows[entry if self._order is None else int(self._order[entry])]

    def _refuse(self, counts: Floats) -> None:
        bad = int(np.flatnonzero(~((counts >= 0) & (counts < np.inf)))[0])
        entry = int(self.series.counts[bad])
        name = self.series.names[entry]
        message = f"{name}: a counter is a finite number, not below 0"
        raise Rejected("value", message, self._row(entry))
