"""Supervisor of the collectors: which of them run, and what each says of the health."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import tzinfo
from zoneinfo import ZoneInfo

from services.metrics.health import Check, Component
from services.metrics.observer.container import ContainerCollector
from services.metrics.observer.host import HostCollector, Source
from services.metrics.observer.link import ObserverLink
from services.metrics.observer.probes import DependencyCollector
from services.metrics.observer.processes import ProcessCollector
from services.metrics.observer.scheduler import Collector, Scheduler, Sink
from services.metrics.observer.stability import Stability
from services.metrics.observer.workspace import PATTERN, WorkspaceCollector
from services.metrics.settings import Settings

log = logging.getLogger(__name__)
OnReload = Callable[[str, str, str], None]

LATE_INTERVALS = 3.0  # intervals without a success after which a collector counts as not working
ESSENTIAL = frozenset(("cpu", "filesystem", "meminfo", "netdev"))  # parts that every host has
MIN_LATE_SECONDS = 60.0  # seconds that even a quick collector is given


class Collectors:
    """The collectors of one service, running. Made by :func:`start_all`."""

    def __init__(self, sink: Sink, settings: Settings, on_reload: OnReload) -> None:
        interval = settings.collect_interval
        self._stability = Stability(settings.data_dir, interval)
        self._workspace = _workspace(settings)
        self._dependencies: DependencyCollector | None = None
        if settings.probes_file is not None:
            self._dependencies = DependencyCollector(
                settings.probes_file,
                min(5.0, interval),
                lambda outcome, reason: on_reload("probes file", outcome, reason),
            )
        self._host = _host(settings)
        self._link: ObserverLink | None = None
        if settings.observer_url:
            self._link = ObserverLink(settings.observer_url, settings.observer_token_file, interval)
        chosen: list[Collector | None] = [
            self._stability,
            ContainerCollector(interval) if sys.platform == "linux" else None,
            self._host,
            self._workspace,
            self._dependencies,
            _processes(settings),
            self._link,
        ]
        self._began = time.time()
        self._scheduler = Scheduler([c for c in chosen if c is not None], sink)
        self._stopped = False

    def start(self) -> None:
        """Start collecting."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop collecting and probing, within about three seconds; a second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        if self._dependencies is not None:
            self._dependencies.stop()
        self._scheduler.stop()
        self._stability.stop()

    def components(self) -> dict[str, Check]:
        """Return the health checks, by name; each answers at once, from what is known."""
        checks: dict[str, Check] = {
            "collectors": self._collectors_health,
            "stability": self._stability_health,
        }
        if self._host is not None:
            checks["host"] = self._host_health
        if self._workspace is not None:
            checks["workspace"] = self._workspace_health
        if self._dependencies is not None:
            checks["dependencies"] = self._dependencies_health
        if self._link is not None:
            checks = {**self._link.components(), **checks}
        return checks

    def _collectors_health(self) -> Component:
        now, late = time.time(), []
        for name, record in self._scheduler.records().items():
            last = max(record.last_success, self._began)
            if now - last > max(MIN_LATE_SECONDS, LATE_INTERVALS * record.interval):
                late.append(name)
        if late:
            return Component("degraded", "no figures of late from " + ", ".join(sorted(late)))
        return Component("healthy", "all collectors work")

    def _host_health(self) -> Component:
        host = self._host
        unread = sorted(ESSENTIAL & host.failed) if host is not None else []
        figures = dict(host.figures) if host is not None else {}
        if unread:
            detail = "not read: " + ", ".join(unread) + "; is METRICS_HOST_PROC the host's /proc?"
            if unread == ["filesystem"]:
                detail = "not read: filesystem; does the mount reader run?"
            return Component("degraded", detail, **figures)
        return Component("healthy", "the host's figures are read", **figures)

    def _stability_health(self) -> Component:
        known = self._stability
        figures = {"starts": known.starts, "unclean_starts": known.unclean}
        if known.restless():
            return Component("degraded", "the service started again and again of late", **figures)
        return Component("healthy", "no restarts of late", **figures)

    def _workspace_health(self) -> Component:
        workspace = self._workspace
        if workspace is None or not workspace.up:
            who = f" by user id {os.geteuid()}" if hasattr(os, "geteuid") else ""
            return Component("degraded", f"the workspace cannot be read{who}")
        return Component("healthy", "read", agents=len(workspace.agents.found))

    def _dependencies_health(self) -> Component:
        if self._dependencies is None:
            return Component("healthy", "none are watched")
        found, down, critical = {}, [], False
        for name, (probe, state) in self._dependencies.states().items():
            status = {None: "unknown", True: "up", False: "down"}[state.up]
            found[name] = {"status": status, "detail": state.detail if state.up is False else ""}
            found[name] |= {"flapping": "yes"} if state.flapping(time.time()) else {}
            if state.up is False:
                down.append(name)
                critical = critical or probe.critical
        if down:
            detail = "down: " + ", ".join(sorted(down))
            worst = Component("unhealthy" if critical else "degraded", detail)
        elif self._dependencies.problem:
            worst = Component("degraded", self._dependencies.problem)
        else:
            worst = Component("healthy", f"{len(found)} are watched")
        worst.data["dependencies"] = found
        return worst


def start_all(
    sink: Sink,
    settings: Settings,
    on_reload: OnReload = lambda what, outcome, reason: None,
) -> Collectors:
    """Start every collector that the settings ask for.

    Args:
        sink: takes a collector's name and all of its families; replaces what that collector said before.
        settings: the service's settings.
        on_reload: told of a file that was read again: which, ``accepted`` or ``failed``, and why.

    Returns:
        The running collectors, to be stopped before the store is.
    """
    collectors = Collectors(sink, settings, on_reload)
    collectors.start()
    return collectors


def _host(settings: Settings) -> HostCollector | None:
    if not settings.collect_host:
        return None
    mounts = str(settings.host_mounts or "")
    source = Source(
        str(settings.host_proc), str(settings.host_sys), str(settings.host_root), mounts
    )
    return HostCollector(source, settings.collect_interval)


def _workspace(settings: Settings) -> WorkspaceCollector | None:
    if settings.workspace is None:
        return None
    zone: tzinfo | None = None
    if settings.workspace_timezone:
        zone = ZoneInfo(settings.workspace_timezone)
    return WorkspaceCollector(
        settings.workspace,
        interval=settings.collect_interval,
        pattern=settings.workspace_agent_pattern or PATTERN,
        ledger=settings.data_dir / "workspace.json",
        zone=zone,
        stuck_after=settings.workspace_stuck_after,
    )


def _processes(settings: Settings) -> ProcessCollector | None:
    if not settings.process_pattern and not settings.pid_files:
        return None
    return ProcessCollector(
        settings.process_pattern,
        settings.pid_files,
        proc=str(settings.host_proc),
        interval=settings.collect_interval,
    )
