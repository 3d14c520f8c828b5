"""A body whose lines are known: what stands before the values is compared, not parsed."""

from __future__ import annotations

import hashlib

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.lexer import is_number
from services.metrics.parsing.parsed import Parsed
from services.metrics.parsing.value_rules import faults
from services.metrics.protocol.push import RejectedFamily
from services.metrics.series.series_list import Floats, Ints, SeriesList

_NUMBER_BYTES = b"0123456789+-.eEInfNa"
_LINE_BYTES = 41
"""What a line takes in memory beside its text."""
MAX_KEPT_BYTES = 32 * 1024 * 1024
"""Lines that are longer together are not kept: such a body is read line by line each time."""


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

    Attributes:
        name: by which a sender may refer to the lines (``Dreamos-Series-List``); empty where the
            next body with the same lines might be read in another way.
        series: the list.
        rows: number of the body's line of each sample line, from 1.
        rejected: families of the body that were left out of the list.
        bytes: kept of the lines.
    """

    def __init__(self, parsed: Parsed, openmetrics: bool = False) -> None:
        self.series: SeriesList = parsed.series
        self.rows = parsed.rows
        self.rejected: tuple[RejectedFamily, ...] = parsed.rejected
        self.name = name_of(parsed.heads, openmetrics) if parsed.repeatable else ""
        self._order = _unless_identity(parsed.order, len(parsed.rows))
        self._lengths = [len(head) for head in parsed.heads]
        size = sum(self._lengths) + _LINE_BYTES * len(self._lengths)
        kept = parsed.plain and parsed.repeatable and size <= MAX_KEPT_BYTES
        self._heads = parsed.heads if kept else None
        self.bytes = size if kept else 0
        rows = set(parsed.rows)
        self._comments = [at for at in range(len(parsed.heads)) if at + 1 not in rows]

    @property
    def lines(self) -> int:
        """Number of sample lines."""
        return len(self.rows)

    def match(self, body: bytes) -> Floats | None:
        """Read the values of a body that differs from the known one in its values only.

        Returns:
            One value for each entry of :attr:`series`, or None when the body has other lines
            or a value that only the strict reader can judge.

        Raises:
            Rejected: ``value`` (see :meth:`arrange`).
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
        if not np.isfinite(values).all():
            # Python reads +NaN and 1e999, which Go refuses.
            odd = np.flatnonzero(~np.isfinite(values)).tolist()
            if not all(is_number(texts[at].decode()) for at in odd):
                return None
        return self.arrange(values)

    def arrange(self, values: Floats) -> Floats:
        """Put values in the order of the lines into the order of :attr:`series`.

        Raises:
            Rejected: ``value`` when one is not as its type wants it (see :func:`faults`).
        """
        ordered = values if self._order is None else values[self._order]
        for fault in faults(self.series, ordered):
            raise Rejected("value", fault.message, self._row(fault.entry))
        return ordered

    def _row(self, entry: int) -> int:
        return self.rows[entry if self._order is None else int(self._order[entry])]


def _unless_identity(order: Ints, lines: int) -> Ints | None:
    """Return the order, None where it changes nothing and leaves nothing out."""
    return None if np.array_equal(order, np.arange(lines)) else order
