"""The parts of the service, put together; what the routes work with."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from prometheus_client.core import Metric

from services.metrics.alert_history import AlertHistory
from services.metrics.alerts import AlertWatch
from services.metrics.audit import AuditLog
from services.metrics.auth import Authenticator
from services.metrics.errors import Rejected
from services.metrics.exposition.scrape import Exposition
from services.metrics.front.connections import ConnectionTable
from services.metrics.health import Component, Health
from services.metrics.maintenance import Maintenance
from services.metrics.observer.supervisor import Collectors, start_all
from services.metrics.selfmetrics import SelfMetrics
from services.metrics.series.view import View
from services.metrics.settings import Settings
from services.metrics.store.data_dir_lock import claim
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.store import Store
from services.metrics.store.views import ViewKey

MAX_LEFT_OUT_SHOWN = 20
"""Groups that /health names."""
TAKEOVER_SECONDS = 15.0
"""How long a worker that gunicorn starts anew waits for the one before it to write everything."""


class Service:
    """Settings, store, tokens, audit log, health and exposition of one running service.

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
        self.auth = Authenticator(
            settings.push_token_file,
            settings.read_token_file,
            settings.max_auth_failures,
            lambda kind, outcome, reason: self._reloaded(f"{kind} tokens", outcome, reason),
        )
        self.metrics = SelfMetrics()
        self.metrics.limits_are(settings)
        self._claim = claim(settings.data_dir, TAKEOVER_SECONDS)
        self.disk = SqliteStorage(settings.data_dir)
        self.store = Store(settings, self.disk)
        self.store.flusher.observe = self.metrics.flush_duration.observe
        self.maintenance = Maintenance(self.store, self.disk, settings)
        self.health = Health()
        self.health.register("store", self._store_health, own=True)
        self.health.register("disk", self._disk_health, own=True)
        self.health.register("exposition", self._exposition_health, own=True)
        self.exposition = Exposition(self._views, settings=settings)
        self.store.on_list = self.exposition.prepare
        self.audit = AuditLog(settings.data_dir, partial(self.sink, "audit"))
        self.alerts = AlertWatch(settings.alertmanager_url)
        self.alert_history = AlertHistory(settings.prometheus_url)
        self.connections: ConnectionTable | None = None
        """Those of the front; None where another server is in front."""
        self._collectors: Collectors | None = None
        self._stopped = False

    def start(self) -> None:
        """Start what runs beside the requests."""
        self.maintenance.start()
        self._collectors = start_all(self.sink, self.settings, self._reloaded)
        for name, check in self._collectors.components().items():
            self.health.register(name, check)

    def stop(self) -> None:
        """Write everything and give the data folder up; a second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        if self._collectors is not None:
            self._collectors.stop()
        self.maintenance.stop()
        self.store.close()
        self.disk.close()
        self._claim.close()

    def sink(self, name: str, families: Iterable[Metric]) -> None:
        """Take what a collector found (see :meth:`Store.replace_local`)."""
        self.store.replace_local(name, families)

    def count_rejection(self, rejection: Rejected, push: bool) -> None:
        """Count a rejected request by its reason."""
        self.metrics.rejected.labels(rejection.reason).inc()
        if push:
            self.metrics.pushes.labels("rejected").inc()

    def _reloaded(self, what: str, outcome: str, reason: str) -> None:
        """Record that a file was read again, or could not be."""
        self.audit.record("reload", "service", what, outcome, reason)

    def _views(self) -> dict[ViewKey, View]:
        flusher = self.store.flusher
        self.metrics.agents_are(self.store.agents())
        self.metrics.disk_is(self.disk.size, flusher.last_success, flusher.errors)
        incomplete = bool(self.disk.complaint)
        self.metrics.store.update(self.store.totals(), self.store.rejections.counts, incomplete)
        self.metrics.exposition_is(*self.exposition.shown)
        if self.connections is not None:
            self.metrics.connections_are(len(self.connections), self.connections.closed)
        self.store.replace_local("service", self.metrics.families())
        return self.store.views()

    def _store_health(self) -> Component:
        counts = self.store.agents()
        if not self.maintenance.alive:
            return Component("unhealthy", "the thread that looks after the store has ended")
        return Component("healthy", "takes pushes", agents=counts)

    def _disk_health(self) -> Component:
        flusher = self.store.flusher
        if flusher.last_error:
            return Component("unhealthy", "the data file cannot be written")
        if self.disk.damaged is not None:
            detail = "the data file was damaged at the start; it was put aside, a new one is used"
            return Component("degraded", detail)
        if self.disk.complaint:
            return Component("degraded", self.disk.complaint)
        return Component("healthy", "written", last_write=flusher.last_success)

    def _exposition_health(self) -> Component:
        left_out = self.exposition.left_out()
        if not left_out:
            return Component("healthy", "scrapes show every group")
        shown = [
            {"group": found.prefix, "reason": found.reason, "detail": found.message}
            for found in left_out[:MAX_LEFT_OUT_SHOWN]
        ]
        detail = f"scrapes leave out {len(left_out)} groups"
        return Component("degraded", detail, left_out=shown)
