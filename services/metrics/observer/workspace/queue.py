"""Message queue file: depth by state, the oldest pending entry, what is stuck; times of deliveries."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import tzinfo

from services.metrics.observer.workspace.file_cache import Look, decode
from services.metrics.observer.workspace.parsing import items, number, stamp

MAX_BYTES = 64 << 20
STATES = ("pending", "processing", "failed", "expired", "unknown")
BUCKETS = (1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, float("inf"))

_STATE_OF = {
    **dict.fromkeys(("pending", "queued", "new", "waiting", "scheduled"), "pending"),
    **dict.fromkeys(("processing", "in_progress", "sending"), "processing"),
    **dict.fromkeys(("delivered", "sent", "completed", "processed", "done"), "delivered"),
    **dict.fromkeys(("failed", "error"), "failed"),
    "expired": "expired",
}


@dataclass(frozen=True)
class Queue:
    """Entries by state, the creation of the oldest pending one, and since when each is in processing (Unix seconds)."""

    depth: dict[str, int]
    delivered: int
    oldest: float | None
    processing: tuple[float, ...]

    def stuck(self, now: float, patience: float) -> int:
        """Return how many entries have been in processing for more than ``patience`` seconds."""
        return sum(1 for since in self.processing if now - since > patience)


def parse(data: bytes, look: Look, zone: tzinfo | None = None) -> Queue:
    """Read a queue file. Raises UnusableError when it is no whole list."""
    depth, delivered = dict.fromkeys(STATES, 0), 0
    pending: list[float] = []
    processing: list[float] = []
    for entry in items(decode(data, "queue", look)):
        state = _state(entry)
        if state == "delivered":
            delivered += 1
            continue
        depth[state] += 1
        created = stamp(_field(entry, "created_at", "timestamp"), zone)
        if state == "pending" and created is not None:
            pending.append(created)
        if state == "processing":
            since = stamp(_field(entry, "updated_at"), zone) or created
            processing.append(since or 0.0)  # no time at all: it counts as stuck
    return Queue(depth, delivered, min(pending, default=None), tuple(processing))


def _state(entry: object) -> str:
    status = _field(entry, "status")
    return _STATE_OF.get(status.lower(), "unknown") if isinstance(status, str) else "unknown"


def _field(entry: object, *names: str) -> object:
    if isinstance(entry, dict):
        for name in names:
            if entry.get(name) is not None:
                return entry[name]
    return None


@dataclass
class Deliveries:
    """A histogram of delivery times by outcome that only grows, from a file that keeps the last thousand.

    ``seen`` are the deliveries in the file as it was last read; those that were not there before are new.
    """

    counts: dict[str, Counter[int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()

    def take(self, records: list[tuple[str, str, float]]) -> bool:
        """Add the records (key, outcome, seconds) that are new; return whether there were any."""
        new = [record for record in records if record[0] not in self.seen]
        for _, outcome, seconds in new:
            bucket = next(i for i, bound in enumerate(BUCKETS) if seconds <= bound)
            self.counts.setdefault(outcome, Counter())[bucket] += 1
            self.sums[outcome] = self.sums.get(outcome, 0.0) + seconds
        self.seen = frozenset(record[0] for record in records)
        return bool(new)

    def buckets(self, outcome: str) -> dict[float, int]:
        """Return the counts of one outcome by upper bound, not cumulative."""
        found = self.counts.get(outcome, Counter())
        return {bound: found[index] for index, bound in enumerate(BUCKETS)}


def parse_deliveries(data: bytes, look: Look) -> list[tuple[str, str, float]]:
    """Read the file of recent deliveries: (key, outcome, seconds) each, in the file's order. Raises UnusableError."""
    records = []
    for entry in items(decode(data, "deliveries", look)):
        seconds = number(_field(entry, "delivery_time_seconds"))
        if seconds is None or seconds < 0:
            continue
        parts = [str(_field(entry, name)) for name in ("queue_id", "attempt_number", "timestamp")]
        key = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8)
        outcome = "success" if _field(entry, "success") is True else "failure"
        records.append((key.hexdigest(), outcome, seconds))
    return records
