"""Waiting loop with an end, for tests, benchmarks and tools.

On a machine with a load of 30 everything takes its time, so the ends are far away: who gets an answer
goes on at once, and only a failure waits that long.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import subprocess

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.05


class WaitedInVainError(AssertionError):
    """What was waited for did not come; the message tells the last answer."""


def eventually(
    question: Callable[[], T | None],
    *,
    within: float = PATIENCE_SECONDS,
    every: float = PAUSE_SECONDS,
    hopeless: Callable[[], object] | None = None,
) -> T:
    """Ask until the answer is true.

    Args:
        question: called again and again; an AssertionError, or no whole answer over the network, is "not yet".
        within: seconds; then the last answer is reported. It is asked at least twice.
        every: seconds between two questions.
        hopeless: asked in between; a true answer (an exit status, a log) ends the waiting at once.

    Returns:
        The first true answer.

    Raises:
        WaitedInVainError: with what was seen last.
    """
    deadline = time.monotonic() + within
    while True:
        # Looked at before asking: who was not scheduled for a minute asks once more afterwards.
        late = time.monotonic() > deadline
        try:
            last: object = question()
            if last:
                return last  # type: ignore[return-value]  # it is what question() gave
        except (AssertionError, OSError, http.client.HTTPException) as error:
            last = error
        if hopeless is not None and (reason := hopeless()):
            raise WaitedInVainError(f"it cannot come any more: {reason}; last answer: {last!r}")
        if late:
            raise WaitedInVainError(f"not within {within:.0f} s; last answer: {last!r}")
        time.sleep(every)


def eventually_equal(
    expected: object,
    question: Callable[[], object],
    *,
    within: float = PATIENCE_SECONDS,
    every: float = PAUSE_SECONDS,
) -> None:
    """Ask until the answer is `expected`; raises WaitedInVainError with the last one."""

    def as_expected() -> bool:
        found = question()
        if found != expected:
            raise AssertionError(f"expected {expected!r}, seen {found!r}")
        return True

    eventually(as_expected, within=within, every=every)


def ended(process: subprocess.Popen[bytes]) -> str:
    """Return how a process has ended, for `hopeless`; empty while it runs."""
    status = process.poll()
    return "" if status is None else f"process {process.pid} ended with {status}"
