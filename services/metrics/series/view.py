"""View: what a source shows at one moment."""

from __future__ import annotations

from typing import NamedTuple

from services.metrics.series.series_list import Floats, SeriesList


class View(NamedTuple):
    """What a group shows at one moment; the arrays are never changed afterwards.

    Args:
        prefix: the group's labels as they stand in front of a series' own.
        series: the list.
        values: one for each of its series.
    """

    prefix: str
    series: SeriesList
    values: Floats
