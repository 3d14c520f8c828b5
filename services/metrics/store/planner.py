"""Planner: holds a snapshot against its group and the others, and works out what it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.protocol.push import Push, RejectedFamily
from services.metrics.series.aggregate import Part
from services.metrics.series.clashes import Clash, clashes, kind_of, twice_bounded
from services.metrics.series.lives import follow
from services.metrics.series.merge import Placement, merge
from services.metrics.series.select import lasting, overlay, without
from services.metrics.series.series_list import Ints, SeriesList
from services.metrics.store.capacity import bytes_of
from services.metrics.store.excess import Limit, excess
from services.metrics.store.group import prefix_of
from services.metrics.store.incarnation import Incarnation
from services.metrics.store.plan import Before, Decoded, Plan, Verdict, list_of


def plan(before: Before, push: Push, body: Decoded, verdict: Verdict, made: Incarnation,
         limit: int) -> Plan:  # fmt: skip
    """Work out what a push changes.

    Args:
        before: what it finds.
        push: what is asked for.
        body: what it says.
        verdict: of other groups.
        made: the new snapshot, as the body has it.
        limit: series that the group may have.

    Raises:
        Rejected: a push without an incarnation has a family that cannot be taken.
    """
    return _Planner(before, push, body, verdict, made, limit).plan()


@dataclass
class _Planner:
    before: Before
    push: Push
    body: Decoded
    verdict: Verdict
    made: Incarnation
    limit: int

    def __post_init__(self) -> None:
        self.refused = {each.name: each for each in self.body.rejected}
        self.make_room: set[str] = set()
        self.leave_out: set[str] = set()
        self.old = self.before.snapshot

    def plan(self) -> Plan:
        series = self.made.series
        self._refuse_clashes(series)
        for name, message in self.verdict.refused.items():
            self._refuse(name, "inconsistent", message)
        kept = without(series, self.refused.keys())
        beside = self._beside(kept.series)
        self._refuse_excess(kept.series, beside)
        if self.push.target.incarnation is None and self.refused:
            first = next(iter(self.refused.values()))
            raise Rejected(first.reason, first.message)
        kept = without(series, self.refused.keys())
        return self._member(kept.series, kept.positions)

    def _refuse(self, name: str, reason: str, message: str) -> None:
        self.refused.setdefault(name, RejectedFamily(name, reason, message))

    def _refuse_clashes(self, series: SeriesList) -> None:
        """Find the families that do not fit into the group, and those that make way for them."""
        for name, message in twice_bounded(series).items():
            self._refuse(name, "duplicate", message)
        room, out = [], []
        for other in self.before.others.values():
            for clash in clashes(series, other.series):
                if clash.yields:
                    out.append(clash)
                else:
                    message = f"{clash.message}: another process of this agent has it so"
                    self._refuse(clash.mine.name, "inconsistent", message)
        for totals in self._totals():
            for clash in clashes(series, totals):
                if kind_of(clash.mine) == "unknown":
                    message = f"{clash.message}: tell its type"
                    self._refuse(clash.mine.name, "inconsistent", message)
                else:
                    room.append(clash)
        for clash in self._own_clashes(series):
            message = f"{clash.message} in the same process"
            self._refuse(clash.mine.name, "inconsistent", message)
        self.leave_out = {c.theirs.name for c in out if c.mine.name not in self.refused}
        self.make_room = {c.theirs.name for c in room if c.mine.name not in self.refused}

    def _own_clashes(self, series: SeriesList) -> Iterator[Clash]:
        """Yield what clashes with families that the process keeps, because POST names others."""
        if self.old is not None and not self.push.replace:
            rest = without(self.old.series, series.index.keys())
            yield from clashes(series, rest.series)

    def _totals(self) -> Iterator[SeriesList]:
        if self.before.retired is not None:
            yield self.before.retired.series
        for other in self.before.others.values():
            if other.absent is not None:
                yield other.absent.series

    def _beside(self, series: SeriesList) -> list[SeriesList]:
        """Return the lists that the group has in any case, whatever is taken of this one."""
        found = [without(totals, self.make_room).series for totals in self._totals()]
        for other in self.before.others.values():
            found.append(without(other.series, self.leave_out).series)
        old = self.old
        if old is None:
            return found
        if self.push.target.incarnation is not None:
            found.append(lasting(old.series).series)
            if old.absent is not None:
                found.append(old.absent.series)
        if not self.push.replace:
            found.append(without(old.series, series.index.keys()).series)
        return found

    def _refuse_excess(self, series: SeriesList, beside: list[SeriesList]) -> None:
        if self._surely_fits(series, beside):
            return
        all_of_it = merge([*beside, series]).series
        prefix = prefix_of(self.push.target.labels)
        size = bytes_of(len(all_of_it), all_of_it.text_bytes, prefix)
        room = self.verdict.room
        by_bytes = int(room.bytes * len(all_of_it) / size) if size > room.bytes else room.series
        most = min(self.limit, room.series, by_bytes)
        if all_of_it.series <= most:
            return
        known = frozenset(self.old.series.index) if self.old is not None else frozenset()
        limit = Limit(most, self.limit, all_of_it.series)
        for name, message in excess(series, beside, known, limit).items():
            self._refuse(name, "too_many_series", message)

    def _surely_fits(self, series: SeriesList, beside: list[SeriesList]) -> bool:
        """Tell it without uniting the lists, where there is room for all of them apart."""
        lists = dict.fromkeys([*beside, series])
        prefix = prefix_of(self.push.target.labels)
        total = sum(each.series for each in lists)
        text = sum(each.text_bytes for each in lists)
        size = bytes_of(sum(map(len, lists)), text, prefix)
        return (
            total <= min(self.limit, self.verdict.room.series) and size <= self.verdict.room.bytes
        )

    def _member(self, taken: SeriesList, positions: Ints) -> Plan:
        values = self.made.values[positions]
        series, placement = taken, None
        if len(taken) < len(self.made.series):
            placement = Placement(np.arange(len(taken)), positions, len(taken))
        old = self.old
        if old is not None and not self.push.replace:
            laid = overlay(old.series, taken)
            series, values = laid.series, laid.values(old.values, values)
            if laid.placement is not None:
                source = positions[laid.placement.source]
                placement = Placement(laid.placement.to, source, laid.placement.own)
        absent, ended = self._lives(Part(series, values))
        member = replace(
            self.made,
            series=series,
            values=values,
            absent=absent,
            placement=placement,
            rejected=tuple(self.refused.values()),
        )
        new_list = (
            self.push.final
            or self.before.member is None
            or self.before.member.series is not series
            or list_of(self.before.member.absent) is not list_of(absent)
            or ended is not None
            or bool(self.make_room or self.leave_out)
        )
        made = Plan(
            self.before,
            member,
            new_list,
            self.made.series,
            self.verdict,
            ended,
            frozenset(self.make_room),
            frozenset(self.leave_out),
        )
        return made._replace(shown=self._foresee(made)) if new_list else made

    def _lives(self, now: Part) -> tuple[Part | None, Part | None]:
        old = self.old
        if old is None or self.push.target.incarnation is None:
            return None, None
        before, absent = old.part, old.absent
        changed = {clash.theirs.name for clash in clashes(now.series, old.series)}
        if self.before.member is None:
            # It was lost, and its names may have been used for something else since then.
            others = [each.series for each in self.before.others.values()]
            for series in (*others, *self._totals()):
                changed |= {clash.mine.name for clash in clashes(old.series, series)}
        if changed:
            kept = without(old.series, changed)
            before = Part(kept.series, old.values[kept.positions])
        if absent is not None:
            changed = {clash.theirs.name for clash in clashes(now.series, absent.series)}
            rest = without(absent.series, changed)
            absent = Part(rest.series, absent.values[rest.positions]) if changed else absent
        return follow(before, absent, now)

    def _foresee(self, made: Plan) -> SeriesList:
        """Unite the lists that carrying the plan out will need."""
        totals = self.before.retired.series if self.before.retired is not None else None
        if totals is not None and self.make_room:
            totals = without(totals, self.make_room).series
            totals = totals if len(totals) else None
        found = [made.ended] if made.ended is not None else []
        if self.push.final and self.push.target.incarnation is not None:
            found += made.member.parts
        for each in found:
            own = lasting(each.series).series
            totals = own if totals is None else merge([totals, own]).series
            own.prepare()
        lists = [] if totals is None else [totals]
        for other in self.before.others.values():
            lists.append(without(other.series, self.leave_out).series)
            lists += [other.absent.series] if other.absent is not None else []
        if not self.push.final or self.push.target.incarnation is None:
            lists += [part.series for part in made.member.parts]
        shown = merge(lists).series if lists else made.member.series
        for series in (shown, made.member.series, *lists):
            series.prepare()
        return shown
