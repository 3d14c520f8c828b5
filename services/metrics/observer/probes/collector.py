"""Collector of dependencies: shows what the probes found, and follows the probes file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client.core import Metric

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.probes.config import Probe, ProbeFileError, load
from services.metrics.observer.probes.pool import ProbePool
from services.metrics.observer.probes.result import REASONS
from services.metrics.observer.probes.watcher import State, Watcher

log = logging.getLogger(__name__)


class DependencyCollector:
    """Watches what the probes file lists.

    The file is read again when it changes; a probe that is the same as before goes on with what it
    knows. A file that is wrong changes nothing: the probes before it go on,
    ``dreamos_probes_file_valid`` is 0, and ``problem`` says why.

    Args:
        path: of the probes file.
        interval: seconds between two looks at it.
        on_reload: told when it was read again: ``accepted`` or ``failed``, and what happened.
    """

    name = "dependencies"

    def __init__(
        self,
        path: Path,
        interval: float = 5.0,
        on_reload: Callable[[str, str], None] = lambda outcome, reason: None,
    ) -> None:
        self.interval = interval
        self.problem = ""
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._watchers: dict[str, Watcher] = {}
        self._pool = ProbePool()
        self._stopped = False
        self._on_reload: Callable[[str, str], None] = lambda outcome, reason: None
        self.reload()
        self._on_reload = on_reload  # the first reading is none

    def collect(self) -> list[Metric]:
        """Return every figure of every dependency."""
        self.reload()
        out, now = MetricBuilder(), time.time()
        text = "1 when the probes file is in use as it is now."
        out.gauge("dreamos_probes_file_valid", text, 0 if self.problem else 1)
        for watcher in list(self._watchers.values()):
            _describe(out, watcher.probe, watcher.state(), now)
        return out.list()

    def states(self) -> dict[str, tuple[Probe, State]]:
        """Return each dependency's probe and what is known of it."""
        return {name: (w.probe, w.state()) for name, w in list(self._watchers.items())}

    def reload(self) -> None:
        """Read the probes file if it changed."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size)
        except OSError:
            seen = None
        if self._stopped or (seen is not None and seen == self._seen):
            return
        try:
            probes = load(self._path)
        except ProbeFileError as problem:
            if str(problem) != self.problem:
                log.warning("probes: %s", problem)
                self._on_reload("failed", str(problem))
            self.problem = str(problem)
        else:
            self.problem = ""
            self._use(probes)
            self._on_reload("accepted", f"{len(probes)} probes")
        self._seen = seen

    def stop(self) -> None:
        """End every probe, waiting at most a second in all."""
        self._stopped = True
        self._pool.stop(1.0)

    def _use(self, probes: list[Probe]) -> None:
        kept: dict[str, Watcher] = {}
        for probe in probes:
            old = self._watchers.get(probe.name)
            if old is not None and old.probe == probe:
                kept[probe.name] = old
            else:
                kept[probe.name] = Watcher(probe)
        before, self._watchers = self._watchers, kept
        for name, watcher in before.items():
            if kept.get(name) is not watcher:
                watcher.stop()
        for name, watcher in kept.items():
            if before.get(name) is not watcher:
                self._pool.add(watcher)


def _describe(out: MetricBuilder, probe: Probe, state: State, now: float) -> None:
    labels = {"dependency": probe.name, "kind": probe.kind}
    text = "Failed probes by reason."
    for reason in REASONS:
        if reason in _POSSIBLE[probe.kind] or state.failures[reason]:
            failed = {**labels, "reason": reason}
            count = state.failures[reason]
            out.counter("dreamos_dependency_failures_total", text, count, failed)
    text = "Probes that found the dependency well."
    out.counter("dreamos_dependency_successes_total", text, state.successes, labels)
    if state.up is None:
        return
    gauges = {
        "up": ("1 when the last probe found the dependency well.", 1 if state.up else 0),
        "latency_seconds": ("How long the last probe took.", state.latency),
        "last_success_timestamp_seconds": ("Last success; 0 before the first.", state.last_success),
        "state_since_timestamp_seconds": ("Since when it is up, or down.", state.since),
        "flapping": ("1 when it went up and down too often of late.", state.flapping(now)),
    }
    for name, (text, value) in gauges.items():
        out.gauge(f"dreamos_dependency_{name}", text, float(value), labels)
    text = "Changes between up and down."
    out.counter("dreamos_dependency_changes_total", text, state.changes, labels)
    if state.expiry is not None:
        text = "When the server's certificate runs out."
        name = "dreamos_dependency_certificate_expiry_timestamp_seconds"
        out.gauge(name, text, state.expiry, labels)


_CONNECTING = {"dns", "refused", "timeout", "unreachable", "error"}
_POSSIBLE = {
    "http": _CONNECTING | {"content", "protocol", "status", "tls"},
    "tcp": _CONNECTING | {"content", "protocol", "tls"},
    "dns": _CONNECTING | {"content", "protocol"},
    "file": {"error", "missing", "stale"},
    "command": {"error", "exit", "missing", "timeout"},
}
