"""Ledger of what has been counted, kept on disk so that a restart counts nothing twice."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from pathlib import Path
from typing import Any

from services.metrics.observer.workspace.events import Events
from services.metrics.observer.workspace.queue import Deliveries

log = logging.getLogger(__name__)

VERSION = 1


class Ledger:
    """The counters that come from files: events, and deliveries by queue.

    ``path`` None keeps them in memory only. A ledger that cannot be read is set aside under ``.damaged`` and counting
    starts anew from what the workspace holds; one that cannot be written is logged once.
    """

    def __init__(self, path: Path | None, workspace: str) -> None:
        self._path, self._workspace = path, workspace
        self._complained = False
        self.events = Events()
        self.deliveries: dict[str, Deliveries] = {}
        if path is not None and path.exists():
            self._load(path)

    def save(self) -> None:
        """Write everything, so that a reader finds either the old ledger or the new one."""
        if self._path is None:
            return
        beside = self._path.with_suffix(".new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                json.dump(self._as_json(), file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as problem:
            if not self._complained:
                log.warning("the workspace ledger cannot be written: %s", problem.strerror)
            self._complained = True
        else:
            self._complained = False

    def _load(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["version"] == VERSION and found["workspace"] == self._workspace:
                self._take(found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.warning("the workspace ledger is damaged; it is set aside and counting starts anew")
            self.events, self.deliveries = Events(), {}
            path.replace(path.with_suffix(".damaged"))

    def _take(self, found: dict[str, Any]) -> None:
        events = found["events"]
        self.events = Events(
            counts=Counter({(agent, kind): int(n) for agent, kind, n, _ in events["counts"]}),
            created={(a, k): float(t) for a, k, _, t in events["counts"] if t is not None},
            caught_up=bool(events["caught_up"]),
            offset=int(events["offset"]),
            tail=str(events["tail"]),
        )
        for queue, kept in found["deliveries"].items():
            self.deliveries[queue] = Deliveries(
                counts={
                    outcome: Counter({int(i): int(n) for i, n in counts.items()})
                    for outcome, counts in kept["counts"].items()
                },
                sums={outcome: float(s) for outcome, s in kept["sums"].items()},
                seen=frozenset(map(str, kept["seen"])),
            )

    def _as_json(self) -> dict[str, Any]:
        events = self.events
        counts = [[a, k, n, events.created.get((a, k))] for (a, k), n in events.counts.items()]
        return {
            "version": VERSION,
            "workspace": self._workspace,
            "events": {
                "counts": counts,
                "caught_up": events.caught_up,
                "offset": events.offset,
                "tail": events.tail,
            },
            "deliveries": {
                queue: {
                    "counts": {outcome: dict(c) for outcome, c in kept.counts.items()},
                    "sums": dict(kept.sums),
                    "seen": sorted(kept.seen),
                }
                for queue, kept in self.deliveries.items()
            },
        }
