"""The text format 0.0.4 and OpenMetrics 1.0.0, from ready pieces and values that changed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.metrics.exposition.body import Body
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.lines import PrefixCache
from services.metrics.exposition.number_format import render
from services.metrics.exposition.openmetrics_names import (
    openmetrics_name,
    openmetrics_type,
    without_type,
)
from services.metrics.parsing.lexer import escape_help
from services.metrics.series.regularity import irregular
from services.metrics.series.series_list import (
    CREATED,
    RECENT,
    TOTAL,
    Family,
    Floats,
    Ints,
    SeriesList,
)

_TEXT_TYPES = {
    "info": "gauge",
    "stateset": "gauge",
    "unknown": "untyped",
}


class TextRenderer:
    """Renders views; what did not change since the last time is not made again.

    Not safe for threads: whoever shares it guards it.

    Args:
        openmetrics: which of the two formats.
        cache: the prefixes, shared by both formats.
    """

    def __init__(self, openmetrics: bool, cache: PrefixCache) -> None:
        self._openmetrics = openmetrics
        self._cache = cache
        self._layout: Layout | None = None
        self._slots: Ints = np.zeros(0, dtype=np.intp)
        self._rendered = np.zeros(0)
        self._pieces: list[bytes] = []
        self._judged = _Judged([])

    def render(self, layout: Layout, views: Views) -> Body:
        """Return the body of a scrape.

        Args:
            layout: fits the views.
            views: what is shown.
        """
        if layout is not self._layout:
            self._arrange(layout, views)
        taken = layout.take(views)
        if self._judged.irregular(taken).any():
            self._arrange(layout, views)
        values = taken[self._slots]
        changed = np.flatnonzero(values.view(np.int64) != self._rendered.view(np.int64))
        if len(changed) * 2 > len(values):
            self._pieces[1::2] = render(values)
        else:
            for at, text in zip(changed.tolist(), render(values[changed]), strict=True):
                self._pieces[2 * at + 1] = text
        self._rendered = values
        end = b"\n# EOF\n" if self._openmetrics else b"\n" if self._pieces else b""
        if not self._pieces:
            return Body([end.lstrip(b"\n")])
        return Body([b"".join([self._pieces[0][1:], *self._pieces[1:], end])])

    def _arrange(self, layout: Layout, views: Views) -> None:
        heads: list[bytes] = []
        slots: list[Ints] = []
        untyped = self._without_type(layout, views)
        for family, rows in layout.chunks:
            bare = family.name in untyped
            for sample in family.sample_names if bare else (None,):
                mark = len(heads)
                for key, low, high in rows:
                    view = views[key]
                    where = self._shown(family, view.series, (low, high), sample)
                    lines = self._cache.get(key, view.prefix, view.series)
                    if len(where) == high - low:
                        heads.extend(lines[low:high])
                    else:
                        heads.extend(lines[i] for i in where.tolist())
                    slots.append(where + layout.bases[key])
                if len(heads) > mark:
                    heads[mark] = self._header(family, sample) + heads[mark]
        self._slots = np.concatenate(slots) if slots else np.zeros(0, dtype=np.intp)
        values = layout.take(views)[self._slots]
        self._pieces = [b""] * (2 * len(heads))
        self._pieces[0::2] = heads
        self._pieces[1::2] = render(values)
        self._rendered, self._layout = values, layout

    def _without_type(self, layout: Layout, views: Views) -> frozenset[str]:
        """Return the families that OpenMetrics cannot show as what they are.

        Of histograms and summaries it takes for counters what others may see fall: a sum below 0,
        a sum that is not a number, a quantile below 0.
        """
        if not self._openmetrics:
            return frozenset()
        bare: set[str] = set()
        values = layout.take(views)
        found: list[tuple[int, bool, str]] = []
        for family, rows in layout.chunks:
            if family.type not in ("histogram", "summary"):
                continue
            for key, low, high in rows:
                series = views[key].series
                if family.name in irregular(series):
                    bare.add(family.name)
                roles = series.roles[low:high]
                for at in np.flatnonzero(np.isin(roles, (TOTAL, RECENT))).tolist():
                    found.append((layout.bases[key] + low + at, roles[at] == TOTAL, family.name))
        self._judged = _Judged(found)
        for at in np.flatnonzero(self._judged.irregular(values)).tolist():
            bare.add(found[at][2])
        self._judged = _Judged([row for row in found if row[2] not in bare])
        families = [family for family, _ in layout.chunks]
        return without_type(families, bare & {family.name for family in families})

    def _shown(
        self, family: Family, series: SeriesList, span: tuple[int, int], sample: str | None
    ) -> Ints:
        """Return which entries of a span are shown, all or those of one sample name."""
        low, high = span
        where: Ints = np.arange(low, high)
        lasting = series.roles[low:high] != CREATED
        if sample is not None:
            named = np.array([name == sample for name in series.names[low:high]], dtype=bool)
            where = where[named & lasting]
        elif not self._openmetrics or openmetrics_type(family) == "unknown":
            where = where[lasting]
        return where

    def _header(self, family: Family, sample: str | None) -> bytes:
        if sample is not None:
            name, kind = sample, "unknown"
        elif self._openmetrics:
            name, kind = openmetrics_name(family), openmetrics_type(family)
        else:
            name, kind = family.name, _TEXT_TYPES.get(family.type, family.type)
        lines = []
        if family.help:
            lines.append(f"\n# HELP {name} {escape_help(family.help, self._openmetrics)}")
        lines.append(f"\n# TYPE {name} {kind}")
        if self._openmetrics and family.unit and name.endswith("_" + family.unit):
            lines.append(f"\n# UNIT {name} {family.unit}")
        return "".join(lines).encode()


class _Judged:
    """Sums and quantiles of the families that are shown with their type.

    Args:
        rows: slot, whether it is a sum, and the family.
    """

    def __init__(self, rows: list[tuple[int, bool, str]]) -> None:
        self._slots: Ints = np.array([slot for slot, _, _ in rows], dtype=np.intp)
        self._sums = np.array([is_sum for _, is_sum, _ in rows], dtype=np.bool_)

    def irregular(self, values: Floats) -> NDArray[np.bool_]:
        """Tell which of them OpenMetrics does not allow: below 0, or a sum that is no number."""
        mine = values[self._slots]
        found: NDArray[np.bool_] = (mine < 0) | (np.isnan(mine) & self._sums)
        return found
