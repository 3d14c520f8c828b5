"""Record of the service's own starts, kept on disk: restarts tell what uptime alone does not."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder

log = logging.getLogger(__name__)

RESTLESS_STARTS = 3  # so many starts ...
RESTLESS_WINDOW_SECONDS = 600.0  # ... within so many seconds are called restless


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Stability:
    """Counts starts of the service, and those after an end that was not clean.

    A folder that cannot be written costs the memory of earlier starts, nothing else.
    """

    name = "stability"

    def __init__(self, folder: Path | None, interval: float = 60.0) -> None:
        self.interval = interval
        self._path = folder / "starts.json" if folder is not None else None
        self.starts, self.unclean = 0, 0
        self._recent: list[float] = []
        clean = self._load()
        self.unclean += 0 if clean else 1
        self.starts += 1
        self.began = time.time()
        self._recent = [*self._recent, self.began][-20:]
        self._save(clean=False)

    def collect(self) -> list[Metric]:
        """Return starts and uptime."""
        out = MetricBuilder()
        out.counter("dreamos_service_starts_total", "Starts of the service.", self.starts)
        text = "Starts after an end without a clean stop."
        out.counter("dreamos_service_unclean_starts_total", text, self.unclean)
        text = "Time since the service started."
        out.gauge("dreamos_service_uptime_seconds", text, time.time() - self.began)
        return out.list()

    def restless(self) -> bool:
        """Whether the service started too often of late."""
        now = time.time()
        return (
            sum(1 for start in self._recent if now - start < RESTLESS_WINDOW_SECONDS)
            >= RESTLESS_STARTS
        )

    def stop(self) -> None:
        """Note that this end was a clean one."""
        self._save(clean=True)

    def _load(self) -> bool:
        """Take over what was kept; return whether the last end was clean (as a first start is)."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
            self.starts, self.unclean = (
                max(0, int(found.get(n, 0))) for n in ("starts", "unclean")
            )
            self._recent = [float(start) for start in found.get("recent", [])]
            return bool(found.get("clean", True))
        except FileNotFoundError:
            return True
        except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            log.warning("the record of starts is damaged; counting begins anew")
            self.starts = self.unclean = 0
            self._recent = []
            return False

    def _save(self, clean: bool) -> None:
        if self._path is None:
            return
        content = {
            "starts": self.starts,
            "unclean": self.unclean,
            "recent": self._recent,
            "clean": clean,
        }
        beside = self._path.with_suffix(".new")
        try:
            beside.unlink(missing_ok=True)
            with open(beside, "x", encoding="utf-8", opener=_private) as file:
                json.dump(content, file)
            beside.replace(self._path)
        except OSError as problem:
            log.warning("the record of starts cannot be written: %s", problem.strerror)
