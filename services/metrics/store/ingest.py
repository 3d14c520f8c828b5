"""Ingestion: from a push to a change of the state, in four steps.

1. look: under the lock, see what the push finds
2. decode: read its body, by comparison where its lines are known
3. plan: work out what it changes
4. commit: under the lock, carry the plan out if what it was made for is still there; else plan again

A push of known lines that keeps its list needs no more than a comparison of values in step 3.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.protocol.grouping_key import GroupingKey
from services.metrics.protocol.push import Push, PushResult
from services.metrics.series.lives import fell
from services.metrics.series.series_list import CREATED, Floats, SeriesList
from services.metrics.settings import Settings
from services.metrics.store.body_decoder import BodyDecoder
from services.metrics.store.group import Group, prefix_of
from services.metrics.store.incarnation import Incarnation
from services.metrics.store.plan import Before, Decoded, Plan, keeps_list
from services.metrics.store.planner import plan
from services.metrics.store.rejections import Rejections
from services.metrics.store.state import State
from services.metrics.store.token_bucket import TokenBucket

ATTEMPTS = 4
"""Plans that are made without the lock. When others were quicker each time, the next one is made
under it."""


class Ingest:
    """Takes pushes. Safe for threads.

    Args:
        settings: limits.
        state: what is changed; only touched under ``lock``.
        lock: guards the state.
        decoder: reads bodies.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        lock: threading.Lock,
        decoder: BodyDecoder,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._state = state
        self._lock = lock
        self._decoder = decoder
        self._clock = clock
        self._budget = TokenBucket(settings.new_series_cpu_share)
        self._planning = threading.Lock()
        self.closed = False
        self.rejections = Rejections()
        self.on_list: Callable[[str, SeriesList], None] = lambda prefix, series: None

    def push(self, push: Push) -> PushResult:
        """Take a push (see :meth:`Store.push`), without waiting for the disk."""
        try:
            return self._push(push)
        except Rejected as refusal:
            self._note_failure(push.target, refusal.reason)
            raise

    def _push(self, push: Push) -> PushResult:
        before = self._look(push)
        if _is_stale(push, before):
            return PushResult("stale")
        body = self._decode(push, before)
        if body.whole and not body.rejected:
            answer = self._refresh(push, before.group, before.member, body.template, body.values)
            if answer is not None:
                return answer
        made = self._incarnation(push, body)
        for _ in range(ATTEMPTS):
            planned = self._plan(push, before, body, made)
            with self._lock:
                self.check_open()
                if self._state.holds(planned, push):
                    return self._commit(planned, push, body)
            before = self._look(push)
            if _is_stale(push, before):
                return PushResult("stale")
        with self._lock:
            self.check_open()
            before = self._with_ending(push, self._state.look(push))
            if _is_stale(push, before):
                return PushResult("stale")
            verdict = self._state.judge(push.target.labels, made.series)
            limit = self._settings.max_series
            return self._commit(plan(before, push, body, verdict, made, limit), push, body)

    def push_known(self, push: Push) -> PushResult | None:
        """Take a push of known lines (see :meth:`Store.push_known`)."""
        name = push.target.incarnation
        with self._lock:
            self.check_open()
            group = self._state.groups.get(push.target.labels)
            old = group.find(name or "") if group is not None else None
        if group is None or old is None or old.template is None:
            return None
        if 0 < push.sequence <= old.sequence:
            return PushResult("stale")
        if not keeps_list(old, old.template, push.replace):
            return None
        values = self._known_values(push, old.template)
        return None if values is None else self._refresh(push, group, old, old.template, values)

    def _refresh(
        self,
        push: Push,
        group: Group | None,
        old: Incarnation | None,
        template: BodyTemplate,
        values: Floats,
    ) -> PushResult | None:
        """Take a push that only changes values; None when it is more than that."""
        if group is None or old is None or push.final:
            return None
        made = self._kept(push, old, values) if keeps_list(old, template, push.replace) else None
        if made is None:
            return None
        name = push.target.incarnation or ""
        with self._lock:
            self.check_open()
            if self._state.groups.get(push.target.labels) is not group:
                return None
            if group.find(name) is not old:
                return None
            self._state.refresh(group, name, old, made)
        return PushResult("accepted", template.lines, template.name if name else None)

    def _known_values(self, push: Push, template: BodyTemplate) -> Floats | None:
        if push.series_list is not None:
            return self._decoder.values(push.body, push.series_list, [template]).values
        return template.match(push.body)

    def _kept(self, push: Push, old: Incarnation, values: Floats) -> Incarnation | None:
        """Return the snapshot of a push that keeps the list; None when something began anew.

        Args:
            push: what is asked for.
            old: the process.
            values: of the lines of its template.
        """
        template, now = old.template, self._clock()
        if template is not None:
            values = _not_later(template.series, values, now)
        if old.placement is not None:
            wide = old.values.copy()
            wide[old.placement.to] = values[old.placement.source]
            values = wide
        if push.target.incarnation is not None and fell(old.series, old.values, values):
            return None
        return Incarnation(
            template,
            old.series,
            values,
            push.sequence,
            self._ttl(push),
            now,
            absent=old.absent,
            placement=old.placement,
        )

    def _look(self, push: Push) -> Before:
        with self._lock:
            self.check_open()
            before = self._state.look(push)
        return self._with_ending(push, before)

    def _with_ending(self, push: Push, before: Before) -> Before:
        """Return what a push finds, with how its process had ended if only the disk knows."""
        name = push.target.incarnation
        if name is None or before.group is None or before.member or before.gone:
            return before
        try:
            return before._replace(gone=self._state.tombstones.recall(before.group.id, name))
        except sqlite3.Error:
            message = "whether this process has ended cannot be looked up; send it again"
            raise Rejected("disk", message) from None

    def _decode(self, push: Push, before: Before) -> Decoded:
        templates = _templates(before)
        if push.series_list is not None:
            return self._decoder.values(push.body, push.series_list, templates)
        charge = self._budget.spend(push.target.labels, urgent=push.final)
        known = before.snapshot.series.index if before.snapshot is not None else {}
        return self._decoder.text(push, templates[0] if templates else None, charge, known)

    def _ttl(self, push: Push) -> float | None:
        if push.ttl is None and push.target.incarnation is not None:
            return self._settings.default_ttl
        return push.ttl

    def _incarnation(self, push: Push, body: Decoded) -> Incarnation:
        now, series = self._clock(), body.template.series
        values = _not_later(series, body.values, now)
        return Incarnation(body.template, series, values, push.sequence, self._ttl(push), now)

    def _plan(self, push: Push, before: Before, body: Decoded, made: Incarnation) -> Plan:
        with self._lock:
            verdict = self._state.judge(push.target.labels, made.series)
        labels = push.target.labels
        # One at a time: the threads share one interpreter, and what is being planned would only
        # take longer for all.
        with self._planning, self._budget.spend(labels, begun=True):
            planned = plan(before, push, body, verdict, made, self._settings.max_series)
            if planned.shown is not None:
                self.on_list(prefix_of(labels), planned.shown)
        return planned

    def _commit(self, planned: Plan, push: Push, body: Decoded) -> PushResult:
        self._state.commit(planned, push)
        rejected = planned.member.rejected
        self.rejections.note(push.target, rejected)
        template = body.template
        name = template.name if push.target.incarnation is not None and body.whole else None
        left_out = len(planned.judged) - len(planned.member.series) if rejected else 0
        return PushResult("accepted", template.lines - max(0, left_out), name, rejected)

    def check_open(self) -> None:
        """Refuse everything once the store is closed."""
        if self.closed:
            raise Rejected("stopping", "the service is stopping; send it again")

    def _note_failure(self, target: GroupingKey, reason: str) -> None:
        if target.incarnation is not None:
            return
        with self._lock:
            self._state.note_failure(target.labels, reason, self._clock())


def _templates(before: Before) -> list[BodyTemplate]:
    """Return the lines that a sender is likely to repeat, its own first."""
    members = [before.member] if before.member is not None else []
    members.extend(reversed(before.others.values()))
    return [member.template for member in members if member.template is not None]


def _is_stale(push: Push, before: Before) -> bool:
    if before.member is not None:
        return 0 < push.sequence <= before.member.sequence
    if before.gone is None:
        return False
    member = before.gone.member
    return member is None or 0 < push.sequence <= member.sequence


def _not_later(series: SeriesList, values: Floats, now: float) -> Floats:
    """Return values in which nothing begins later than now.

    A sender's clock that is ahead would put a beginning after the first scrape.
    """
    began = series.special.get(CREATED)
    if began is None or values[began].max() <= now:
        return values
    values = values.copy()
    values[began] = np.minimum(values[began], now)
    return values
