"""Queues, caches and calls of other services: what makes an agent fast or slow.

    from dreamos_metrics import api_call, cache, queue

    inbox = queue("inbox").watch(length=lambda: len(messages))
    inbox.enqueued()
    inbox.processed("success")

    prompts = cache("prompts")
    prompts.hit() if found else prompts.miss()

    with api_call("github"):               # outcome: success, error or timeout
        session.get(...)

Throughput is the rate of these counters; response times are the histograms. Names of queues, caches
and services become labels: over 100 distinct ones become `(other)`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from dreamos_metrics.instrumentation.capped_label import CappedLabel, is_number
from dreamos_metrics.instrumentation.spans import Span, outcome
from dreamos_metrics.metrics import snapshot_hooks
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import Histogram

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

__all__ = ["Cache", "Queue", "api_call", "cache", "queue"]

QueueOutcome = Literal["success", "error"]

API_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 90, 120, 300)

_length = Gauge("dreamos_queue_length", "Entries that wait in the queue", ["queue"])
_oldest = Gauge(
    "dreamos_queue_oldest_age_seconds",
    "Age of the entry that has waited longest",
    ["queue"],
    multiprocess_mode="max",
)
_enqueued = Counter("dreamos_queue_enqueued_total", "Entries put into the queue", ["queue"])
_processed = Counter(
    "dreamos_queue_processed_total", "Entries taken and dealt with", ["queue", "outcome"]
)
_hits = Counter("dreamos_cache_hits_total", "Look-ups that the cache answered", ["cache"])
_misses = Counter("dreamos_cache_misses_total", "Look-ups that it could not answer", ["cache"])
_api_seconds = Histogram(
    "dreamos_api_request_duration_seconds",
    "How long calls of other services took",
    ["service", "outcome"],
    buckets=API_BUCKETS,
)
_queue_name = CappedLabel("queue")
_cache_name = CappedLabel("cache")
_service_name = CappedLabel("service")
_outcome = CappedLabel("outcome", cap=10)


class Queue:
    """The figures of one queue."""

    def __init__(self, name: str) -> None:
        self._name = _queue_name(name)

    def length(self, entries: float) -> None:
        """Say how many entries wait now. What has been delivered and is kept does not wait."""
        _set(_length, self._name, entries)

    def oldest_age(self, seconds: float) -> None:
        """Say for how long the oldest waiting entry has waited; 0 when none waits."""
        _set(_oldest, self._name, seconds)

    def enqueued(self, entries: int = 1) -> None:
        """Count entries that were put in."""
        _enqueued.labels(self._name).inc(entries)

    def processed(self, outcome: QueueOutcome = "success", entries: int = 1) -> None:
        """Count entries that were taken and dealt with."""
        _processed.labels(self._name, _outcome(outcome)).inc(entries)

    def watch(
        self,
        *,
        length: Callable[[], float] | None = None,
        oldest_age: Callable[[], float] | None = None,
    ) -> Queue:
        """Ask these functions before each push, instead of being told at each change.

        They run in the pushing thread, so they must be quick and safe there. One that raises is
        counted as an error of the client and asked again the next time. Watching again replaces
        what was watched before.
        """
        if length is not None:
            _watch(f"length {self._name}", lambda: self.length(length()))
        if oldest_age is not None:
            _watch(f"age {self._name}", lambda: self.oldest_age(oldest_age()))
        return self


class Cache:
    """The hits and misses of one cache."""

    def __init__(self, name: str) -> None:
        self._name = _cache_name(name)

    def hit(self, count: int = 1) -> None:
        """Count look-ups that the cache answered."""
        _hits.labels(self._name).inc(count)

    def miss(self, count: int = 1) -> None:
        """Count look-ups that it could not answer."""
        _misses.labels(self._name).inc(count)

    def watch(self, function: _lru_cache_wrapper[Any]) -> Cache:
        """Count the hits and misses of a function under `functools.lru_cache` or `cache`.

        Its own figures are read before each push, so a call costs nothing more. `cache_clear` sets
        them back, and counting goes on from there. Watching it again changes nothing.
        """
        reader = _readers.get(self._name)
        if reader is None or reader.function is not function:
            _readers[self._name] = reader = _CacheReader(self, function)
            _watch(f"cache {self._name}", reader.read)
        return self


class _CacheReader:
    """Turns the totals of an lru_cache, which can fall back to zero, into counts that only rise."""

    def __init__(self, cache: Cache, function: _lru_cache_wrapper[Any]) -> None:
        self.function = function
        self._cache = cache
        self._hits = self._misses = 0

    def read(self) -> None:
        """Count what came since the last reading."""
        info = self.function.cache_info()
        self._cache.hit(info.hits - self._hits if info.hits >= self._hits else info.hits)
        self._cache.miss(info.misses - self._misses if info.misses >= self._misses else info.misses)
        self.skip()

    def skip(self) -> None:
        """Leave out what came until now: in a forked child it is the parent's."""
        self._hits, self._misses, *_ = self.function.cache_info()


_readers: dict[str, _CacheReader] = {}
_watched: dict[str, Callable[[], object]] = {}


def _watch(key: str, read: Callable[[], object]) -> None:
    before = _watched.get(key)
    if before is not None:
        snapshot_hooks.remove_hook(before)
    _watched[key] = snapshot_hooks.on_snapshot(read)


def _skip_the_parents_counts() -> None:
    for reader in _readers.values():
        reader.skip()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_skip_the_parents_counts)


def queue(name: str) -> Queue:
    """Return the figures of the queue `name`; asking twice gives the same figures."""
    return Queue(name)


def cache(name: str) -> Cache:
    """Return the figures of the cache `name`; asking twice gives the same figures."""
    return Cache(name)


def api_call(service: str) -> Span:
    """Return a block or decorator that measures one call of another service.

    The outcome is `success`, `error`, `cancelled` (stopped from outside, as by `asyncio`), or
    `timeout`: for `TimeoutError`, and for any exception with `Timeout` in the name of its class or
    of a base class, as the HTTP libraries have it. An answer that is an error without an exception:
    `call.fail("HTTP503")`.
    """
    return Span(_ApiCallRecorder(service))


class _ApiCallRecorder:
    def __init__(self, service: str) -> None:
        self._service = service

    def begin(self, span: Span) -> None:
        pass

    def end(self, span: Span, seconds: float, error: object) -> None:
        how = outcome(error)
        if how == "error" and _is_timeout(error):
            how = "timeout"
        _api_seconds.labels(_service_name(self._service), how).observe(seconds)


def _is_timeout(error: object) -> bool:
    if isinstance(error, BaseException):
        return any("Timeout" in base.__name__ for base in type(error).__mro__)
    return "Timeout" in str(error)


def _set(gauge: Gauge, name: str, value: float) -> None:
    if is_number(value) and value >= 0:
        gauge.labels(name).set(value)
    else:
        record_error("value", "a queue's length and age are numbers, 0 or more")
