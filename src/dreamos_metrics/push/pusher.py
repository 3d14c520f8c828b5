"""Pusher: the thread that sends a snapshot of this process again and again, and a last one."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import threading
import time
from pathlib import Path

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.internal_metrics import PUSHES
from dreamos_metrics.metrics.migration import migrate_to, subtract_reported
from dreamos_metrics.metrics.storage import MemoryStorage
from dreamos_metrics.push import spool_delivery
from dreamos_metrics.push.http import Response
from dreamos_metrics.push.protocol import header
from dreamos_metrics.push.sender import Sender
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.push.snapshot import Snapshot, SnapshotCollector
from dreamos_metrics.spool import spool_folder
from dreamos_metrics.spool.values_file import FileStorage

MAX_PAUSE_SECONDS = 60.0
#: Seconds between two looks into the spool folder, and that one look may take.
_SPOOL_SCAN_INTERVAL_SECONDS = 15.0
_SPOOL_SCAN_MAX_SECONDS = 2.0
_FINAL_SPOOL_SCAN_MAX_SECONDS = 1.0
#: After a push was refused, other libraries' metrics are left out for so many pushes: ours are
#: valid by construction.
_PUSHES_WITHOUT_THIRD_PARTY = 60


class Pusher:
    """Pushes this process as one incarnation of its agent until it is stopped."""

    def __init__(self, settings: Settings, folder: Path | None) -> None:
        self.settings = settings
        self.incarnation = os.urandom(12).hex()
        self.snapshot_collector = SnapshotCollector()
        self.folder = folder
        self._header: dict[str, object] = {
            "url": settings.url,
            "job": settings.job,
            "agent": settings.agent,
            "incarnation": self.incarnation,
            "pid": os.getpid(),
            "started": time.time(),
        }
        self.storage = FileStorage(folder, self._header) if folder is not None else MemoryStorage()
        self._sender = Sender(settings, self.incarnation)
        self._sequence = 0
        self._failures = 0
        self._pushes_without_third_party = 0
        self._next_scan = 0.0
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._stopping = False
        self._withdrawn = False
        self._accepted = False
        self._flushes: list[threading.Event] = []
        self._flush_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="dreamos-metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where this process pushes to."""
        return self.settings.url.rstrip("/") + self._sender.path

    def start(self) -> None:
        """Take over the values of this process and start the thread."""
        with REGISTRY.lock:
            subtract_reported()
            migrate_to(self.storage)
        self._thread.start()

    def start_in_fork(self) -> None:
        """Start the thread in a forked process, where there is nothing to take over."""
        REGISTRY.storage = self.storage
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Push now; return whether a push was accepted within `timeout` seconds."""
        done = threading.Event()
        with self._flush_lock:
            self._flushes.append(done)
        self._wake.set()
        return done.wait(timeout) and self._accepted

    def stop(self, timeout: float) -> bool:
        """Push the final snapshot and end; return whether that took at most `timeout` seconds."""
        self._stopping = True
        self._wake.set()
        return self._ended.wait(timeout)

    def withdraw(self, timeout: float) -> bool:
        """End in favour of another pusher: without a trace if nothing was pushed, else as `stop`."""
        self._withdrawn = True
        return self.stop(timeout)

    def abandon_in_fork(self) -> None:
        """Let go of what belongs to the parent process."""
        if isinstance(self.storage, FileStorage):
            self.storage.abandon()
        self._sender.connection.close()
        self._ended.set()

    def _run(self) -> None:
        # The first push comes soon, so that an agent is seen soon, but not all agents at the same
        # moment.
        pause = random.uniform(0, min(1.0, self.settings.interval))  # noqa: S311 - jitter
        try:
            while not self._stopping:
                self._wake.wait(pause)
                self._wake.clear()
                if not self._stopping:
                    self._push_once()
                    pause = self._pause()
            self._finish()
        finally:
            self._sender.connection.close()
            self._release_flushes()
            self._ended.set()

    def _push_once(self) -> None:
        with self._flush_lock:
            waiting, self._flushes = self._flushes, []
        snapshot = self._collect()
        self._accepted = snapshot is not None and self._push(snapshot, final=False)
        for done in waiting:
            done.set()
        if self._accepted and time.monotonic() >= self._next_scan:
            self._scan_spool(_SPOOL_SCAN_MAX_SECONDS)

    def _release_flushes(self) -> None:
        for done in self._flushes:
            done.set()

    def _finish(self) -> None:
        if self._withdrawn and not self._sequence:
            migrate_to(MemoryStorage())
            self._remove_file()
            return
        snapshot = self._collect()
        if snapshot is not None:
            with REGISTRY.lock:
                REGISTRY.reported = snapshot.by_series()
                migrate_to(MemoryStorage())
        self._accepted = snapshot is not None and self._push(snapshot, final=True)
        if self._accepted:
            self._remove_file()
            self._scan_spool(_FINAL_SPOOL_SCAN_MAX_SECONDS)
        elif snapshot is not None:
            self._keep_in_spool(snapshot)

    def _keep_in_spool(self, snapshot: Snapshot) -> None:
        """Spool the final snapshot; without a spool, what was counted is lost and not reported."""
        if self.folder is None:
            with REGISTRY.lock:
                REGISTRY.reported = {}
            return
        try:
            spool_folder.write_final(self.folder, self._header, self._sequence + 1, snapshot.text())
            self._remove_file()
            spool_folder.tidy(self.folder)
        except Exception as error:  # noqa: BLE001 - the values file stays for whoever is next
            record_error("no_spool", f"{type(error).__name__}: {error}")
            if isinstance(self.storage, FileStorage):
                self.storage.abandon()

    def _remove_file(self) -> None:
        if isinstance(self.storage, FileStorage):
            with contextlib.suppress(OSError):
                self.storage.remove()

    def _scan_spool(self, seconds: float) -> None:
        if self.folder is None:
            return
        jitter = random.uniform(0.8, 1.2)  # noqa: S311
        self._next_scan = time.monotonic() + _SPOOL_SCAN_INTERVAL_SECONDS * jitter
        try:
            with spool_delivery.scan_lock(self.folder) as alone:
                if alone:
                    settings = self.settings
                    spool_delivery.send_spooled(
                        self.folder,
                        settings.url,
                        settings.token,
                        seconds=seconds,
                        connection=self._sender.connection,
                    )
                    spool_folder.tidy(self.folder)
        except Exception as error:  # noqa: BLE001 - others' leftovers must not stop our pushes
            record_error("spool_broken", f"{type(error).__name__}: {error}")

    def _pause(self) -> float:
        if not self._failures:
            return self.settings.interval * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        longest = min(MAX_PAUSE_SECONDS, self.settings.interval * 2.0 ** min(self._failures, 16))
        return max(self.settings.interval, longest) * random.uniform(0.5, 1.0)  # noqa: S311

    def _collect(self) -> Snapshot | None:
        try:
            self._pushes_without_third_party = max(0, self._pushes_without_third_party - 1)
            return self.snapshot_collector.collect(
                with_third_party=not self._pushes_without_third_party
            )
        except Exception as error:  # noqa: BLE001 - the thread must live on
            record_error("snapshot_broken", f"{type(error).__name__}: {error}")
            return None

    def _push(self, snapshot: Snapshot, *, final: bool) -> bool:
        self._sequence += 1
        if isinstance(self.storage, FileStorage):
            self.storage.record_sequence(self._sequence)
        timeout = self.settings.exit_timeout if final else None
        try:
            response = self._sender.send(snapshot, self._sequence, final=final, timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            self._failed("failed", "push_failed", f"{self.settings.url}: {error!r}")
            return False
        except Exception as error:  # noqa: BLE001 - the thread must live on
            self._failed("failed", "push_broken", f"{error!r}")
            return False
        if response.status == 200:
            self._failures = 0
            stale = header(response, "Dreamos-Result") == "stale"
            PUSHES.labels("stale" if stale else "accepted").inc()
            return True
        self._refused(response)
        return False

    def _refused(self, response: Response) -> None:
        if response.status == 400:
            self._pushes_without_third_party = _PUSHES_WITHOUT_THIRD_PARTY
        self._failed("refused", "push_refused", f"{response.status}: {response.text.strip()[:300]}")

    def _failed(self, outcome: str, reason: str, detail: str) -> None:
        self._failures += 1
        PUSHES.labels(outcome).inc()
        record_error(reason, detail)
