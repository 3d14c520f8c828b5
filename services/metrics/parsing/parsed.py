"""What a body says, line by line and as a list of series."""

from __future__ import annotations

from dataclasses import dataclass

from services.metrics.protocol.push import RejectedFamily
from services.metrics.series.series_list import Floats, Ints, SeriesList


@dataclass
class Parsed:
    """What a body says.

    Args:
        series: the list, its entries sorted by family and metric.
        order: position among the sample lines of each entry of the list.
        values: the value of each sample line, in the order of the lines.
        heads: of every line, what stands before the value (the whole line of a comment).
        plain: no line has a timestamp or an exemplar, so that ``heads`` tell the whole body.
        rows: number of the body's line of each sample line, from 1.
        rejected: families that were left out, where ``lenient`` allowed that.
        repeatable: the next body with the same ``heads`` would be read alike, whatever its values.
    """

    series: SeriesList
    order: Ints
    values: Floats
    heads: list[bytes]
    plain: bool
    rows: list[int]
    rejected: tuple[RejectedFamily, ...] = ()
    repeatable: bool = True
