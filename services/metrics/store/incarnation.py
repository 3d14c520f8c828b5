"""A live process of an agent, or the body of a plain group: its latest snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.protocol.push import RejectedFamily
from services.metrics.series.aggregate import Part
from services.metrics.series.merge import Placement
from services.metrics.series.series_list import Floats, SeriesList


@dataclass(slots=True)
class Incarnation:
    """A process, as its last push tells it. Never changed, only replaced.

    Args:
        template: the lines it last sent; None after a restart of the service.
        series: the list of its series.
        values: one for each series.
        sequence: number of its last push; 0 when it sends none.
        ttl: seconds of silence after which it is lost; None for never.
        pushed: when it last pushed, Unix time of the service.
        position: the higher, the later it pushed; tells the most recent gauge after a restart.
        absent: what it counted in series that it does not show now.
        placement: where the values of the template go; None: they are all of ``values``.
        rejected: families of its last push that were left out.
    """

    template: BodyTemplate | None
    series: SeriesList
    values: Floats
    sequence: int
    ttl: float | None
    pushed: float
    position: int = 0
    absent: Part | None = None
    placement: Placement | None = None
    rejected: tuple[RejectedFamily, ...] = ()

    @property
    def part(self) -> Part:
        """The snapshot as a contribution."""
        return Part(self.series, self.values)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All that it contributes: what it shows, and what it counted beside that."""
        return (self.part,) if self.absent is None else (self.absent, self.part)

    def value_of(self, family: str) -> float:
        """Return the sum of a family's totals, 0 when it is not there."""
        where = self.series.counts_of(family)
        return sum(map(self.values.item, where), 0.0) if where else 0.0
