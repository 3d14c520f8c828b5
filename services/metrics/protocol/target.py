"""What the target of a request line is about."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import PREFIX, GroupingKey, parse_path

_TWICE = PREFIX + "metrics/job/"


@lru_cache(maxsize=4096)
def target_of(raw: str, max_labels: int, max_value: int, max_name: int = 128) -> GroupingKey:
    """Return what a request line is about (see :func:`parse_path`); repeated ones are looked up.

    Args:
        raw: the target, still percent-encoded; scheme, host and query are passed over.
        max_labels: most labels.
        max_value: longest value of a label, in characters.
        max_name: longest name of one.

    Raises:
        Rejected: ``url`` or ``label``.
    """
    path = urlsplit(raw).path if not raw.startswith("/") else raw.partition("?")[0]
    if path.startswith(_TWICE):
        raise Rejected(
            "url",
            "the path begins with /metrics twice: the address that you configured ends in "
            "/metrics, which the client adds by itself; leave it out there",
        )
    return parse_path(path, max_labels, max_value, max_name)
