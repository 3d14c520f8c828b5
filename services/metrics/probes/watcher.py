"""Runs each probe in a thread of its own and remembers what it found."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from .checks import check
from .config import Probe
from .result import ProbeResult

FLAPPING_CHANGES = 4  # so many changes between up and down ...
FLAPPING_WINDOW = 1800.0  # ... within so many seconds are called flapping
PATIENCE = (
    1.0  # seconds beyond its time-out after which a probe that has not come back counts as failed
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
        return sum(1 for t in self.recent if now - t < FLAPPING_WINDOW) >= FLAPPING_CHANGES


class Watcher:
    """Watches one dependency until :meth:`stop`.

    A probe that hangs where nothing can interrupt it (a resolver, a dead disk) is reported as down while it
    hangs, and not started a second time.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._state = State()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._began: float | None = None
        self._thread = threading.Thread(target=self._loop, name=f"probe-{probe.name}", daemon=True)

    def start(self) -> None:
        """Probe now and then every ``interval`` seconds."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; a running command is killed."""
        self._stopping.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread's end."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def state(self) -> State:
        """Return a copy of what is known now."""
        with self._lock:
            began = self._began
            limit = self.probe.timeout + PATIENCE
            if (
                began is not None
                and time.monotonic() - began > limit
                and self._state.reason != "timeout"
            ):
                self._take(ProbeResult("timeout", "the probe does not come back"), limit)
            state = State(**vars(self._state))
            state.failures, state.recent = Counter(state.failures), deque(state.recent)
            return state

    def run_once(self) -> ProbeResult:
        """Probe once, now, in this thread."""
        with self._lock:
            self._began = began = time.monotonic()
        finding = check(self.probe, self._stopping)
        with self._lock:
            self._began = None
            if not self._stopping.is_set():
                self._take(finding, time.monotonic() - began)
        return finding

    def _loop(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self.run_once()
            due = max(due + self.probe.interval, time.monotonic())
            self._stopping.wait(due - time.monotonic())

    def _take(self, finding: ProbeResult, latency: float) -> None:
        state, now = self._state, time.time()
        if state.up is not finding.up:
            if state.up is not None:
                state.changes += 1
                state.recent.append(now)
            state.up, state.since = finding.up, now
        state.reason, state.detail, state.latency = finding.reason, finding.detail, latency
        state.expiry = finding.expiry if finding.expiry is not None else state.expiry
        if finding.up:
            state.last_success = now
            state.successes += 1
        else:
            state.failures[finding.reason] += 1
