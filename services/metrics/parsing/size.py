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
_COMMENTS_OF_A_SERIES = 6
"""Of a series that is alone in its family: HELP, TYPE, UNIT, how gauges are combined, TYPE of the
time of beginning, an empty line."""
_MORE_COMMENTS = 1_000
_UTF8_BYTES = 4
"""Of one character, at most. An escaped one has two."""
_LINE_EXTRA_BYTES = 1_024
"""Value, exemplar, braces and blanks of a line."""


def max_comments(limits: Settings) -> int:
    """Return how many lines without a sample a body may have."""
    return _COMMENTS_OF_A_SERIES * limits.max_series + _MORE_COMMENTS


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
        Rejected: ``too_large``: too many lines without a sample; ``too_many_series``.
    """
    comments = sum(body.count(begin) for begin in (b"\n#", b"\n\n", b"\n ", b"\n\t"))
    if comments > max_comments(limits):
        most = max_comments(limits)
        raise Rejected("too_large", f"more than {most} lines are comments or begin with a blank")
    content = np.frombuffer(body, dtype=np.uint8)
    samples = 0
    for at in range(0, len(content), _STRETCH_BYTES):
        ends = np.flatnonzero(content[at : at + _STRETCH_BYTES] == _NEWLINE) + at
        if len(ends) and ends[-1] + 1 == len(content):
            ends = ends[:-1]
        samples += int(np.count_nonzero(_BEGINS_SAMPLE[content[ends + 1]]))
        if samples > limits.max_series:
            raise Rejected("too_many_series", f"more than {limits.max_series} series")
