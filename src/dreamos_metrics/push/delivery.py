"""Delivery of this process' own snapshots: what to do with each answer of the service."""

from __future__ import annotations

import http.client
from dataclasses import replace
from pathlib import Path
from time import monotonic

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.internal_metrics import PUSHES
from dreamos_metrics.metrics.limits import USUAL, Limits, parse_limits
from dreamos_metrics.metrics.migration import migrate_to, subtract_reported
from dreamos_metrics.push.http import Response
from dreamos_metrics.push.incarnation import Incarnation
from dreamos_metrics.push.protocol import LIMITS, header
from dreamos_metrics.push.refusals import RefusedFamilies, note_rejected_families
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.push.snapshot import Snapshot, SnapshotCollector

#: Requests for one push: again without a family, under a higher number, as another incarnation.
_ATTEMPTS = 6
_SMALLEST_BODY_BYTES = 10_000


class Delivery:
    """Brings snapshots to the service, in the name of one incarnation after the other.

    Not for several threads at once.
    """

    def __init__(self, settings: Settings, folder: Path | None) -> None:
        self.settings = settings
        self.folder = folder
        self.incarnation = Incarnation(settings, folder)
        self.collector = SnapshotCollector()
        self.failures = 0
        #: The snapshot of the last push, when that failed.
        self.unsent: Snapshot | None = None
        self._refused = RefusedFamilies()
        self._heard_limits = False

    def collect(self) -> Snapshot | None:
        """Return a snapshot of now, None when that is not possible."""
        try:
            self.collector.left_out = self._refused.left_out()
            return self.collector.collect()
        except Exception as error:  # noqa: BLE001 - the thread must live on
            record_error("snapshot_broken", f"{type(error).__name__}: {error}")
            return None

    def learn_before_end(self, until: float) -> None:
        """Push once before the final push if that one may be told that families do not fit.

        After a final push there is no other one without them. Where nobody answers, the usual
        limits are kept to: what is spooled is sent as it is.
        """
        unknown = not self._heard_limits and self.collector.is_over(USUAL)
        if unknown or self.collector.may_be_refused():
            self.push(until=until, final=False)
        if unknown and not self._heard_limits:
            self.collector.learn(USUAL)

    def push(
        self,
        snapshot: Snapshot | None = None,
        *,
        until: float | None = None,
        final: bool | None = None,
    ) -> Snapshot | None:
        """Push, and return the snapshot that the service took.

        Args:
            snapshot: what to push first; made now when left out.
            until: when to give up, by the monotonic clock; it is the final push then.
            final: whether it is the final push after all.
        """
        final = until is not None if final is None else final
        made = snapshot or self.collect()
        was_stale, taken = False, None
        for _ in range(_ATTEMPTS):
            if made is None:
                return taken
            self.unsent, limits = made, self.collector.limits
            response = self._send(made, final=final, until=until)
            if response is None:
                return taken
            self._learn(response)
            if response.status == 200:
                if not _is_stale(response) or (final and response.sent_twice):
                    again = self._accepted(response, made, limits)
                    if final or not again:
                        return made
                    taken, made = made, self.collect()
                    continue
                PUSHES.labels("stale").inc()
                # Under a higher number it is stale only if the incarnation has ended.
                if was_stale:
                    self._begin_again()
                    made = self.collect()
                was_stale = not was_stale
            elif self._may_help(response, made):
                made = self.collect()
            else:
                return taken
        return taken

    def _send(self, snapshot: Snapshot, *, final: bool, until: float | None) -> Response | None:
        timeout = None if until is None else max(0.2, until - monotonic())
        try:
            return self.incarnation.send(snapshot, final=final, timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            self._failed("failed", "push_failed", f"{self.settings.url}: {error!r}")
        except Exception as error:  # noqa: BLE001 - the thread must live on
            self._failed("failed", "push_broken", f"{type(error).__name__}")
        return None

    def _accepted(self, response: Response, snapshot: Snapshot, limits: Limits) -> bool:
        """Note what was taken; return whether more would be taken at once, when it is folded."""
        self.failures = 0
        self.unsent = None
        self.incarnation.accepted = snapshot
        PUSHES.labels("stale" if _is_stale(response) else "accepted").inc()
        self._refused.accepted()
        refused = note_rejected_families(response, self.settings.agent)
        return not _is_stale(response) and self.collector.taken(snapshot, refused, limits)

    def _learn(self, response: Response) -> None:
        said = header(response, LIMITS)
        if said:
            self.collector.learn(parse_limits(said))
        self._heard_limits = self._heard_limits or response.status == 200

    def _may_help(self, response: Response, snapshot: Snapshot) -> bool:
        """Note a refusal; return whether to push again at once, with less."""
        text = response.text.strip()[:300]
        self._failed("refused", "push_refused", f"{response.status}: {text}")
        if response.status == 400:
            return self._refused.refused(snapshot, response.text)
        if response.status == 413:
            size = self.incarnation.sender.text_bytes // 2
            smaller = replace(self.collector.limits, body=size)
            if _SMALLEST_BODY_BYTES < size < self.collector.limits.body:
                self.collector.learn(smaller)
                return True
        return False

    def _failed(self, outcome: str, reason: str, detail: str) -> None:
        self.failures += 1
        PUSHES.labels(outcome).inc()
        token = self.settings.token
        record_error(reason, detail.replace(token, "***") if token else detail)

    def _begin_again(self) -> None:
        """Go on as another incarnation: somebody has ended ours, with what it had counted then."""
        old, accepted = self.incarnation, self.incarnation.accepted
        record_error("ended_by_others", f"{old.name} was ended by another process; it goes on anew")
        reported = old.what_others_sent()
        if reported is None:
            reported = accepted.by_series() if accepted is not None else {}
        self.incarnation = Incarnation(self.settings, self.folder)
        with REGISTRY.lock:
            REGISTRY.reported = reported
            subtract_reported()
            migrate_to(self.incarnation.storage)
        old.remove_file()
        old.sender.connection.close()
        self.collector.go_on_from(self.collector, accepted)


def _is_stale(response: Response) -> bool:
    return header(response, "Dreamos-Result") == "stale"
