"""The thread that pushes: a snapshot of this process, again and again, and a last one at the end."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import threading
import time
from pathlib import Path

from dreamos.core.metrics import _recovery, _spool
from dreamos.core.metrics._cells import MemoryStore
from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._family import REGISTRY
from dreamos.core.metrics._file import FileStore
from dreamos.core.metrics._http import Answer
from dreamos.core.metrics._move import move_all, take_off_reported
from dreamos.core.metrics._own import PUSHES
from dreamos.core.metrics._sender import Sender, header
from dreamos.core.metrics._settings import Settings
from dreamos.core.metrics._snapshot import Camera, Snapshot

LONGEST_PAUSE = 60.0
#: Seconds between two looks into the spool folder, and that one look may take.
_LOOK_EVERY = 15.0
_LOOK_SECONDS = 2.0
_LAST_LOOK_SECONDS = 1.0
#: After a push was refused, other libraries' metrics are left out for so many pushes: ours are valid by construction.
_WITHOUT_FOREIGN = 60


class Pusher:
    """Pushes this process as one incarnation of its agent until it is stopped."""

    def __init__(self, settings: Settings, folder: Path | None) -> None:
        self.settings = settings
        self.incarnation = os.urandom(12).hex()
        self.camera = Camera()
        self.folder = folder
        self._header: dict[str, object] = {
            "url": settings.url,
            "job": settings.job,
            "agent": settings.agent,
            "incarnation": self.incarnation,
            "pid": os.getpid(),
            "started": time.time(),
        }
        self.store = FileStore(folder, self._header) if folder is not None else MemoryStore()
        self._sender = Sender(settings, self.incarnation)
        self._sequence = 0
        self._failures = 0
        self._without_foreign = 0
        self._next_look = 0.0
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
            take_off_reported()
            move_all(self.store)
        self._thread.start()

    def start_in_fork(self) -> None:
        """Start the thread in a forked process, where there is nothing to take over."""
        REGISTRY.store = self.store
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Push now; return whether a push was accepted within ``timeout`` seconds."""
        done = threading.Event()
        with self._flush_lock:
            self._flushes.append(done)
        self._wake.set()
        return done.wait(timeout) and self._accepted

    def stop(self, timeout: float) -> bool:
        """Push the final snapshot and end; return whether that was over within ``timeout`` seconds."""
        self._stopping = True
        self._wake.set()
        return self._ended.wait(timeout)

    def withdraw(self, timeout: float) -> bool:
        """End in favour of another pusher: without a trace when nothing was pushed yet, else as `stop` does."""
        self._withdrawn = True
        return self.stop(timeout)

    def abandon_in_fork(self) -> None:
        """Let go of what belongs to the parent process."""
        if isinstance(self.store, FileStore):
            self.store.abandon()
        self._sender.connection.close()
        self._ended.set()

    def _run(self) -> None:
        # The first push comes soon, so that an agent is seen soon, but not all agents at the same moment.
        pause = random.uniform(0, min(1.0, self.settings.interval))  # noqa: S311 - jitter
        try:
            while not self._stopping:
                self._wake.wait(pause)
                self._wake.clear()
                if not self._stopping:
                    self._round()
                    pause = self._pause()
            self._end()
        finally:
            self._sender.connection.close()
            self._answer_flushes()
            self._ended.set()

    def _round(self) -> None:
        with self._flush_lock:
            waiting, self._flushes = self._flushes, []
        snapshot = self._take()
        self._accepted = snapshot is not None and self._push(snapshot, final=False)
        for done in waiting:
            done.set()
        if self._accepted and time.monotonic() >= self._next_look:
            self._look_into_spool(_LOOK_SECONDS)

    def _answer_flushes(self) -> None:
        for done in self._flushes:
            done.set()

    def _end(self) -> None:
        if self._withdrawn and not self._sequence:
            move_all(MemoryStore())
            self._remove_file()
            return
        snapshot = self._take()
        if snapshot is not None:
            with REGISTRY.lock:
                REGISTRY.reported = snapshot.by_series()
                move_all(MemoryStore())
        self._accepted = snapshot is not None and self._push(snapshot, final=True)
        if self._accepted:
            self._remove_file()
            self._look_into_spool(_LAST_LOOK_SECONDS)
        elif snapshot is not None:
            self._keep(snapshot)

    def _keep(self, snapshot: Snapshot) -> None:
        """Put the final snapshot into the spool; without one, what was counted is lost and not reported."""
        if self.folder is None:
            with REGISTRY.lock:
                REGISTRY.reported = {}
            return
        try:
            _spool.write_final(self.folder, self._header, self._sequence + 1, snapshot.text())
            self._remove_file()
            _spool.tidy(self.folder)
        except Exception as error:  # noqa: BLE001 - then the file of values stays for whoever runs next
            record_error("no_spool", f"{type(error).__name__}: {error}")
            if isinstance(self.store, FileStore):
                self.store.abandon()

    def _remove_file(self) -> None:
        if isinstance(self.store, FileStore):
            with contextlib.suppress(OSError):
                self.store.remove()

    def _look_into_spool(self, seconds: float) -> None:
        if self.folder is None:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY * random.uniform(0.8, 1.2)  # noqa: S311
        try:
            with _recovery.only_one(self.folder) as alone:
                if alone:
                    settings = self.settings
                    _recovery.send_left(
                        self.folder,
                        settings.url,
                        settings.token,
                        seconds=seconds,
                        connection=self._sender.connection,
                    )
                    _spool.tidy(self.folder)
        except Exception as error:  # noqa: BLE001 - others' leftovers must not stop our pushes
            record_error("spool_broken", f"{type(error).__name__}: {error}")

    def _pause(self) -> float:
        if not self._failures:
            return self.settings.interval * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        longest = min(LONGEST_PAUSE, self.settings.interval * 2.0 ** min(self._failures, 16))
        return max(self.settings.interval, longest) * random.uniform(0.5, 1.0)  # noqa: S311

    def _take(self) -> Snapshot | None:
        try:
            self._without_foreign = max(0, self._without_foreign - 1)
            return self.camera.take(with_foreign=not self._without_foreign)
        except Exception as error:  # noqa: BLE001 - the thread must live on
            record_error("snapshot_broken", f"{type(error).__name__}: {error}")
            return None

    def _push(self, snapshot: Snapshot, *, final: bool) -> bool:
        self._sequence += 1
        if isinstance(self.store, FileStore):
            self.store.note_sequence(self._sequence)
        timeout = self.settings.exit_timeout if final else None
        try:
            answer = self._sender.send(snapshot, self._sequence, final=final, timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            self._failed("failed", "push_failed", f"{self.settings.url}: {error!r}")
            return False
        except Exception as error:  # noqa: BLE001 - the thread must live on
            self._failed("failed", "push_broken", f"{error!r}")
            return False
        if answer.status == 200:
            self._failures = 0
            stale = header(answer, "Dreamos-Result") == "stale"
            PUSHES.labels("stale" if stale else "accepted").inc()
            return True
        self._refused(answer)
        return False

    def _refused(self, answer: Answer) -> None:
        if answer.status == 400:
            self._without_foreign = _WITHOUT_FOREIGN
        self._failed("refused", "push_refused", f"{answer.status}: {answer.text.strip()[:300]}")

    def _failed(self, outcome: str, reason: str, detail: str) -> None:
        self._failures += 1
        PUSHES.labels(outcome).inc()
        record_error(reason, detail)
