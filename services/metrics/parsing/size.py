"""Limits on bytes, lines and comments, held before any line of a body is read."""

from __future__ import annotations

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.settings import Settings

_NEWLINE = 10
_STRETCH_BYTES = 262_144
"""Searched for lines at once; a body that is far too long is not searched whole."""
_BEGINS_SAMPLE = np.ones(256, dtype=bool)
_BEGINS_SAMPLE[list(b"# \t\n")] = False
_LINES_OF_A_SERIES = 8
"""A series has up to two lines of samples; its family, where it has one to itself, six of comments
(HELP, TYPE, UNIT, how gauges are combined, TYPE of the time of beginning, an empty one)."""
_MORE_LINES = 1_000
_UTF8_BYTES = 4
"""Of one character, at most. An escaped one has two."""
_LINE_EXTRA_BYTES = 1_024
"""Value, exemplar, braces and blanks of a line."""


def max_lines(limits: Settings) -> int:
    """Return how many lines a body may have, comments and empty ones included."""
    return _LINES_OF_A_SERIES * limits.max_series + _MORE_LINES


def max_line_bytes(limits: Settings) -> int:
    """Return how long a line may be: one with every label that there may be, at its longest."""
    label = limits.max_label_name + _UTF8_BYTES * limits.max_label_value + len('="",')
    longest = limits.max_metric_name + limits.max_labels * label
    return max(longest, _UTF8_BYTES * limits.max_help) + _LINE_EXTRA_BYTES


def check_size(body: bytes, limits: Settings) -> None:
    """Refuse a body that has too many series or lines, without reading any.

    Args:
        body: decompressed.
        limits: of the service.

    Raises:
        Rejected: ``too_many_series``, or ``too_large`` for lines.
    """
    content = np.frombuffer(body, dtype=np.uint8)
    samples = lines = 0
    for at in range(0, len(content), _STRETCH_BYTES):
        ends = np.flatnonzero(content[at : at + _STRETCH_BYTES] == _NEWLINE) + at
        lines += len(ends)
        if len(ends) and ends[-1] + 1 == len(content):
            ends = ends[:-1]
        samples += int(np.count_nonzero(_BEGINS_SAMPLE[content[ends + 1]]))
        if samples > limits.max_series:
            raise Rejected("too_many_series", f"more than {limits.max_series} series")
        if lines > max_lines(limits):
            raise Rejected(
                "too_large", f"more than {max_lines(limits)} lines, most of them comments"
            )
