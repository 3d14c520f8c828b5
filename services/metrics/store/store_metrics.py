"""Figures of the store about itself: what it holds, what it left out, what its file lacks."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.metrics.errors import REASONS


class StoreMetrics:
    """The store's own metrics.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rejected = Counter(
            "dreamos_ingest_rejected_families_total",
            "Families that were left out of snapshots, by reason; each push counts.",
            ["reason"],
            registry=registry,
        )
        for reason, status in REASONS.items():
            if status in (400, 429):
                self._rejected.labels(reason)
        self._held = {
            name: Gauge(f"dreamos_store_{name}", text, registry=registry)
            for name, text in (
                ("groups", "Agents and groups that are held, hidden ones included."),
                ("series", "Series of all agents and groups together."),
                ("memory_bytes", "Memory that these series take up, as it is estimated."),
                ("memory_limit_bytes", "Memory that series may take up, by the memory limit."),
                ("incomplete", "1 when the data file lacked writes at the start, else 0."),
            )
        }
        self._forgotten = Counter(
            "dreamos_store_forgotten_groups_total",
            "Agents that were forgotten with their totals, after a long silence.",
            registry=registry,
        )
        self._seen: dict[str, int] = {}

    def update(
        self, totals: Mapping[str, int], rejected: Mapping[str, int], incomplete: bool
    ) -> None:
        """Set everything.

        Args:
            totals: what :meth:`Store.totals` returns.
            rejected: families that were left out since the start, by reason.
            incomplete: the data file lacked writes at the start.
        """
        for name in ("groups", "series", "memory_bytes", "memory_limit_bytes"):
            self._held[name].set(totals[name])
        self._held["incomplete"].set(incomplete)
        self._forgotten.inc(self._more("", totals["forgotten"]))
        for reason, count in rejected.items():
            self._rejected.labels(reason).inc(self._more(reason, count))

    def _more(self, what: str, count: int) -> int:
        before, self._seen[what] = self._seen.get(what, 0), count
        return count - before
