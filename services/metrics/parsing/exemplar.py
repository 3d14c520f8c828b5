"""Exemplars of OpenMetrics: read for their form; the service does not keep them."""

from __future__ import annotations

from services.metrics.errors import Rejected
from services.metrics.parsing.lexer import number, split_sample

_MAX_CHARACTERS = 128
"""Of all labels together, as OpenMetrics has it."""


def check_exemplar(text: str, at: int) -> None:
    """Read what follows `` # `` on a sample's line.

    Args:
        text: labels, value and perhaps a timestamp.
        at: number of the line.

    Raises:
        Rejected: ``parse``, ``label`` or ``value``.
    """
    if not text.startswith("{"):
        raise Rejected("parse", "an exemplar begins with its labels", at)
    line = split_sample("exemplar" + text, at, True)
    if sum(len(name) + len(value) for name, value in line.labels) > _MAX_CHARACTERS:
        most = f"longer than {_MAX_CHARACTERS} characters"
        raise Rejected("parse", f"the labels of an exemplar are {most}", at)
    parts = line.rest.split(" ")
    if len(parts) > 2:
        raise Rejected("parse", "an exemplar has a value and at most a timestamp", at)
    for part in parts:
        number(part, at)
