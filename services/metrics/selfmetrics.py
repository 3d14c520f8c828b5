"""What the service counts about itself."""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric

from services.metrics import __version__
from services.metrics.errors import REASONS
from services.metrics.exposition.selection import REASONS as LEFT_OUT_REASONS
from services.metrics.exposition.selection import LeftOut, Totals
from services.metrics.front.connections import REASONS as CLOSED_REASONS
from services.metrics.settings import Settings
from services.metrics.store.store_metrics import StoreMetrics

_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class SelfMetrics:
    """The service's own metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry(auto_describe=False)
        self._registry = registry
        self.pushes = Counter(
            "dreamos_ingest_pushes_total",
            "Pushes by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.rejected = Counter(
            "dreamos_ingest_rejected_total",
            "Requests that were refused, by reason.",
            ["reason"],
            registry=registry,
        )
        self.samples = Counter(
            "dreamos_ingest_samples_total",
            "Samples taken from pushes.",
            registry=registry,
        )
        self.push_duration = Histogram(
            "dreamos_ingest_push_duration_seconds",
            "Time from the first byte of a push to its answer.",
            buckets=_LATENCY,
            registry=registry,
        )
        self.auth_failures = Counter(
            "dreamos_auth_failures_total",
            "Requests with a missing or wrong token, by what they wanted to do.",
            ["kind"],
            registry=registry,
        )
        self.agents = Gauge(
            "dreamos_agents",
            "Agents by state.",
            ["state"],
            registry=registry,
        )
        Gauge(
            "dreamos_build_info",
            "Version of the service; the value is always 1.",
            ["version"],
            registry=registry,
        ).labels(__version__).set(1)
        Gauge(
            "dreamos_service_start_time_seconds",
            "Unix time at which the service started.",
            registry=registry,
        ).set(time.time())
        self._front(registry)
        self._store(registry)
        self.store = StoreMetrics(registry)
        self._exposition(registry)
        self._start()

    def _front(self, registry: CollectorRegistry) -> None:
        self._connections = Gauge(
            "dreamos_connections",
            "Connections to the service.",
            registry=registry,
        )
        self._closed = Counter(
            "dreamos_connections_closed_total",
            "Connections that the service closed: too many, or something took too long.",
            ["reason"],
            registry=registry,
        )
        self._closed_seen: dict[str, int] = {}
        for reason in CLOSED_REASONS:
            self._closed.labels(reason)

    def _store(self, registry: CollectorRegistry) -> None:
        self._size = Gauge(
            "dreamos_store_size_bytes",
            "Size of the data file and its log.",
            registry=registry,
        )
        self.flush_duration = Histogram(
            "dreamos_store_flush_duration_seconds",
            "Duration of each write to the data file.",
            buckets=_LATENCY,
            registry=registry,
        )
        self._last_flush = Gauge(
            "dreamos_store_last_flush_timestamp_seconds",
            "When the data file was last known to be complete.",
            registry=registry,
        )
        self._flush_errors = Counter(
            "dreamos_store_flush_errors_total",
            "Writes to the data file that failed.",
            registry=registry,
        )
        self._errors_seen = 0

    def _exposition(self, registry: CollectorRegistry) -> None:
        self._shown = {
            what: Gauge(
                f"dreamos_exposition_{what}",
                f"{what.capitalize()} that a scrape shows, the bytes as an upper bound.",
                registry=registry,
            )
            for what in ("series", "bytes")
        }
        self._limits = {
            name: Gauge(name, text, registry=registry)
            for name, text in (
                ("dreamos_exposition_series_limit", "Series that a scrape may show."),
                ("dreamos_exposition_bytes_limit", "Bytes that a scrape may have."),
                ("dreamos_ingest_series_limit", "Series that one agent or group may have."),
            )
        }
        self._left_out = Gauge(
            "dreamos_exposition_left_out_groups",
            "Groups that scrapes leave out, by reason.",
            ["reason"],
            registry=registry,
        )

    def _start(self) -> None:
        """Show every known label value from the start, at zero."""
        for outcome in ("accepted", "stale", "rejected"):
            self.pushes.labels(outcome)
        for reason in REASONS:
            self.rejected.labels(reason)
        for kind in ("push", "read"):
            self.auth_failures.labels(kind)

    def agents_are(self, agents: dict[str, int]) -> None:
        """Set the number of agents by state."""
        for state, number in agents.items():
            self.agents.labels(state).set(number)

    def connections_are(self, number: int, closed: Mapping[str, int]) -> None:
        """Set the number of connections, and how many were closed since the start, by reason."""
        self._connections.set(number)
        for reason, count in dict(closed).items():
            self._closed.labels(reason).inc(count - self._closed_seen.get(reason, 0))
            self._closed_seen[reason] = count

    def disk_is(self, size: int, last_flush: float, errors: int) -> None:
        """Set what is known of the data file: bytes, Unix time, failed writes since the start."""
        self._size.set(size)
        self._last_flush.set(last_flush)
        self._flush_errors.inc(errors - self._errors_seen)
        self._errors_seen = errors

    def limits_are(self, settings: Settings) -> None:
        """Set the limits that the service works with."""
        self._limits["dreamos_exposition_series_limit"].set(settings.max_total_series)
        self._limits["dreamos_exposition_bytes_limit"].set(settings.max_scrape_bytes)
        self._limits["dreamos_ingest_series_limit"].set(settings.max_series)

    def exposition_is(self, totals: Totals, left_out: Iterable[LeftOut]) -> None:
        """Set what the last scrape showed, and what it left out."""
        self._shown["series"].set(totals.series)
        self._shown["bytes"].set(totals.bytes)
        found = Counts(group.reason for group in left_out)
        for reason in LEFT_OUT_REASONS:
            self._left_out.labels(reason).set(found[reason])

    def families(self) -> list[Metric]:
        """Return everything as families."""
        return list(self._registry.collect())
