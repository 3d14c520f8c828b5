"""Snapshot of everything this process counts, as a text body or as bare values."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dreamos_metrics.metrics import openmetrics
from dreamos_metrics.metrics.errors import log_pending_errors, record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.limits import (
    UNLIMITED,
    USUAL,
    FoldedSeries,
    Limits,
    cut_facts,
    lines_of,
)
from dreamos_metrics.metrics.shown_series import NEVER_FOLDED, ShownSeries
from dreamos_metrics.metrics.snapshot_hooks import run_hooks
from dreamos_metrics.push.fold_marks import FoldMarks
from dreamos_metrics.push.room import room_left
from dreamos_metrics.push.third_party import (
    TOTALS,
    ThirdPartyFamily,
    ThirdPartyMetrics,
    within,
)

#: Fewer sample lines than this are not made fewer, whatever the body's limit is.
_FEWEST_LINES = 100
#: Fits of one list, each smaller than the one before, until its body is within the limit.
_MOST_FITS = 8
#: So small a share of the service's limit may be new in the last push: mostly there is room for it.
_SMALL_SHARE = 100


@dataclass(frozen=True)
class Snapshot:
    """One snapshot.

    Attributes:
        signature: equal for two snapshots whose lists of sample lines are the same, in the same
            order.
        series_list: our families with their series.
        slots: the slots of every series of the list, each read once.
        third_party_metrics: other libraries' families.
    """

    signature: tuple[int, int]
    series_list: openmetrics.SeriesList
    slots: list[list[float]]
    third_party_metrics: list[ThirdPartyFamily]

    def text(self) -> bytes:
        """Return the OpenMetrics text body."""
        pieces = openmetrics.text_pieces(self.series_list, self.slots)
        for family in self.third_party_metrics:
            pieces.append(family.comment)
            pieces.extend(
                f"{line} {openmetrics.format_value(value)}\n"
                for line, value in zip(family.lines, family.values, strict=True)
            )
        pieces.append("# EOF\n")
        return "".join(pieces).encode("utf-8")

    def values(self) -> array[float]:
        """Return the values of all sample lines, in the order of the text body."""
        result = openmetrics.values_of(self.series_list, self.slots)
        for family in self.third_party_metrics:
            result.extend(family.values)
        return result

    def by_series(self) -> dict[Any, list[float]]:
        """Return the slots of each of our series as this snapshot has them."""
        every = (series for _, found in self.series_list for series in found)
        result: dict[Any, list[float]] = {}
        for series, read in zip(every, self.slots, strict=True):
            if isinstance(series, FoldedSeries):
                result.update(zip(series.members, series.reads, strict=True))
            else:
                result[series] = read
        return {series: read for series, read in result.items() if read}

    def lines(self) -> int:
        """Return how many series the service makes of it, times of beginning not counted."""
        ours = sum(
            (lines_of(family) - (family.kind in TOTALS)) * len(found)
            for family, found in self.series_list
        )
        return ours + sum(
            not line.partition("{")[0].endswith("_created")
            for family in self.third_party_metrics
            for line in family.lines
        )

    def body_lines(self) -> int:
        """Return how many sample lines its text has."""
        ours = sum(lines_of(family) * len(found) for family, found in self.series_list)
        return ours + sum(family.size for family in self.third_party_metrics)

    def third_party_sizes(self) -> dict[str, int]:
        """Return how many lines each family of other libraries has."""
        return {family.name: family.size for family in self.third_party_metrics}

    def family_names(self) -> list[str]:
        """Return the names of all families, other libraries' last."""
        ours = [family.name for family, _ in self.series_list]
        return ours + [family.name for family in self.third_party_metrics]

    def family_at(self, line: int) -> str:
        """Return the name of the family that stands on a line of the text, counted from 1."""
        lines = self.text().decode("utf-8").split("\n")
        for text in reversed(lines[:line]):
            if text.startswith("# TYPE "):
                return text.split(" ")[2]
        return ""


class SnapshotCollector:
    """Collects snapshots; keeps the list of series between two while it does not change."""

    def __init__(self) -> None:
        self.third_party = ThirdPartyMetrics()
        #: What the service takes, as far as it has said so.
        self.limits = Limits()
        #: Families that the service refuses, and with them the whole push.
        self.left_out: Collection[str] = ()
        self._key: tuple[object, ...] = ()
        self._generation = -1
        self._series_list: openmetrics.SeriesList = []
        self._most_new = 0
        #: What the service has taken, which stays as it is.
        self.shown = ShownSeries()
        self._marks = FoldMarks()
        self._over: dict[str, int] = {}

    def learn(self, limits: Limits) -> None:
        """Keep to limits of the service from now on."""
        if limits != self.limits:
            self.limits = limits
            self.shown.room = UNLIMITED  # a service that has other limits may have other room
            self.third_party.longest_value = limits.label_value

    def taken(self, snapshot: Snapshot, refused: Mapping[str, str], limits: Limits) -> bool:
        """Note that the service took a snapshot; return whether more of it fits in when folded.

        Args:
            snapshot: what was pushed.
            refused: the families that it left out, with the reasons.
            limits: those that the snapshot was made for.
        """
        sizes = snapshot.third_party_sizes()
        refused = _by_our_names(refused, snapshot.family_names())
        if self.shown.taken(snapshot.series_list, sizes, refused):
            self._marks.taken()
        full = {name: why for name, why in refused.items() if why.startswith("too_many_series")}
        if not full:
            return False
        if limits != self.limits:
            return True
        asked = snapshot.body_lines()
        there = asked - self.shown.lines_not_taken(snapshot.series_list, sizes)
        room = room_left(snapshot.lines(), full.values(), asked, there)
        is_less = room < self.shown.room
        self.shown.room = min(room, self.shown.room)
        return is_less

    def may_be_refused(self) -> bool:
        """Whether so much is new that the next push may be told that families do not fit."""
        every = [
            (family, found)
            for family, found in openmetrics.list_series()[1]
            if not family.name.startswith(NEVER_FOLDED)
        ]
        plan = self.shown.plan(every, self.limits, {})
        new = self.shown.lines_not_taken(plan.families, {})
        is_full = bool(plan.folds) or self.shown.room < UNLIMITED
        small = 0 if is_full else min(USUAL.series, self.limits.series) // _SMALL_SHARE
        return new > small

    def collect(self, *, with_third_party: bool = True) -> Snapshot:
        """Run the hooks and return a snapshot, with or without other libraries' metrics."""
        run_hooks()
        log_pending_errors()
        theirs = self.third_party.collect() if with_third_party else []
        return self._made(self._wanted(theirs))

    def collect_totals(self) -> Snapshot:
        """Return a snapshot of totals only, without asking anybody: somebody hangs when asked.

        Other libraries' totals are those of the snapshot before. Safe beside another thread.
        """
        generation, every = openmetrics.list_series()
        families = [
            (family, found)
            for family, found in every
            if family.kind in TOTALS and family.name not in self.left_out
        ]
        theirs = self._wanted(self.third_party.totals_before())
        sizes = {family.name: family.size for family in theirs}
        series_list = self.shown.plan(families, self.limits, sizes).families
        slots = openmetrics.read_slots(series_list)
        return Snapshot((generation, 0), series_list, slots, theirs)

    def go_on_from(self, earlier: SnapshotCollector, reported: Snapshot | None) -> None:
        """Begin another incarnation: of other libraries, report what comes after `reported`."""
        self.shown, self._marks, self._key = ShownSeries(), FoldMarks(), ()
        before, self.third_party = earlier.third_party, ThirdPartyMetrics()
        families = reported.third_party_metrics if reported is not None else []
        self.third_party.count_from(families, before)

    def is_over(self, limits: Limits) -> bool:
        """Whether something would not fit into these limits."""
        every = openmetrics.list_series()[1]
        sizes = {family.name: family.size for family in self.third_party.totals_before()}
        return bool(ShownSeries().plan(every, limits, sizes).over)

    def _wanted(self, families: Sequence[ThirdPartyFamily]) -> list[ThirdPartyFamily]:
        return [family for family in families if family.name not in self.left_out]

    def _made(self, theirs: list[ThirdPartyFamily]) -> Snapshot:
        sizes = {family.name: family.size for family in theirs}
        without = frozenset(self.left_out)
        key = (REGISTRY.generation, self.limits, self.shown.room, tuple(sizes.items()), without)
        if key != self._key:
            self._fit(sizes)
            if self._generation != REGISTRY.generation:
                self._fit(sizes)  # what was over is counted in a series that is new itself
            self._key = (self._generation, *key[1:])
        theirs = within(theirs, self._most_new, self.shown.others)
        lines = hash(tuple((family.comment, *family.lines) for family in theirs))
        slots = openmetrics.read_slots(self._series_list)
        # A gauge whose function raises has no line in this snapshot.
        left_out = tuple(index for index, read in enumerate(slots) if not read)
        signature = self._generation, hash((lines, left_out, *self._key[1:]))
        return Snapshot(signature, self._series_list, slots, theirs)

    def _fit(self, sizes: Mapping[str, int]) -> None:
        self._generation, every = openmetrics.list_series()
        families = [(family, found) for family, found in every if family.name not in self.left_out]
        limits, others = self.limits, sum(sizes.values())
        cut_facts(families, limits)
        plan = self.shown.plan(families, limits, sizes)
        self._series_list = plan.families
        for _ in range(_MOST_FITS):
            lines = self._lines() + others
            size = self._bytes() * (lines / max(1, lines - others))
            if size <= limits.body or lines <= _FEWEST_LINES:
                break
            most = int(lines * 0.9 * limits.body / size)
            limits = replace(limits, series=max(_FEWEST_LINES, most))
            plan = self.shown.plan(families, limits, sizes)
            self._series_list = plan.families
        self.shown.keep(plan)
        self._marks.fold(plan.folds)
        self._most_new = plan.most_new
        self._say(plan.over)

    def _lines(self) -> int:
        return sum(lines_of(family) * len(found) for family, found in self._series_list)

    def _bytes(self) -> int:
        """Return how long the text of our families is, at least about."""
        if self._lines() * 64 < self.limits.body:
            longest = max((_longest(found) for _, found in self._series_list), default=0)
            if self._lines() * (64 + 6 * longest) < self.limits.body:
                return 0
        slots = openmetrics.read_slots(self._series_list)
        return sum(map(len, openmetrics.text_pieces(self._series_list, slots)))

    def _say(self, over: dict[str, int]) -> None:
        for name, number in over.items():
            more = number - self._over.get(name, 0)
            if more > 0:
                detail = f"{number} series of {name} are cut, folded or left out: {self.limits}"
                record_error("over_limit", detail, about=name, times=more)
        self._over = over


def _by_our_names(refused: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return refusals by family; the service may name a counter or info by its samples."""
    known, result = set(names), {}
    for name, reason in refused.items():
        stems = (name, name.removesuffix("_total"), name.removesuffix("_info"))
        result[next((stem for stem in stems if stem in known), name)] = reason
    return result


def _longest(found: Sequence[Any]) -> int:
    return max((sum(map(len, series._values)) for series in found), default=0)
