"""What a sample line may hold: how many labels, how long, and one value."""

from __future__ import annotations

import re

from services.metrics.errors import Rejected
from services.metrics.parsing.exemplar import check_exemplar
from services.metrics.parsing.lexer import Line, number
from services.metrics.settings import Settings

_BLANKS = re.compile(r"[ \t]+")


def check_limits(found: Line, limits: Settings, at: int) -> None:
    """Hold a line's names and labels against the limits.

    Raises:
        Rejected: ``name`` or ``label``.
    """
    if len(found.name) > limits.max_metric_name:
        most = limits.max_metric_name
        raise Rejected("name", f"{found.name[:40]}… has more than {most} characters", at)
    if len(found.labels) > limits.max_labels:
        raise Rejected("label", f"more than {limits.max_labels} labels", at)
    for name, value in found.labels:
        if len(name) > limits.max_label_name:
            most = limits.max_label_name
            raise Rejected("label", f"the name {name[:40]}… has more than {most} characters", at)
        if len(value) > limits.max_label_value:
            most = limits.max_label_value
            raise Rejected("label", f"the label {name} has more than {most} characters", at)


def value_of(rest: str, at: int, openmetrics: bool) -> tuple[float, bool]:
    """Read what follows the labels.

    Returns:
        The value, and whether it is all there is: no exemplar, no blanks.

    Raises:
        Rejected: ``value``, ``timestamp`` or ``parse``.
    """
    plain = True
    if openmetrics:
        rest, mark, exemplar = rest.partition(" # ")
        if mark:
            plain = False
            check_exemplar(exemplar, at)
    parts = rest.split(" ") if openmetrics else _BLANKS.split(rest.rstrip(" \t"))
    if len(parts) == 2:
        number(parts[1], at)
        raise Rejected("timestamp", "a pushed sample must not have a timestamp", at)
    if len(parts) != 1:
        raise Rejected("parse", "a value was expected and nothing after it", at)
    return number(parts[0], at), plain and parts[0] == rest
