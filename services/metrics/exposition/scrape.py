"""One scrape after the other: keeps the layout and the pieces between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from services.metrics.exposition.body import Body
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.lines import PrefixCache
from services.metrics.exposition.negotiate import Format
from services.metrics.exposition.protobuf import ProtobufRenderer
from services.metrics.exposition.text import TextRenderer
from services.metrics.scrape_priority import ScrapePriority
from services.metrics.series.merge import subset
from services.metrics.series.series_list import CREATED, SeriesList, select
from services.metrics.store.group import View

Renderer = TextRenderer | ProtobufRenderer
IDLE = 120.0
"""Seconds after which the pieces of a format that nobody asks for are let go."""


class Exposition:
    """Renders what a store shows. Safe for threads; scrapes take turns.

    Args:
        views: gives what is to be shown now.
        turns: where scrapes announce themselves; None where nothing else goes on.
    """

    def __init__(self, views: Callable[[], Views], turns: ScrapePriority | None = None) -> None:
        self._views = views
        self._turns = turns or ScrapePriority()
        self._lock = threading.Lock()
        self._layout: Layout | None = None
        self._cache = PrefixCache()
        self._makers: dict[Format, Callable[[], Renderer]] = {
            "text": lambda: TextRenderer(False, self._cache),
            "openmetrics": lambda: TextRenderer(True, self._cache),
            "protobuf": ProtobufRenderer,
        }
        self._renderers = {form: made() for form, made in self._makers.items()}
        self._used: dict[Format, float] = {}

    def render(self, form: Format) -> Body:
        """Return everything, in the format ``form``."""
        with self._lock, self._turns.first():
            views = self._views()
            if self._layout is None or not self._layout.fits(views):
                self._layout = Layout(views, self._layout)
                self._cache.keep_only(set(views))
            self._used[form] = time.monotonic()
            for other, made in self._makers.items():
                if self._used.get(other, 0.0) < time.monotonic() - IDLE:
                    self._renderers[other] = made()
            return self._renderers[form].render(self._layout, views)

    def prepare(self, prefix: str, series: SeriesList) -> None:
        """Do what a view will need that is not shown yet, so that no scrape has to.

        Args:
            prefix: of the view.
            series: its list.
        """
        renderer = self._renderers["protobuf"]
        if isinstance(renderer, ProtobufRenderer):
            renderer.prepare(prefix, series)

    def sums(self, names: Iterable[str]) -> dict[str, float]:
        """Return the sum of all series of each family; 0 where there is none."""
        totals = dict.fromkeys(names, 0.0)
        for view in self._views().values():
            for name in totals.keys() & view.series.index.keys():
                at = view.series.index[name]
                low, high = view.series.starts[at], view.series.starts[at + 1]
                lasting = view.series.roles[low:high] != CREATED
                totals[name] += float(view.values[low:high][lasting].sum())
        return totals

    def render_only(self, form: Format, wanted: Callable[[str], bool]) -> Body:
        """Return the families whose name is ``wanted``, in the format ``form``."""
        views = {}
        for key, view in self._views().items():
            chosen = [i for i, f in enumerate(view.series.families) if wanted(f.name)]
            if chosen:
                where = select(view.series, chosen)
                part = subset(view.series, where)
                views[key] = View(view.prefix, part, view.values[where])
        if form == "protobuf":
            return ProtobufRenderer().render(Layout(views), views)
        return TextRenderer(form == "openmetrics", PrefixCache()).render(Layout(views), views)
