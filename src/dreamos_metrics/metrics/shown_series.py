"""Shown series: what the service has taken of this process stays as it is, the rest fits in or folds.

The service keeps a series that vanishes, so that no total falls: one that was shown and then goes
into `(other)` would count twice, and frees no room. So what was taken is never folded, and what was
folded is never shown by itself again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from dreamos_metrics.metrics.family import OVERFLOW
from dreamos_metrics.metrics.limits import (
    UNLIMITED,
    FoldedSeries,
    Limits,
    fitting_families,
    largest_share,
    lines_of,
)

#: What makes the agent visible is never folded.
NEVER_FOLDED = ("dreamos_agent_", "dreamos_client_")
_TOTALS = ("counter", "summary", "histogram")
_Key = tuple[str, ...]
_Series = Sequence[tuple[Any, list[Any]]]


class Plan(NamedTuple):
    """What is shown.

    Attributes:
        families: ours, as they are shown.
        over: of how many series of which family something was cut, folded or left out.
        folds: what was folded for want of room, by family.
        most_new: lines that another library's family may have beside those that were taken.
    """

    families: list[tuple[Any, list[Any]]]
    over: dict[str, int]
    folds: dict[str, FoldedSeries]
    most_new: int


class _Parts(NamedTuple):
    """Series of a family: taken, folded, and neither."""

    own: list[Any]
    folded: list[Any]
    new: list[Any]


class ShownSeries:
    """What was taken and what was folded of one incarnation, by family and label values."""

    def __init__(
        self, own: dict[str, set[_Key]] | None = None, folded: dict[str, set[_Key]] | None = None
    ) -> None:
        #: Lines of this process that the service has room for, as far as its refusals say.
        self.room = UNLIMITED
        #: Lines of other libraries' families that were taken.
        self.others: dict[str, int] = {}
        self._own = own or {}
        self._folded = folded or {}
        self._folds: dict[str, FoldedSeries] = {}
        self._seen: tuple[object, ...] = ()

    def plan(self, families: _Series, limits: Limits, others: Mapping[str, int]) -> Plan:
        """Work out what to show. Changes nothing; safe beside another thread.

        Args:
            families: ours, with their series.
            limits: of the service.
            others: how many lines each family of other libraries has.
        """
        fitting, over = fitting_families(families, limits)
        parts = [self._parts(family, found) for family, found in fitting]
        self._leave_out_cut(fitting, parts, limits, over)
        fixed = [
            lines_of(family) * (len(part.own) + bool(part.folded))
            for (family, _), part in zip(fitting, parts, strict=True)
        ]
        new = [lines_of(f) * len(p.new) for (f, _), p in zip(fitting, parts, strict=True)]
        new += [max(0, size - self.others.get(name, 0)) for name, size in others.items()]
        taken = sum(fixed) + sum(min(n, self.others.get(name, 0)) for name, n in others.items())
        most = self._most(new, taken, limits)
        shown, folds = [], {}
        for (family, _), part in zip(fitting, parts, strict=True):
            own, folded = self._share(family, part, most)
            if folded:
                over[family.name] = over.get(family.name, 0) + len(folded)
                folds[family.name] = self._fold(family, folded)
                own = [*own, folds[family.name]]
            shown.append((family, own))
        return Plan(self._trimmed(shown, limits, over), over, folds, most)

    def keep(self, plan: Plan) -> None:
        """Note that this plan will be shown: what it folds stays folded."""
        for name, fold in plan.folds.items():
            keys = self._folded.setdefault(name, set())
            keys.update(member._values for member in fold.members)
        self._folds.update(plan.folds)

    def taken(self, families: _Series, others: Mapping[str, int], refused: Collection[str]) -> bool:
        """Note that the service took a snapshot, but for the families `refused`.

        Returns:
            Whether it is another list than the last one.
        """
        seen = families, others, frozenset(refused)
        if self._seen and seen[0] is self._seen[0] and seen[1:] == self._seen[1:]:
            return False
        self._seen = seen
        for family, found in families:
            if family.name not in refused:
                keys = self._own.setdefault(family.name, set())
                keys.update(each._values for each in found)
        self.others.update((n, size) for n, size in others.items() if n not in refused)
        return True

    def lines_not_taken(self, families: _Series, others: Mapping[str, int]) -> int:
        """Return how many lines of a snapshot the service has not seen yet."""
        lines = sum(max(0, size - self.others.get(name, 0)) for name, size in others.items())
        for family, found in families:
            own = self._own.get(family.name, set())
            new = sum(each._values not in own for each in found)
            lines += new * lines_of(family)
        return lines

    def _parts(self, family: Any, found: list[Any]) -> _Parts:
        parts = _Parts([], [], [])
        own, folded = self._own.get(family.name, set()), self._folded.get(family.name)
        overflow = (OVERFLOW,) * len(family.labelnames)
        never = not family.labelnames or family.name.startswith(NEVER_FOLDED)
        for each in found:
            key = each._values
            if never:
                parts.own.append(each)
            elif folded is not None and (key in folded or key == overflow or key not in own):
                parts.folded.append(each)
            else:
                (parts.own if key in own else parts.new).append(each)
        return parts

    def _leave_out_cut(self, fitting: _Series, parts: list[_Parts], limits: Limits,
                       over: dict[str, int]) -> None:  # fmt: skip
        """Leave out what was taken under a longer value than may be now; cut, it counts twice."""
        for (family, _), part in zip(fitting, parts, strict=True):
            longer = [
                key
                for key in self._own.get(family.name, ())
                if any(len(value) > limits.label_value for value in key)
            ]
            if longer:
                for found in part:
                    found[:] = [each for each in found if not _is_cut_of(each, longer, limits)]
                over.setdefault(family.name, len(longer))

    def _most(self, new: Sequence[int], taken: int, limits: Limits) -> int:
        room = min(limits.series, self.room)
        if taken + sum(new) <= room:
            return UNLIMITED
        # A tenth stays free: the agent's other processes count too, and what comes later.
        return largest_share(new, max(0, room * 9 // 10 - taken))

    def _share(self, family: Any, part: _Parts, most: int) -> tuple[list[Any], list[Any]]:
        if not part.new or lines_of(family) * len(part.new) <= most:
            return [*part.own, *part.new], part.folded
        overflow = (OVERFLOW,) * len(family.labelnames)
        kept = max(0, most // lines_of(family) - 1)
        new = [each for each in part.new if each._values != overflow]
        # What counts under that name already has it from here on together with the rest.
        same = [each for each in (*part.own, *part.new) if each._values == overflow]
        own = [each for each in part.own if each._values != overflow]
        return [*own, *new[:kept]], [*part.folded, *same, *new[kept:]]

    def _fold(self, family: Any, folded: list[Any]) -> FoldedSeries:
        fold = FoldedSeries(family, (OVERFLOW,) * len(family.labelnames), folded)
        before = self._folds.get(family.name)
        if before is not None and family.kind in _TOTALS:
            now = set(map(id, fold.members))
            gone = [member._read() for member in before.members if id(member) not in now]
            fold.gone = [*before.gone, *filter(None, gone)]
        return fold

    def _trimmed(self, shown: list[tuple[Any, list[Any]]], limits: Limits,
                 over: dict[str, int]) -> list[tuple[Any, list[Any]]]:  # fmt: skip
        """Leave out, where even what was taken is too much for a body, what is newest of it."""
        sizes = [lines_of(family) * len(found) for family, found in shown]
        most = largest_share(sizes, limits.series)
        if most == UNLIMITED:
            return shown
        result = []
        for (family, found), size in zip(shown, sizes, strict=True):
            kept = found
            if size > most and family.labelnames and not family.name.startswith(NEVER_FOLDED):
                kept = found[: max(1, most // lines_of(family))]
                over[family.name] = over.get(family.name, 0) + len(found) - len(kept)
            result.append((family, kept))
        return result


def _is_cut_of(series: Any, longer: Sequence[_Key], limits: Limits) -> bool:
    key = series._values
    return any(
        key == tuple(value[: limits.label_value] for value in each) or key == each
        for each in longer
    )
