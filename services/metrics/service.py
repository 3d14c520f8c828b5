"""The parts of the service, put together; what the routes work with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from prometheus_client.core import Metric

from services.metrics.access import Access
from services.metrics.errors import Refused
from services.metrics.exposition.scrape import Exposition
from services.metrics.health import Component, Health
from services.metrics.selfmetrics import SelfMetrics
from services.metrics.settings import Settings
from services.metrics.store.group import View
from services.metrics.store.store import Store, ViewKey

SWEEP_INTERVAL = 1.0
"""Seconds between two looks for silent agents."""

_log = logging.getLogger("dreamos.metrics")


class Service:
    """Settings, store, access, health and exposition of one running service.

    Args:
        settings: what was chosen.

    Raises:
        TokenFileError: a configured token file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.access = Access(
            settings.push_token_file, settings.read_token_file, settings.max_auth_failures
        )
        self.metrics = SelfMetrics()
        self.store = Store(settings)
        self.health = Health()
        self.health.register("store", self._store_health)
        self.exposition = Exposition(self._views)
        self._stop = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start what runs beside the requests."""
        self._sweeper.start()

    def stop(self) -> None:
        """Stop it again and wait for it; a second call does nothing."""
        self._stop.set()
        if self._sweeper.is_alive():
            self._sweeper.join(timeout=5)

    def sink(self, name: str, families: Iterable[Metric]) -> None:
        """Take what a collector found (see :meth:`Store.replace_local`)."""
        self.store.replace_local(name, families)

    def count_refusal(self, refusal: Refused, push: bool) -> None:
        """Count a refused request by its reason."""
        self.metrics.rejected.labels(refusal.reason).inc()
        if push:
            self.metrics.pushes.labels("rejected").inc()

    def _views(self) -> dict[ViewKey, View]:
        self.store.replace_local("service", self.metrics.families(self.store.agents()))
        return self.store.views()

    def _sweep(self) -> None:
        while not self._stop.wait(SWEEP_INTERVAL):
            try:
                self.store.sweep()
            except Exception:  # noqa: BLE001  (the thread must outlive one failure)
                _log.exception("looking for silent agents failed; it is tried again")

    def _store_health(self) -> Component:
        counts = self.store.agents()
        if not self._sweeper.is_alive():
            return Component("unhealthy", "the thread that looks for silent agents has ended")
        return Component("healthy", "takes pushes", agents=counts)
