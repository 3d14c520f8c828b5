"""Why the service says no: one exception, and the fixed list of reasons that are counted."""

from __future__ import annotations

REASONS: dict[str, int] = {
    "parse": 400,
    "utf8": 400,
    "type": 400,
    "duplicate": 400,
    "label": 400,
    "name": 400,
    "reserved": 400,
    "value": 400,
    "timestamp": 400,
    "inconsistent": 400,
    "url": 400,
    "header": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "origin": 403,
    "unknown_list": 409,
    "too_large": 413,
    "content_type": 415,
    "encoding": 415,
    "throttled": 429,
    "too_many_series": 429,
    "churn": 429,
    "stopping": 503,
    "disk": 503,
    "busy": 503,
}
"""Every value of the label ``reason`` of ``dreamos_ingest_rejected_total``, with its HTTP status."""


class Rejected(Exception):  # noqa: N818  (it is an answer, not a fault of the service)
    """A request that changes nothing; the sender is told why.

    Args:
        reason: one of :data:`REASONS`; it becomes a label value.
        message: one sentence for the sender. Never a token or a path of this machine.
        line: number of the offending line of the body, from 1, when there is one.
    """

    def __init__(self, reason: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.line = line

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the reason."""
        return REASONS[self.reason]

    def __str__(self) -> str:
        """Return the sentence that is sent, with the line number in front."""
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{self.reason}: {where}{self.message}"
