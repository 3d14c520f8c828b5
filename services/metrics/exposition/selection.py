"""Which views a scrape shows: all but those that cannot be rendered, or that would be too much.

Prometheus drops a scrape as a whole where it is over one of its limits. So the service holds the
same limits first, and leaves out the largest groups, not everybody.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.metrics.exposition.layout import Views
from services.metrics.series.series_list import SeriesList
from services.metrics.series.view import View
from services.metrics.settings import Settings

Reason = Literal["broken", "series", "bytes"]
REASONS: tuple[Reason, ...] = ("broken", "series", "bytes")
_ENTRY_BYTES = 40
"""Of one sample beside its names and labels: its value, punctuation, lengths of messages."""
_LABEL_BYTES = 4
"""What a label takes more in a message than in a text, at most."""


class LeftOut(NamedTuple):
    """A view that is not shown.

    Args:
        prefix: labels of the group; empty for figures of the service itself.
        reason: why.
        message: one sentence for the operator.
    """

    prefix: str
    reason: Reason
    message: str


@dataclass
class Totals:
    """How much is shown: series, and bytes at most in the longest of the formats."""

    series: int = 0
    bytes: int = 0


class Selection:
    """Chooses what is shown. Not safe for threads: whoever shares it guards it.

    Args:
        settings: the limits of a scrape.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hidden: dict[Hashable, tuple[SeriesList, str, LeftOut]] = {}
        self._sizes: dict[Hashable, tuple[SeriesList, str, int]] = {}
        self.totals = Totals()

    @property
    def left_out(self) -> list[LeftOut]:
        """What is not shown now."""
        return [found for _, _, found in self._hidden.values()]

    def known(self, views: Views) -> Views:
        """Return the views without those that are left out already and have not changed."""
        if not self._hidden:
            return views
        return {key: view for key, view in views.items() if not self._is_hidden(key, view)}

    def choose(self, views: Views) -> Views:
        """Return what is to be shown of views that are others than before."""
        broken = {
            key: hidden
            for key, hidden in self._hidden.items()
            if hidden[2].reason == "broken" and key in views and self._is_hidden(key, views[key])
        }
        self._hidden = broken
        shown = {key: view for key, view in views.items() if key not in broken}
        sizes = self._measure(shown)
        self.totals = Totals(sum(v.series.series for v in shown.values()), sum(sizes.values()))
        series_limit = self._settings.max_total_series
        if self.totals.series > series_limit:
            self._shrink(shown, sizes, "series")
        if self.totals.bytes > self._settings.max_scrape_bytes:
            self._shrink(shown, sizes, "bytes")
        return shown

    def _measure(self, views: Views) -> dict[Hashable, int]:
        """Return the bytes of each view; worked out only for those that are others than before."""
        before, self._sizes = self._sizes, {}
        for key, view in views.items():
            known = before.get(key)
            if known is None or known[0] is not view.series or known[1] != view.prefix:
                known = view.series, view.prefix, view_bytes(view)
            self._sizes[key] = known
        return {key: known[2] for key, known in self._sizes.items()}

    def hide_broken(self, key: Hashable, view: View, error: Exception) -> None:
        """Leave out a view that cannot be rendered, for as long as its list stays the same."""
        kind = type(error).__name__
        self._hide(key, view, "broken", f"it cannot be rendered ({kind}); delete or push it anew")

    def _is_hidden(self, key: Hashable, view: View) -> bool:
        known = self._hidden.get(key)
        return known is not None and known[0] is view.series and known[1] == view.prefix

    def _hide(self, key: Hashable, view: View, reason: Reason, message: str) -> None:
        found = LeftOut(view.prefix, reason, message)
        self._hidden[key] = view.series, view.prefix, found

    def _shrink(self, shown: dict[Hashable, View], sizes: dict[Hashable, int], by: Reason) -> None:
        """Take out the largest groups until the rest is within the limit."""
        limits = self._settings
        most = limits.max_total_series if by == "series" else limits.max_scrape_bytes
        weight = {
            key: view.series.series if by == "series" else sizes[key]
            for key, view in shown.items()
            if view.prefix  # the service's own figures are always shown
        }
        for key in sorted(weight, key=lambda key: -weight[key]):
            if (self.totals.series if by == "series" else self.totals.bytes) <= most:
                return
            view = shown.pop(key)
            self.totals.series -= view.series.series
            self.totals.bytes -= sizes[key]
            name = f"METRICS_MAX_{'TOTAL_SERIES' if by == 'series' else 'SCRAPE_BYTES'}={most}"
            self._hide(key, view, by, f"with its {weight[key]} {by} a scrape would be over {name}")


def view_bytes(view: View) -> int:
    """Return how many bytes a view takes in a scrape at most, whatever the format."""
    prefix = len(view.prefix.encode()) + _LABEL_BYTES * view.prefix.count('="')
    return view.series.scrape_bytes + len(view.series) * (prefix + _ENTRY_BYTES)
