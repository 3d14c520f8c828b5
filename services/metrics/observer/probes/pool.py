"""Pool of threads for probes: a bounded number of them, however many probes there are."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque

from services.metrics.observer.probes.watcher import Watcher

MAX_WORKERS = 64
"""Probes at once. 200 probes that all run into a time-out of 5 s still get their turn every 16 s."""
MAX_HANGING = 64
"""Workers that are replaced because their probe does not come back and cannot be interrupted."""
_RECHECK_SECONDS = 1.0


class ProbePool:
    """Runs each watcher at once and then every ``interval`` seconds until it is stopped.

    A worker is started when a probe is due and none is idle. A probe that hangs where nothing can
    interrupt it (a resolver, a dead disk) keeps its worker; up to :data:`MAX_HANGING` of those do not
    count, so they do not hold up the others. What is due while all are busy waits for its turn.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Watcher]] = []
        self._order = itertools.count()
        self._ready: deque[tuple[float, Watcher]] = deque()
        self._running: set[Watcher] = set()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._stopped = False

    def add(self, watcher: Watcher) -> None:
        """Probe now, and then at its interval."""
        with self._changed:
            if not self._threads and not self._stopped:
                self._start("probe-clock", self._keep_time)
            self._push(time.monotonic(), watcher)

    def stop(self, seconds: float) -> None:
        """End every probe and wait for the threads, ``seconds`` at most in all."""
        with self._changed:
            self._stopped = True
            pending = [watcher for _, _, watcher in self._due]
            for watcher in (*pending, *(w for _, w in self._ready), *self._running):
                watcher.stop()
            self._changed.notify_all()
            threads = list(self._threads)
        end = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _start(self, name: str, target: object) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _push(self, due: float, watcher: Watcher) -> None:
        heapq.heappush(self._due, (due, next(self._order), watcher))
        self._changed.notify_all()

    def _keep_time(self) -> None:
        """Move what is due to where workers take it, and see to it that there are workers."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                while self._due and self._due[0][0] <= now:
                    due, _, watcher = heapq.heappop(self._due)
                    if not watcher.stopped:
                        self._ready.append((due, watcher))
                self._provide_workers()
                wait = self._due[0][0] - now if self._due else None
                if self._ready:  # all are busy: one of them may come to hang meanwhile
                    wait = min(wait or _RECHECK_SECONDS, _RECHECK_SECONDS)
                self._changed.wait(wait)

    def _provide_workers(self) -> None:
        hanging = sum(1 for watcher in self._running if watcher.hangs)
        limit = MAX_WORKERS + min(hanging, MAX_HANGING)
        workers = len(self._threads) - 1
        missing = min(len(self._ready) - self._idle, limit - workers)
        for number in range(max(0, missing)):
            self._idle += 1
            self._start(f"probe-{workers + number + 1}", self._work)
        if self._ready:
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ready and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                due, watcher = self._ready.popleft()
                self._idle -= 1
                self._running.add(watcher)
            watcher.run_once()
            with self._changed:
                self._idle += 1
                self._running.discard(watcher)
                if not watcher.stopped:
                    self._push(max(due + watcher.probe.interval, time.monotonic()), watcher)
