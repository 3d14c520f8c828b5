"""The text format 0.0.4 and OpenMetrics 1.0.0, from ready pieces and values that changed."""

from __future__ import annotations

import numpy as np

from services.metrics.exposition.body import Body
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.lines import PrefixCache
from services.metrics.exposition.number_format import render
from services.metrics.parsing.lexer import escape_help
from services.metrics.series.series_list import CREATED, Family, Ints

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

    def render(self, layout: Layout, views: Views) -> Body:
        """Return the body of a scrape.

        Args:
            layout: fits the views.
            views: what is shown.
        """
        if layout is not self._layout:
            self._arrange(layout, views)
        values = layout.take(views)[self._slots]
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
        for family, rows in layout.chunks:
            mark = len(heads)
            for key, low, high in rows:
                view = views[key]
                lines = self._cache.get(key, view.prefix, view.series)
                where = np.arange(low, high)
                if self._hides_created(family):
                    where = where[view.series.roles[low:high] != CREATED]
                if len(where) == high - low:
                    heads.extend(lines[low:high])
                else:
                    heads.extend(lines[i] for i in where.tolist())
                slots.append(where + layout.bases[key])
            if len(heads) > mark:
                heads[mark] = self._header(family) + heads[mark]
        self._slots = np.concatenate(slots) if slots else np.zeros(0, dtype=np.intp)
        values = layout.take(views)[self._slots]
        self._pieces = [b""] * (2 * len(heads))
        self._pieces[0::2] = heads
        self._pieces[1::2] = render(values)
        self._rendered, self._layout = values, layout

    def _hides_created(self, family: Family) -> bool:
        return not self._openmetrics or _type(family, True) == "unknown"

    def _header(self, family: Family) -> bytes:
        kind, name = _type(family, self._openmetrics), family.name
        lines = []
        if self._openmetrics and kind in ("counter", "info"):
            name = name[: -len("_total" if kind == "counter" else "_info")]
        if family.help:
            lines.append(f"\n# HELP {name} {escape_help(family.help, self._openmetrics)}")
        lines.append(f"\n# TYPE {name} {kind}")
        if self._openmetrics and family.unit and name.endswith("_" + family.unit):
            lines.append(f"\n# UNIT {name} {family.unit}")
        return "".join(lines).encode()


def _type(family: Family, openmetrics: bool) -> str:
    """Return the type as the format writes it.

    A counter whose name does not end in ``_total`` is unknown to OpenMetrics: as a counter it
    would change its name there, and the same series would be stored under two names.
    """
    if not openmetrics:
        return _TEXT_TYPES.get(family.type, family.type)
    if family.type == "counter" and not family.name.endswith("_total"):
        return "unknown"
    if family.type == "info" and not family.name.endswith("_info"):
        return "gauge"
    return "unknown" if family.type == "untyped" else family.type
