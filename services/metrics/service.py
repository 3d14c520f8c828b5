"""The parts of the service, put together; what the routes work with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client.core import Metric

from services.metrics.auth import Authenticator
from services.metrics.collectors import Collectors, start_all
from services.metrics.errors import Rejected
from services.metrics.exposition.scrape import Exposition
from services.metrics.health import Component, Health
from services.metrics.maintenance import Maintenance
from services.metrics.scrape_priority import ScrapePriority
from services.metrics.selfmetrics import SelfMetrics
from services.metrics.settings import Settings
from services.metrics.store.data_dir_lock import claim
from services.metrics.store.group import View
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.store import Store
from services.metrics.store.views import ViewKey
from services.metrics.tarpit import Tarpit


class Service:
    """Settings, store, access, health and exposition of one running service.

    Args:
        settings: what was chosen.

    Raises:
        TokenFileError: a configured token file cannot be used.
        FolderTakenError: another service uses the data folder.
        OSError: the data folder cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.time()
        self.access = Authenticator(
            settings.push_token_file, settings.read_token_file, settings.max_auth_failures
        )
        self.brake = Tarpit(settings.threads // 4)
        self.metrics = SelfMetrics()
        self._claim = claim(settings.data_dir)
        self.disk = SqliteStorage(settings.data_dir)
        self.turns = ScrapePriority()
        self.store = Store(settings, self.disk, turns=self.turns)
        self.store.flusher.observe = self.metrics.flush_duration.observe
        self.upkeep = Maintenance(self.store, self.disk, settings)
        self.health = Health()
        self.health.register("store", self._store_health)
        self.health.register("disk", self._disk_health)
        self.exposition = Exposition(self._views, self.turns)
        self.store.on_list = self.exposition.prepare
        self._collectors: Collectors | None = None
        self.on_reload: Callable[[str, str, str], None] = lambda what, outcome, reason: None
        """Told of a file that was read again: which, ``accepted`` or ``failed``, and why; to be set
        before :meth:`start`."""
        self._stopped = False

    def start(self) -> None:
        """Start what runs beside the requests."""
        self.upkeep.start()
        self._collectors = start_all(self.sink, self.settings, self.on_reload)
        for name, check in self._collectors.components().items():
            self.health.register(name, check)

    def stop(self) -> None:
        """Write everything and give the data folder up; a second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        if self._collectors is not None:
            self._collectors.stop()
        self.upkeep.stop()
        self.store.close()
        self.disk.close()
        self._claim.close()

    def sink(self, name: str, families: Iterable[Metric]) -> None:
        """Take what a collector found (see :meth:`Store.replace_local`)."""
        self.store.replace_local(name, families)

    def count_refusal(self, refusal: Rejected, push: bool) -> None:
        """Count a refused request by its reason."""
        self.metrics.rejected.labels(refusal.reason).inc()
        if push:
            self.metrics.pushes.labels("rejected").inc()

    def _views(self) -> dict[ViewKey, View]:
        flusher = self.store.flusher
        self.metrics.agents_are(self.store.agents())
        self.metrics.disk_is(self.disk.size, flusher.last_success, flusher.errors)
        self.store.replace_local("service", self.metrics.families())
        return self.store.views()

    def _store_health(self) -> Component:
        counts = self.store.agents()
        if not self.upkeep.alive:
            return Component("unhealthy", "the thread that looks after the store has ended")
        return Component("healthy", "takes pushes", agents=counts)

    def _disk_health(self) -> Component:
        flusher = self.store.flusher
        if flusher.last_error:
            return Component("unhealthy", "the data file cannot be written")
        if self.disk.damaged is not None:
            detail = "the data file was damaged at the start; it was put aside, a new one is used"
            return Component("degraded", detail)
        return Component("healthy", "written", last_write=flusher.last_success)
