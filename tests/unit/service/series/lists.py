"""Lists of series for tests, written as text."""

from __future__ import annotations

from services.metrics.parsing.text import parse
from services.metrics.series.aggregate import Part
from services.metrics.series.series_list import SeriesList


def part(text: str) -> Part:
    """Return what a body says."""
    parsed = parse(text.encode(), False)
    return Part(parsed.series, parsed.values[parsed.order])


def series(text: str) -> SeriesList:
    return part(text).series


def shown(item: Part) -> dict[str, float]:
    """Return every series by name and labels."""
    names = (f"{n}{{{labels}}}" if labels else n
             for n, labels in zip(item.series.names, item.series.labels, strict=True))  # fmt: skip
    return dict(zip(names, item.values.tolist(), strict=True))


COUNTERS = "# TYPE a_total counter\na_total 1\n# TYPE b_total counter\nb_total 2\n"
HISTOGRAM = (
    '# TYPE h histogram\nh_bucket{k="x",le="1"} 1\nh_bucket{k="x",le="5"} 3\n'
    'h_bucket{k="x",le="+Inf"} 4\nh_sum{k="x"} 9\nh_count{k="x"} 4\n'
)
