"""Take a snapshot of everything this process counts, as a text body or as bare values."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

from dreamos.core.metrics import _foreign, _render
from dreamos.core.metrics._errors import say_errors
from dreamos.core.metrics._family import REGISTRY
from dreamos.core.metrics._hooks import run_hooks


@dataclass(frozen=True)
class Snapshot:
    """One snapshot.

    Attributes:
        signature: equal for two snapshots whose lists of sample lines are the same, in the same order.
        plan: our families with their series.
        taken: the slots of every series of the plan, each read once.
        foreign: other libraries' families.
    """

    signature: tuple[int, int]
    plan: _render.Plan
    taken: list[list[float]]
    foreign: list[_foreign.Foreign]

    def text(self) -> bytes:
        """Return the OpenMetrics text body."""
        pieces = _render.text(self.plan, self.taken)
        for comment, lines, values in self.foreign:
            pieces.append(comment)
            pieces.extend(
                f"{line} {_render.write_number(value)}\n"
                for line, value in zip(lines, values, strict=True)
            )
        pieces.append("# EOF\n")
        return "".join(pieces).encode("utf-8")

    def values(self) -> array[float]:
        """Return the values of all sample lines, in the order of the text body."""
        result = _render.all_numbers(self.plan, self.taken)
        for _, _, values in self.foreign:
            result.extend(values)
        return result

    def by_series(self) -> dict[Any, list[float]]:
        """Return the slots of each of our series as this snapshot has them."""
        every = (series for _, found in self.plan for series in found)
        return dict(zip(every, self.taken, strict=True))


class Camera:
    """Takes snapshots; keeps the list of series between two while it does not change."""

    def __init__(self) -> None:
        #: What a forked process inherited of its parent's prometheus_client counts.
        self.baseline: _foreign.Baseline = {}
        self._generation = -1
        self._plan: _render.Plan = []

    def take(self, *, with_foreign: bool = True) -> Snapshot:
        """Run the hooks and return a snapshot, with or without other libraries' metrics."""
        run_hooks()
        say_errors()
        foreign = _foreign.foreign_families(self.baseline) if with_foreign else []
        if self._generation != REGISTRY.generation:
            self._generation, self._plan = _render.plan()
        shape = hash(tuple((comment, *lines) for comment, lines, _ in foreign))
        taken = _render.reads(self._plan)
        return Snapshot((self._generation, shape), self._plan, taken, foreign)
