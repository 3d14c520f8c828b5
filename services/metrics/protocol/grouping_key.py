"""The grouping key: the labels that a push carries in its URL."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from services.metrics.errors import Rejected

PREFIX = "/metrics/"
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
POINT_LABELS = frozenset(("le", "quantile"))
"""Labels by which the series of one metric differ; a group cannot have them."""
MAX_INCARNATION = 64
"""Characters."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class GroupingKey:
    """What a push is about.

    Args:
        labels: the grouping labels without ``incarnation``, sorted by name, none of them empty
            (an empty label is the same as none).
        incarnation: the process, or None for a plain group.
    """

    labels: Labels
    incarnation: str | None

    @property
    def agent(self) -> str | None:
        """The agent's name, if the group names one."""
        return dict(self.labels).get("agent")


def parse_path(
    raw: str, max_labels: int = 30, max_value: int = 2_048, max_name: int = 128
) -> GroupingKey:
    """Read ``/metrics/job/<job>{/<label>/<value>}`` as it stands in the request line.

    Args:
        raw: the path, still percent-encoded, without the query. It must not be decoded before:
            a value may hold an encoded slash only in its ``@base64`` form, but ``%2F`` in a
            plain value belongs to the value.
        max_labels: most labels of a grouping key.
        max_value: longest value, in characters.
        max_name: longest name of a label.

    Raises:
        Rejected: ``url`` or ``label``, with what is wrong.
    """
    if not raw.startswith(PREFIX):
        raise Rejected("url", "the path must begin with /metrics/job/<job>")
    parts = raw[len(PREFIX) :].split("/")
    if parts and parts[-1] == "" and len(parts) % 2:
        parts.pop()
    if len(parts) % 2 and parts[0] != "metrics":
        raise Rejected("url", _no_value(_plain(parts[-1])))
    labels: dict[str, str] = {}
    for position in range(0, len(parts), 2):
        if position == 0 and parts[0] == "metrics":
            raise Rejected("url", "the path has /metrics twice; clients add it to the address")
        name, value = _pair(parts[position], parts[position + 1])
        if position == 0 and name != "job":
            raise Rejected("url", "the first label of the path must be job")
        if name in POINT_LABELS:
            raise Rejected("label", f"{name} belongs to a histogram or a summary, not into a path")
        if len(name) > max_name:
            raise Rejected("label", f"the label {name[:40]} is longer than {max_name} characters")
        if name in labels:
            raise Rejected("label", f"the label {name} stands twice in the path")
        if len(value) > max_value:
            raise Rejected("label", f"the value of {name} is longer than {max_value} characters")
        labels[name] = value
    return _target(labels, max_labels)


def _no_value(name: str) -> str:
    if name == "metrics":
        return "the address ends in /metrics; clients add /metrics/job/<job> to it themselves"
    return f"the label {name[:40]!r} has no value in the path"


def _target(labels: dict[str, str], max_labels: int) -> GroupingKey:
    if not labels.get("job"):
        raise Rejected("url", "the job name is empty")
    if len(labels) > max_labels:
        raise Rejected("label", f"more than {max_labels} labels in the path")
    incarnation = labels.pop("incarnation", None)
    if incarnation is not None:
        if not labels.get("agent"):
            raise Rejected("url", "incarnation needs the label agent beside it")
        if not 1 <= len(incarnation) <= MAX_INCARNATION:
            raise Rejected("url", f"incarnation must have 1 to {MAX_INCARNATION} characters")
    present = sorted((name, value) for name, value in labels.items() if value)
    return GroupingKey(tuple(present), incarnation)


def _pair(raw_name: str, raw_value: str) -> tuple[str, str]:
    name = _plain(raw_name)
    encoded = name.endswith("@base64")
    if encoded:
        name = name[: -len("@base64")]
    if not LABEL_NAME.fullmatch(name) or name.startswith("__"):
        raise Rejected("label", f"{name[:40]!r} in the path is not a label name")
    if encoded:
        return name, _base64(name, _plain(raw_value))
    if raw_value == "":
        raise Rejected("url", f"the value of {name} is empty; write {name}@base64/= for that")
    return name, _plain(raw_value)


def _plain(raw: str) -> str:
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("utf8", "the path is not UTF-8") from None


def _base64(name: str, value: str) -> str:
    stripped = value.rstrip("=")
    try:
        padding = "=" * (-len(stripped) % 4)
        raw = base64.b64decode(stripped + padding, altchars=b"-_", validate=True)
        return raw.decode("utf-8")
    except (binascii.Error, ValueError):
        raise Rejected("url", f"the value of {name} is not base64 (URL-safe) of UTF-8") from None
