"""The thread that pushes: a cumulative snapshot of this process, again and again, and a last one at the end."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import random
import threading
from urllib.parse import quote

from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._http import Answer, Connection
from dreamos.core.metrics._own import PUSHES
from dreamos.core.metrics._settings import Settings
from dreamos.core.metrics._snapshot import Camera

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LONGEST_PAUSE = 60.0


def group_path(job: str, agent: str, incarnation: str) -> str:
    """Return the path of the URL to which an incarnation is pushed."""
    parts = ["/metrics"]
    for label, value in (("job", job), ("agent", agent), ("incarnation", incarnation)):
        if not value or "/" in value:
            raw = value.encode("utf-8", "replace")
            coded = base64.urlsafe_b64encode(raw).decode("ascii") if raw else "="
            parts.append(f"{label}@base64/{coded}")
        else:
            parts.append(f"{label}/{quote(value, safe='', errors='replace')}")
    return "/".join(parts)


class Pusher:
    """Pushes this process as one incarnation of its agent until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.incarnation = os.urandom(12).hex()
        self.camera = Camera()
        self._sequence = 0
        self._failures = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._stopping = False
        self._flushes: list[threading.Event] = []
        self._accepted = False
        self._connection = Connection(settings.url, settings.timeout)
        self._path = group_path(settings.job, settings.agent, self.incarnation)
        self._thread = threading.Thread(target=self._run, name="dreamos-metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where this process pushes to."""
        return self.settings.url.rstrip("/") + self._path

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Push now; return whether a push was accepted within ``timeout`` seconds."""
        done = threading.Event()
        self._flushes.append(done)
        self._wake.set()
        return done.wait(timeout) and self._accepted

    def stop(self, timeout: float) -> bool:
        """Push the final snapshot and end; return whether that was over within ``timeout`` seconds."""
        self._stopping = True
        self._wake.set()
        return self._ended.wait(timeout)

    def _run(self) -> None:
        # The first push comes soon, so that an agent is seen soon, but not all agents at the same moment.
        pause = random.uniform(0, min(1.0, self.settings.interval))  # noqa: S311 - jitter
        try:
            while not self._stopping:
                self._wake.wait(pause)
                self._wake.clear()
                if self._stopping:
                    break
                waiting, self._flushes = self._flushes, []
                self._accepted = self._push_safely(final=False)
                for done in waiting:
                    done.set()
                pause = self._pause()
            self._accepted = self._push_safely(final=True)
        finally:
            self._connection.close()
            for done in self._flushes:
                done.set()
            self._ended.set()

    def _pause(self) -> float:
        if not self._failures:
            return self.settings.interval * random.uniform(0.9, 1.1)  # noqa: S311 - jitter
        longest = min(LONGEST_PAUSE, self.settings.interval * 2.0 ** min(self._failures, 16))
        return max(self.settings.interval, longest) * random.uniform(0.5, 1.0)  # noqa: S311

    def _push_safely(self, *, final: bool) -> bool:
        try:
            answer = self._push(final=final)
        except (OSError, http.client.HTTPException) as error:
            self._failures += 1
            PUSHES.labels("failed").inc()
            record_error("push_failed", f"{self.settings.url}: {type(error).__name__}: {error}")
            return False
        except Exception as error:  # noqa: BLE001 - the thread must live on
            self._failures += 1
            record_error("push_broken", f"{type(error).__name__}: {error}")
            return False
        if answer.status == 200:
            self._failures = 0
            PUSHES.labels(_result(answer)).inc()
            return True
        self._failures += 1
        PUSHES.labels("refused").inc()
        record_error("push_refused", f"{answer.status}: {answer.text.strip()[:300]}")
        return False

    def _push(self, *, final: bool) -> Answer:
        body = self.camera.take().text()
        self._sequence += 1
        headers = self._headers(final=final)
        headers["Content-Type"] = OPENMETRICS
        headers["Content-Encoding"] = "gzip"
        packed = gzip.compress(body, compresslevel=1, mtime=0)
        timeout = self.settings.exit_timeout if final else None
        return self._connection.request("PUT", self._path, packed, headers, timeout)

    def _headers(self, *, final: bool) -> dict[str, str]:
        headers = {
            "Dreamos-Sequence": str(self._sequence),
            "Dreamos-TTL": f"{self.settings.time_to_live:g}",
            "User-Agent": "dreamos-metrics",
        }
        if final:
            headers["Dreamos-Final"] = "1"
        if self.settings.token:
            headers["Authorization"] = f"Bearer {self.settings.token}"
        return headers


def _result(answer: Answer) -> str:
    for name, value in answer.headers.items():
        if name.lower() == "dreamos-result" and value == "stale":
            return "stale"
    return "accepted"
