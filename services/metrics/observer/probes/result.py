"""Result of a probe, and the time that it has."""

from __future__ import annotations

import time
from dataclasses import dataclass

REASONS = (
    *("content", "dns", "error", "exit", "missing", "protocol", "refused"),
    *("stale", "status", "timeout", "tls", "unreachable"),
)


@dataclass(frozen=True)
class ProbeResult:
    """One answer.

    ``reason`` is empty when all is well, else one of :data:`REASONS`; ``detail`` is for a person and holds no address,
    path or secret; ``expiry`` is when the server's certificate runs out (Unix seconds).
    """

    reason: str = ""
    detail: str = ""
    expiry: float | None = None

    @property
    def up(self) -> bool:
        """Whether the dependency does what it should."""
        return not self.reason


class ProbeError(Exception):
    """A probe found a fault; carries the :class:`ProbeResult`."""

    def __init__(self, reason: str, detail: str, expiry: float | None = None) -> None:
        super().__init__(detail)
        self.result = ProbeResult(reason, detail, expiry)


class Deadline:
    """The moment by which a probe must have answered."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return time.monotonic() >= self._end

    def remaining(self) -> float:
        """Return the seconds that are left. Raises ProbeError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise ProbeError("timeout", "no answer in time")
        return left
