"""Pusher: the thread that sends a snapshot of this process again and again, and a last one."""

from __future__ import annotations

import _thread
import math
import random
import threading
from collections import deque
from pathlib import Path
from time import monotonic

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.migration import migrate_to, subtract_reported
from dreamos_metrics.metrics.storage import MemoryStorage
from dreamos_metrics.push import spool_delivery
from dreamos_metrics.push.bell import Bell
from dreamos_metrics.push.delivery import Delivery
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.push.snapshot import Snapshot
from dreamos_metrics.spool import spool_folder

MAX_PAUSE_SECONDS = 60.0
#: Seconds between two looks into the spool folder, and that one look may take.
_SPOOL_SCAN_INTERVAL_SECONDS = 15.0
_SPOOL_SCAN_MAX_SECONDS = 2.0
_FINAL_SPOOL_SCAN_MAX_SECONDS = 1.0
#: Shares of the time for the end: until a push that is under way is given up, and until the final
#: one is; what is left is for writing it into the spool folder.
_SHARE_OF_PUSH_UNDER_WAY = 1 / 3
_SHARE_OF_FINAL_PUSH = 5 / 6
#: How long the end waits for a thread that is writing the final snapshot at that moment.
_WRITING_SECONDS = 10.0


class _Flush:
    """Somebody who waits for the next push."""

    def __init__(self) -> None:
        self.done = Bell()
        self.accepted = False


class Pusher:
    """Pushes this process as one incarnation of its agent until it is stopped.

    What a signal handler may use takes no lock: `request_stop` and `ended`.
    """

    def __init__(self, settings: Settings, folder: Path | None) -> None:
        self.settings = settings
        self.folder = folder
        self.ended = False
        #: The final snapshot, once it was taken by the service or the spool.
        self.last_word: Snapshot | None = None
        self._delivery = Delivery(settings, folder)
        self.snapshot_collector = self._delivery.collector
        self._next_scan = 0.0
        self._bell = Bell()
        self._stopping = False
        self._withdrawn = False
        self._ask_others_first: Bell | None = None
        self._final_until = math.inf
        self._flushes: deque[_Flush] = deque()
        self._waiting_for_end: deque[Bell] = deque()
        self._last_word = _thread.allocate_lock()
        self._thread = threading.Thread(target=self._run, name="dreamos-metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where this process pushes to."""
        return self.settings.url.rstrip("/") + self._delivery.incarnation.sender.path

    def go_on_from(self, earlier: Pusher) -> None:
        """Report of other libraries only what came after the last word of an earlier pusher."""
        self.snapshot_collector.go_on_from(earlier.snapshot_collector, earlier.last_word)

    def start(self) -> None:
        """Take over the values of this process and start the thread."""
        with REGISTRY.lock:
            subtract_reported()
            migrate_to(self._delivery.incarnation.storage)
        self._thread.start()

    def start_in_fork(self) -> None:
        """Start the thread in a forked process, where there is nothing to take over."""
        REGISTRY.storage = self._delivery.incarnation.storage
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Push now; return whether that push was accepted within `timeout` seconds."""
        request = _Flush()
        self._flushes.append(request)
        self._bell.ring()
        if self.ended:
            return False
        return request.done.wait(timeout) and request.accepted

    def prepare_end(self) -> None:
        """Ask other libraries once more: at the end of the process they end before us."""
        third_party = self.snapshot_collector.third_party
        if self.ended or not third_party.asks_others():
            return
        asked = self._ask_others_first = Bell()
        self._bell.ring()
        asked.wait(self.settings.exit_timeout / 2)

    def request_stop(self, timeout: float) -> None:
        """Ask the thread for the final push within `timeout` seconds. Takes no lock."""
        self._final_until = monotonic() + timeout * _SHARE_OF_FINAL_PUSH
        self._stopping = True
        self._delivery.incarnation.sender.connection.hurry(timeout * _SHARE_OF_PUSH_UNDER_WAY)
        self._bell.ring()

    def stop(self, timeout: float) -> bool:
        """Push the final snapshot and end; return whether that took at most `timeout` seconds.

        When the thread hangs (in somebody's collector, in a look-up of a name), the final snapshot
        is put into the spool folder in its place.
        """
        ended = Bell()
        self._waiting_for_end.append(ended)
        self.request_stop(timeout)
        if self.ended or ended.wait(timeout):
            return True
        if self._last_word.acquire(blocking=False):
            self._spool_for_thread()
        else:
            ended.wait(_WRITING_SECONDS)
        return False

    def withdraw(self, timeout: float) -> bool:
        """End in favour of another pusher: without a trace if nothing was pushed, else as `stop`."""
        self._withdrawn = True
        return self.stop(timeout)

    def abandon_in_fork(self) -> None:
        """Let go of what belongs to the parent process."""
        self._delivery.incarnation.abandon_file()
        self._delivery.incarnation.sender.connection.close()
        self.ended = True

    def _run(self) -> None:
        # The first push comes soon, so that an agent is seen soon, but not all agents at the same
        # moment.
        pause = random.uniform(0, min(1.0, self.settings.interval))  # noqa: S311 - jitter
        try:
            while not self._stopping:
                self._bell.wait(pause)
                if self._ask_others_first is not None:
                    self._ask_others()
                    pause = 0.1
                elif not self._stopping:
                    self._push_once()
                    pause = self._pause()
            self._finish()
        finally:
            self._delivery.incarnation.sender.connection.close()
            self.ended = True
            for waiting in (*self._waiting_for_end, *(each.done for each in self._flushes)):
                waiting.ring()

    def _ask_others(self) -> None:
        asked, self._ask_others_first = self._ask_others_first, None
        third_party = self.snapshot_collector.third_party
        try:
            third_party.collect()
            third_party.ending = True
        except Exception as error:  # noqa: BLE001 - the thread must live on
            record_error("snapshot_broken", f"{type(error).__name__}: {error}")
        if asked is not None:
            asked.ring()

    def _push_once(self) -> None:
        asked = [self._flushes.popleft() for _ in range(len(self._flushes))]
        accepted = self._delivery.push() is not None
        for request in asked:
            request.accepted = accepted
            request.done.ring()
        if accepted and monotonic() >= self._next_scan:
            self._scan_spool(_SPOOL_SCAN_MAX_SECONDS)

    def _finish(self) -> None:
        delivery = self._delivery
        if self._withdrawn and not delivery.incarnation.sequence:
            migrate_to(MemoryStorage())
            delivery.incarnation.remove_file()
            return
        delivery.learn_before_end(self._final_until)
        snapshot = delivery.collect()
        if snapshot is None:
            return
        taken = delivery.push(snapshot, until=self._final_until)
        if taken is None and not self._last_word.acquire(blocking=False):
            return  # whoever waited for us has written it
        self._detach(taken or snapshot)
        if taken is not None:
            delivery.incarnation.remove_file()
            self._scan_spool(_FINAL_SPOOL_SCAN_MAX_SECONDS)
        elif not delivery.incarnation.spool(delivery.unsent or snapshot):
            # Without a folder what was counted is lost, and not reported.
            with REGISTRY.lock:
                REGISTRY.reported = {}
            self.last_word = None

    def _detach(self, snapshot: Snapshot) -> None:
        """Let values live in memory from here on, and remember what was reported of them."""
        with REGISTRY.lock:
            REGISTRY.reported = snapshot.by_series()
            migrate_to(MemoryStorage())
        self.last_word = snapshot

    def _spool_for_thread(self) -> None:
        try:
            snapshot = self._delivery.collector.collect_totals()
            if REGISTRY.lock.acquire(timeout=1):
                try:
                    self._detach(snapshot)
                finally:
                    REGISTRY.lock.release()
            self._delivery.incarnation.spool(snapshot, ahead=True)
        except Exception as error:  # noqa: BLE001 - the values file stays for whoever is next
            record_error("no_spool", f"{type(error).__name__}: {error}")

    def _scan_spool(self, seconds: float) -> None:
        if self.folder is None:
            return
        jitter = random.uniform(0.8, 1.2)  # noqa: S311
        self._next_scan = monotonic() + _SPOOL_SCAN_INTERVAL_SECONDS * jitter
        try:
            with spool_delivery.scan_lock(self.folder) as alone:
                if alone:
                    settings = self.settings
                    spool_delivery.send_spooled(
                        self.folder,
                        settings.url,
                        settings.token,
                        seconds=seconds,
                        connection=self._delivery.incarnation.sender.connection,
                        limits=self.snapshot_collector.limits,
                    )
                    spool_folder.tidy(self.folder)
        except Exception as error:  # noqa: BLE001 - others' leftovers must not stop our pushes
            record_error("spool_broken", f"{type(error).__name__}: {error}")

    def _pause(self) -> float:
        interval, failures = self.settings.interval, self._delivery.failures
        if not failures:
            return interval * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        longest = min(MAX_PAUSE_SECONDS, interval * 2.0 ** min(failures, 16))
        return max(interval, longest) * random.uniform(0.5, 1.0)  # noqa: S311
