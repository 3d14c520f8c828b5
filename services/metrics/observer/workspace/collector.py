"""Collector of a workspace: agents, queue, deliveries, activity and tasks of one installation."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.samples import Sample

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.workspace import queue, tasks
from services.metrics.observer.workspace.agents import (
    AGE,
    CLAIMED,
    FAMILIES,
    OLDEST,
    PATTERN,
    Agents,
)
from services.metrics.observer.workspace.file_cache import REASONS, CachedFile, Look
from services.metrics.observer.workspace.ledger import Ledger
from services.metrics.observer.workspace.queue import Deliveries, Queue

QUEUES = ("message_queue", "ops/messaging/message_queue")
OLD_QUEUE = "runtime/queue"
EVENTS = "runtime/agent_comms/activity_events.jsonl"
TASKS = "task_storage/tasks.json"
KINDS = ("status", "inbox", "queue", "deliveries", "events", "tasks")
THOROUGH_SECONDS = (
    600.0  # seconds in which every agent's folder is listed again even if it looks unchanged
)
STUCK_SECONDS = 300.0  # seconds in processing after which their own monitor calls an entry stuck


class WorkspaceCollector:
    """What agents leave behind in one workspace, read-only.

    Args:
        root: the folder of the installation (the one that holds ``agent_workspaces``).
        pattern: the whole name of an agent's folder, as a regular expression.
        ledger: where counts are kept over a restart; None keeps them in memory.
        zone: the zone of times without one; None is the service's own.
        stuck_after: seconds in processing after which a queue entry is stuck.

    Nothing in the workspace can make a collection fail: what cannot be read is counted by reason, and the last good
    figure stays, marked as stale.
    """

    name = "workspace"

    def __init__(
        self,
        root: str | Path,
        *,
        interval: float = 15.0,
        pattern: str = PATTERN,
        ledger: Path | None = None,
        zone: tzinfo | None = None,
        stuck_after: float = STUCK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.interval = interval
        self._root, self._clock, self._stuck_after = str(root), clock, stuck_after
        self.agents = Agents(self._root, pattern, zone)
        self._ledger = Ledger(ledger, self._root)
        self._queues = {name: self._queue(f"{name}/queue.json", zone) for name in QUEUES} | {
            OLD_QUEUE: self._queue(f"{OLD_QUEUE}/messages.json", zone)
        }
        self._recent: dict[str, CachedFile[list[tuple[str, str, float]]]] = {
            name: CachedFile(
                self._at(f"{name}/metrics.json"),
                "deliveries",
                queue.parse_deliveries,
                queue.MAX_BYTES,
            )
            for name in QUEUES
        }
        self._tasks: CachedFile[dict[str, int]] = CachedFile(
            self._at(TASKS), "tasks", tasks.parse, tasks.MAX_BYTES
        )
        self._troubles: Counter[tuple[str, str]] = Counter()
        self._rounds = max(1, round(THOROUGH_SECONDS / interval))
        self._round = 0
        self.up = False

    def collect(self) -> list[Metric]:
        """Look at everything that changed, and return every figure."""
        look = Look(self._clock(), self._troubles)
        self._discover()
        self._look_at_agents(look)
        out = MetricBuilder()
        self._overview(out)
        self._agents(out, look.now)
        self._queue_figures(out, look)
        self._deliveries(out, look)
        self._activity(out, look)
        self._task_figures(out, look)
        for kind in KINDS:
            for reason in REASONS:
                out.counter(
                    "dreamos_workspace_read_errors_total",
                    "Files that could not be used as they are, by reason.",
                    self._troubles[kind, reason],
                    {"kind": kind, "reason": reason},
                )
        return out.list()

    def _at(self, path: str) -> str:
        return os.path.normpath(f"{self._root}/{path}")

    def _queue(self, path: str, zone: tzinfo | None) -> CachedFile[Queue]:
        return CachedFile(
            self._at(path), "queue", lambda d, k: queue.parse(d, k, zone), queue.MAX_BYTES
        )

    def _discover(self) -> None:
        try:
            self.agents.discover()
            self.up = True
        except OSError:
            self.up = False  # the mount is gone: what was known stays, and each agent turns stale

    def _look_at_agents(self, look: Look) -> None:
        self._round = (self._round + 1) % self._rounds
        for agent in self.agents.found.values():
            look.thorough = agent.phase % self._rounds == self._round
            agent.look(look)
        look.thorough = False

    def _overview(self, out: MetricBuilder) -> None:
        out.gauge(
            "dreamos_workspace_up", "1 when the workspace can be listed.", 1 if self.up else 0
        )
        text = "Agents found in the workspace."
        out.gauge("dreamos_workspace_agents", text, len(self.agents.found))
        text = "Folders beside agents' whose names are not an agent's."
        out.gauge("dreamos_workspace_folders_ignored", text, self.agents.ignored)

    def _agents(self, out: MetricBuilder, now: float) -> None:
        agents = self.agents.found.values()
        moving: dict[str, list[Sample]] = {AGE: [], CLAIMED: [], OLDEST: []}
        for agent in agents:
            for sample in agent.moving(now):
                moving[sample.name].append(sample)
        for name, text in FAMILIES.items():
            if name in moving:
                out.extend(name, text, "gauge", moving[name])
            else:
                out.extend(name, text, "gauge", (s for a in agents for s in a.fixed[name]))

    def _queue_figures(self, out: MetricBuilder, look: Look) -> None:
        for name, watched in self._queues.items():
            watched.look(look)
            found, labels = watched.value, {"queue": name}
            if watched.mtime is None:
                continue
            self._stale(out, name, watched.stale)
            if found is not None:
                _describe_queue(out, labels, found, look.now, self._stuck_after)

    def _deliveries(self, out: MetricBuilder, look: Look) -> None:
        changed = False
        for name, watched in self._recent.items():
            kept = self._ledger.deliveries.get(name)
            if watched.look(look) and watched.value is not None and not watched.stale:
                kept = self._ledger.deliveries.setdefault(name, Deliveries())
                changed = kept.take(watched.value) or changed
            for outcome in ("success", "failure") if kept else ():
                out.histogram(
                    "dreamos_workspace_delivery_seconds",
                    "How long the delivery of a message took.",
                    kept.buckets(outcome) if kept else {},
                    kept.sums.get(outcome, 0.0) if kept else 0.0,
                    {"queue": name, "outcome": outcome},
                )
        if changed:
            self._ledger.save()

    def _activity(self, out: MetricBuilder, look: Look) -> None:
        events = self._ledger.events
        if events.look(self._at(EVENTS), look, self.agents.name_of):
            self._ledger.save()
        name, text = "dreamos_workspace_events_total", "Events in the activity log."
        for (agent, kind), count in events.counts.items():
            labels = {"agent": agent, "type": kind}
            out.counter(name, text, count, labels)
            began = events.created.get((agent, kind))
            if began is not None:
                created = Sample("dreamos_workspace_events_created", labels, began)
                out.extend(name, text, "counter", [created])

    def _task_figures(self, out: MetricBuilder, look: Look) -> None:
        self._tasks.look(look)
        if self._tasks.mtime is not None:
            self._stale(out, "tasks", self._tasks.stale)
        for state, count in (self._tasks.value or {}).items():
            text = "Tasks in the task store."
            out.gauge("dreamos_workspace_tasks", text, count, {"state": state})

    def _stale(self, out: MetricBuilder, file: str, stale: bool) -> None:
        text = "1 when a shared file cannot be read as it is now and the last good figure is shown."
        out.gauge("dreamos_workspace_file_stale", text, 1 if stale else 0, {"file": file})


def _describe_queue(
    out: MetricBuilder, labels: dict[str, str], found: Queue, now: float, patience: float
) -> None:
    for state, count in found.depth.items():
        text = "Entries that wait, by state; delivered ones are not counted."
        out.gauge("dreamos_workspace_queue_depth", text, count, {**labels, "state": state})
    text = "Delivered entries that the file still holds."
    out.gauge("dreamos_workspace_queue_delivered_kept", text, found.delivered, labels)
    text = "Age of the oldest pending entry; 0 without one."
    oldest = max(0.0, now - found.oldest) if found.oldest is not None else 0.0
    out.gauge("dreamos_workspace_queue_oldest_pending_age_seconds", text, oldest, labels)
    text = "Entries in processing for longer than they should be."
    out.gauge("dreamos_workspace_queue_stuck", text, found.stuck(now, patience), labels)
