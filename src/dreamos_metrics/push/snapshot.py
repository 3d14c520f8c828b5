"""Snapshot of everything this process counts, as a text body or as bare values."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

from dreamos_metrics.metrics import openmetrics
from dreamos_metrics.metrics.errors import log_pending_errors
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.snapshot_hooks import run_hooks
from dreamos_metrics.push import third_party


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
    third_party_metrics: list[third_party.ThirdPartyFamily]

    def text(self) -> bytes:
        """Return the OpenMetrics text body."""
        pieces = openmetrics.text_pieces(self.series_list, self.slots)
        for comment, lines, values in self.third_party_metrics:
            pieces.append(comment)
            pieces.extend(
                f"{line} {openmetrics.format_value(value)}\n"
                for line, value in zip(lines, values, strict=True)
            )
        pieces.append("# EOF\n")
        return "".join(pieces).encode("utf-8")

    def values(self) -> array[float]:
        """Return the values of all sample lines, in the order of the text body."""
        result = openmetrics.values_of(self.series_list, self.slots)
        for _, _, values in self.third_party_metrics:
            result.extend(values)
        return result

    def by_series(self) -> dict[Any, list[float]]:
        """Return the slots of each of our series as this snapshot has them."""
        every = (series for _, found in self.series_list for series in found)
        return dict(zip(every, self.slots, strict=True))


class SnapshotCollector:
    """Collects snapshots; keeps the list of series between two while it does not change."""

    def __init__(self) -> None:
        #: What a forked process inherited of its parent's prometheus_client counts.
        self.baseline: third_party.Baseline = {}
        self._generation = -1
        self._series_list: openmetrics.SeriesList = []

    def collect(self, *, with_third_party: bool = True) -> Snapshot:
        """Run the hooks and return a snapshot, with or without other libraries' metrics."""
        run_hooks()
        log_pending_errors()
        third_party_metrics = (
            third_party.third_party_families(self.baseline) if with_third_party else []
        )
        if self._generation != REGISTRY.generation:
            self._generation, self._series_list = openmetrics.list_series()
        shape = hash(tuple((comment, *lines) for comment, lines, _ in third_party_metrics))
        slots = openmetrics.read_slots(self._series_list)
        return Snapshot((self._generation, shape), self._series_list, slots, third_party_metrics)
