"""Scheduler of collectors: each in a thread of its own, and a record of how that went.

A slow or hanging collector (a dead network mount, say) therefore delays neither another collector nor a
scrape: what the collector said last goes on being shown, and
``dreamos_collector_last_success_timestamp_seconds`` tells how old that is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder

log = logging.getLogger(__name__)

Sink = Callable[[str, Iterable[Metric]], None]
SELF = "collectors"


class Collector(Protocol):
    """What the scheduler runs: a name, a pause in seconds, and a way to collect."""

    name: str
    interval: float

    def collect(self) -> Iterable[Metric]:
        """Return every family of this collector, complete."""
        ...


@dataclass
class Record:
    """What became of one collector's runs so far; times in seconds, by the wall clock where a time of day."""

    interval: float
    successes: int = 0
    failures: int = 0
    duration: float = 0.0
    cpu: float = 0.0
    last_success: float = 0.0
    last_error: str = ""


class Scheduler:
    """Runs each collector at once and then every ``interval`` seconds until :meth:`stop`.

    What a collector raises is logged once for as long as the text stays the same, and counted; it never leaves the
    thread. The scheduler's own figures go to the sink under the name ``collectors``.
    """

    def __init__(self, collectors: Iterable[Collector], sink: Sink) -> None:
        self._collectors = list(collectors)
        self._sink = sink
        self._records = {c.name: Record(c.interval) for c in self._collectors}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(c,), name=f"collector-{c.name}", daemon=True)
            for c in self._collectors
        ]

    def start(self) -> None:
        """Start one daemon thread for each collector."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Ask every thread to end and wait at most ``timeout`` seconds in all; a hanging one is left behind."""
        self._stopped.set()
        end = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def records(self) -> dict[str, Record]:
        """Return a copy of each collector's record, by name."""
        with self._lock:
            return {name: Record(**vars(record)) for name, record in self._records.items()}

    def run_once(self, collector: Collector) -> bool:
        """Run one collection now, in this thread; return whether it succeeded."""
        began, cpu = time.perf_counter(), time.thread_time()
        error = ""
        try:
            self._sink(collector.name, list(collector.collect()))
        except Exception as problem:  # noqa: BLE001 - one collector's fault must not end the others
            error = f"{type(problem).__name__}: {problem}"
            self._log(collector.name, error, problem)
        self._note(collector.name, time.perf_counter() - began, time.thread_time() - cpu, error)
        return not error

    def families(self) -> list[Metric]:
        """Return the scheduler's own metrics."""
        out = MetricBuilder()
        for name, record in self.records().items():
            _describe(out, {"collector": name}, record)
        return out.list()

    def _loop(self, collector: Collector) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            self.run_once(collector)
            try:
                self._sink(SELF, self.families())
            except Exception as problem:  # noqa: BLE001 - the same promise for our own figures
                log.warning("the collectors' own figures were refused: %s", problem)
            due = max(due + collector.interval, time.monotonic())
            self._stopped.wait(due - time.monotonic())

    def _note(self, name: str, duration: float, cpu: float, error: str) -> None:
        with self._lock:
            record = self._records.setdefault(name, Record(0.0))
            record.duration, record.last_error = duration, error
            record.cpu += cpu
            if error:
                record.failures += 1
            else:
                record.successes += 1
                record.last_success = time.time()

    def _log(self, name: str, error: str, problem: Exception) -> None:
        with self._lock:
            repeated = name in self._records and self._records[name].last_error == error
        if not repeated:
            log.warning("collector %s failed: %s", name, error, exc_info=problem)


def _describe(out: MetricBuilder, labels: dict[str, str], record: Record) -> None:
    for outcome, count in (("success", record.successes), ("failure", record.failures)):
        out.counter(
            "dreamos_collector_runs_total",
            "Collections by outcome.",
            count,
            {**labels, "outcome": outcome},
        )
    out.gauge(
        "dreamos_collector_duration_seconds",
        "How long the last collection took.",
        record.duration,
        labels,
    )
    out.counter(
        "dreamos_collector_cpu_seconds_total",
        "CPU time spent collecting, the hand-over to the store included.",
        record.cpu,
        labels,
    )
    out.gauge(
        "dreamos_collector_last_success_timestamp_seconds",
        "When a collection last succeeded; 0 before the first.",
        record.last_success,
        labels,
    )
