"""The store: every change goes through here, and every scrape reads from here.

What it promises:

- **Order.** Pushes of one process take effect in the order of their sequence numbers; without
  numbers, in the order in which they are taken. Pushes of different processes have no order, except
  that of gauges that ask for the most recent one.
- **All or nothing.** A push that is refused changes nothing but ``push_failure_time_seconds`` of a
  plain group. Of a snapshot the families that cannot be taken are left out, all others are taken.
- **Arrays are never changed.** Whoever hands values or a list over gives them away; whoever gets a
  view may keep it. A new push makes new arrays.
- **One lock** guards the state. It is held for microseconds: bodies are read, plans made, views
  computed and rows written outside of it. Nothing that waits happens under it. Locks are taken in
  the order flusher, store, and then those of single parts; none of those takes another.
- **What is shown is on disk.** :meth:`Store.views` writes first, so no crash takes back what a
  scrape has shown. What a final push said is on the platter when it is answered.
- **The end.** :meth:`Store.close` refuses every push from then on and writes what there is. What was
  answered with ``accepted`` before is in the file; a second call does nothing more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from prometheus_client.core import Metric

from services.metrics.protocol.grouping_key import GroupingKey, Labels
from services.metrics.protocol.push import Push, PushResult
from services.metrics.series.series_list import SeriesList
from services.metrics.series.view import View
from services.metrics.settings import Settings
from services.metrics.store.agent_status import AgentStatus
from services.metrics.store.body_decoder import BodyDecoder
from services.metrics.store.expiry import Expiry
from services.metrics.store.flusher import Flusher, Taken
from services.metrics.store.ingest import Ingest
from services.metrics.store.recovery import recover
from services.metrics.store.rejections import Rejections
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.state import State
from services.metrics.store.tombstones import Tombstones
from services.metrics.store.views import ViewKey, Views, snapshot


class Store:
    """Groups in memory, written through to a disk. Safe for threads.

    Args:
        settings: limits and times.
        disk: where changes are written; what is there is taken up again.
        clock: Unix time in seconds; replaceable for tests.
    """

    def __init__(
        self,
        settings: Settings,
        disk: SqliteStorage,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._disk = disk
        self._lock = threading.Lock()
        self._views = Views()
        self.flusher = Flusher(disk, self._take, self._written)
        groups, latest = recover(disk, clock())
        self._state = State(settings, Tombstones(disk.find_ended), latest)
        self._state.next_id = max((group.id for group in groups), default=0) + 1
        self._ingest = Ingest(settings, self._state, self._lock, BodyDecoder(settings), clock)
        self._expiry = Expiry(settings, self._state, self._lock, self.rejections, clock)
        for group in groups:
            self._state.settle(group)

    @property
    def rejections(self) -> Rejections:
        """Families that were left out of snapshots."""
        return self._ingest.rejections

    @property
    def on_list(self) -> Callable[[str, SeriesList], None]:
        """Told, while no scrape waits, what a view will soon consist of: its prefix and list."""
        return self._ingest.on_list

    @on_list.setter
    def on_list(self, told: Callable[[str, SeriesList], None]) -> None:
        self._ingest.on_list = told

    # Changes

    def push(self, push: Push) -> PushResult:
        """Take a push. When it is a final one, its totals are on disk afterwards.

        Raises:
            Rejected: the body or its place in the group is wrong, and nothing has changed except
                that ``push_failure_time_seconds`` of a plain group is set; or a final push could
                not be written, and should be sent again.
        """
        answer = self._ingest.push(push)
        if push.final:
            self.flush(durable=True)
        return answer

    def push_known(self, push: Push) -> PushResult | None:
        """Take a push that is not final if its lines are known; quick, and never on disk.

        Returns:
            None when it must go through :meth:`push`; nothing has changed then.

        Raises:
            Rejected: as :meth:`push`, which has to note it.
        """
        return self._ingest.push_known(push)

    def delete(self, target: GroupingKey) -> PushResult:
        """Delete a group, or end a process as a final push without a body does."""
        with self._lock:
            self._ingest.check_open()
            answer = self._expiry.delete(target)
        if target.incarnation is not None:
            self.flush(durable=True)
        return answer

    def sweep(self) -> None:
        """Look for silence: processes become lost, groups expire, are hidden and forgotten."""
        self._expiry.sweep()

    def close(self) -> None:
        """Refuse every push from now on, and write what there is."""
        with self._lock:
            self._ingest.closed = True
        self.flush()

    # Reading

    def replace_local(self, name: str, families: Iterable[Metric]) -> None:
        """Take over what the collector ``name`` says, in place of what it said before.

        Args:
            name: of the collector.
            families: shown as they are; no label is added.
        """
        part = self._views.replace_local(name, families)
        with self._lock:
            self._state.claim(name, part.series.families)

    def views(self) -> dict[ViewKey, View]:
        """Return what is to be shown now, one view for each source. The result is not changed.

        Only what is on disk is shown: after a crash no counter comes back lower than a scrape
        has seen it.
        """
        self.flush()
        return self._views.views()

    def inventory(self) -> list[tuple[Labels, AgentStatus, View | None]]:
        """Return every group that is shown: labels, record, and what it shows."""
        views = self.views()
        with self._lock:
            groups = [g for g in self._state.groups.values() if not g.hidden]
            return [(g.labels, replace(g.record), views.get(("group", g.labels))) for g in groups]

    def agents(self) -> dict[str, int]:
        """Return the number of agents in each state; hidden ones are not counted."""
        counts = {"running": 0, "ended": 0, "lost": 0}
        with self._lock:
            for group in self._state.groups.values():
                if group.record.state and not group.hidden:
                    counts[group.record.state] += 1
        return counts

    def totals(self) -> dict[str, int]:
        """Return the size of what is held: groups, series, memory (estimated), the forgotten."""
        with self._lock:
            return {
                "groups": len(self._state.groups),
                "series": self._state.capacity.series,
                "memory_bytes": self._state.capacity.bytes,
                "memory_limit_bytes": self._state.capacity.limit.bytes,
                "forgotten": self._state.forgotten,
            }

    # The disk

    def flush(self, durable: bool = False) -> None:
        """Write what has changed, and let it be shown.

        Args:
            durable: wait for the disk itself, not only for the operating system.

        Raises:
            Rejected: ``disk``, only when ``durable``: it could not be written.
        """
        with self._lock:
            wanted = self._state.generation
        self.flusher.flush(wanted, durable)

    def heal(self) -> bool:
        """Write everything anew if somebody took the data file away; tell whether it was so."""
        return self.flusher.heal(self._everything)

    def _everything(self) -> None:
        with self._lock:
            for group in self._state.groups.values():
                self._state.journal.everything(group)
            self._state.generation += 1

    def _take(self) -> Taken:
        with self._lock:
            state = self._state
            snapshots = {
                labels: snapshot(state.groups.get(labels), state.declared) for labels in state.dirty
            }
            state.dirty = set()
            return Taken(state.generation, state.journal.take(), snapshots)

    def _written(self, taken: Taken, success: bool) -> None:
        self._views.add(taken.snapshots)
        if success:
            self._state.tombstones.written(taken.batch.ended)
        else:
            with self._lock:
                numbers = {group.id: group for group in self._state.groups.values()}
                self._state.journal.put_back(taken.batch, numbers.get)
