"""State of one dependency: each probe of it, and what it found."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from services.metrics.observer.probes.checks import check
from services.metrics.observer.probes.config import Probe
from services.metrics.observer.probes.result import ProbeResult

FLAPPING_CHANGES = 4  # so many changes between up and down ...
FLAPPING_WINDOW_SECONDS = 1800.0  # ... within so many seconds are called flapping
GRACE_SECONDS = (
    1.0  # seconds beyond its time-out after which a probe that has not come back has failed
)


@dataclass
class State:
    """What is known of one dependency; times are Unix seconds.

    ``up`` is None before the first answer.
    """

    up: bool | None = None
    reason: str = ""
    detail: str = "not probed yet"
    latency: float = 0.0
    expiry: float | None = None
    last_success: float = 0.0
    since: float = 0.0
    successes: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=100))

    def flapping(self, now: float) -> bool:
        """Whether it went up and down too often of late."""
        return sum(1 for t in self.recent if now - t < FLAPPING_WINDOW_SECONDS) >= FLAPPING_CHANGES


class Watcher:
    """One dependency and its probe; a pool runs it until :meth:`stop`.

    A probe that hangs where nothing can interrupt it (a resolver, a dead disk) is reported as down while it
    hangs, and not started a second time.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._state = State()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._began: float | None = None

    def stop(self) -> None:
        """Probe no more; a running command is killed."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """Whether it is to be probed no more."""
        return self._stopping.is_set()

    @property
    def hangs(self) -> bool:
        """Whether a probe has not come back although its time is over."""
        began = self._began
        return began is not None and time.monotonic() - began > self.probe.timeout + GRACE_SECONDS

    def state(self) -> State:
        """Return a copy of what is known now."""
        with self._lock:
            if self.hangs and self._state.reason != "timeout":
                limit = self.probe.timeout + GRACE_SECONDS
                self._take(ProbeResult("timeout", "the probe does not come back"), limit)
            state = State(**vars(self._state))
            state.failures, state.recent = Counter(state.failures), deque(state.recent)
            return state

    def run_once(self) -> ProbeResult:
        """Probe once, now, in this thread."""
        with self._lock:
            self._began = began = time.monotonic()
        result = check(self.probe, self._stopping)
        with self._lock:
            self._began = None
            if not self._stopping.is_set():
                self._take(result, time.monotonic() - began)
        return result

    def _take(self, result: ProbeResult, latency: float) -> None:
        state, now = self._state, time.time()
        if state.up is not result.up:
            if state.up is not None:
                state.changes += 1
                state.recent.append(now)
            state.up, state.since = result.up, now
        state.reason, state.detail, state.latency = result.reason, result.detail, latency
        state.expiry = result.expiry if result.expiry is not None else state.expiry
        if result.up:
            state.last_success = now
            state.successes += 1
        else:
            state.failures[result.reason] += 1
