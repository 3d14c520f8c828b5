"""One scrape after the other: keeps the layout and the pieces between them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from services.metrics.exposition.body import Body
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.lines import PrefixCache
from services.metrics.exposition.negotiate import Format
from services.metrics.exposition.protobuf import ProtobufRenderer
from services.metrics.exposition.selection import LeftOut, Selection, Totals
from services.metrics.exposition.text import TextRenderer
from services.metrics.series.merge import subset
from services.metrics.series.series_list import CREATED, SeriesList, select
from services.metrics.series.view import View
from services.metrics.settings import Settings

Renderer = TextRenderer | ProtobufRenderer
IDLE_SECONDS = 120.0
"""After them the pieces of a format that nobody asks for are let go."""
FRESH_SECONDS = 30.0
"""For them a scrape tells that scrapes work."""
_log = logging.getLogger("dreamos.metrics.exposition")


class Exposition:
    """Renders what a store shows. Safe for threads; scrapes take turns.

    Args:
        views: gives what is to be shown now.
        settings: the limits of a scrape.
    """

    def __init__(
        self,
        views: Callable[[], Views],
        settings: Settings | None = None,
    ) -> None:
        self._views = views
        self._lock = threading.Lock()
        self._selection = Selection(settings or Settings())
        self._makers: dict[Format, Callable[[], Renderer]] = {
            "text": lambda: TextRenderer(False, self._cache),
            "openmetrics": lambda: TextRenderer(True, self._cache),
            "protobuf": ProtobufRenderer,
        }
        self._used: dict[Format, float] = {}
        self._rendered = 0.0
        self._begin()

    def _begin(self) -> None:
        self._layout: Layout | None = None
        self._cache = PrefixCache()
        self._renderers = {form: made() for form, made in self._makers.items()}

    def render(self, form: Format) -> Body:
        """Return everything that can be shown, in the format ``form``."""
        with self._lock:
            views = self._views()
            try:
                body = self._render(form, views)
            except Exception:  # noqa: BLE001  (one group must not take the scrape from all)
                _log.exception("a scrape failed; the groups that cause it are looked for")
                self._begin()
                self._hide_broken(views)
                body = self._render(form, views)
            self._rendered = time.monotonic()
            return body

    def _render(self, form: Format, views: Views) -> Body:
        shown = self._selection.known(views)
        if self._layout is None or not self._layout.fits(shown):
            shown = self._selection.choose(views)
            self._layout = Layout(shown, self._layout)
            self._cache.keep_only(set(shown))
        self._used[form] = time.monotonic()
        for other, made in self._makers.items():
            if self._used.get(other, 0.0) < time.monotonic() - IDLE_SECONDS:
                self._renderers[other] = made()
        return self._renderers[form].render(self._layout, shown)

    def _hide_broken(self, views: Views) -> None:
        """Leave out the views that cannot be rendered even alone."""
        for key, view in views.items():
            alone = {key: view}
            try:
                for openmetrics in (False, True):
                    TextRenderer(openmetrics, PrefixCache()).render(Layout(alone), alone)
                ProtobufRenderer().render(Layout(alone), alone)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is this group's)
                _log.exception("this group is left out of scrapes: %s", view.prefix)
                self._selection.hide_broken(key, view, error)

    def left_out(self) -> list[LeftOut]:
        """Return the groups that scrapes do not show; renders, if nobody has for a while.

        Raises:
            Exception: nothing can be rendered.
        """
        if self._rendered < time.monotonic() - FRESH_SECONDS:
            self.render("protobuf").take()
        with self._lock:
            return self._selection.left_out

    @property
    def shown(self) -> tuple[Totals, list[LeftOut]]:
        """How much the last scrape showed, and what it left out."""
        return self._selection.totals, self._selection.left_out

    def prepare(self, prefix: str, series: SeriesList) -> None:
        """Do what a view will need that is not shown yet, so that no scrape has to.

        Args:
            prefix: of the view.
            series: its list.
        """
        renderer = self._renderers["protobuf"]
        if isinstance(renderer, ProtobufRenderer):
            try:
                renderer.prepare(prefix, series)
            except Exception:  # noqa: BLE001  (the next scrape tells it, and leaves it out)
                _log.exception("the series of a push cannot be rendered: %s", prefix)

    def sums(self, names: Iterable[str]) -> dict[str, float]:
        """Return the sum of all series of each family; 0 where there is none."""
        totals = dict.fromkeys(names, 0.0)
        for view in self._selection.known(self._views()).values():
            for name in totals.keys() & view.series.index.keys():
                at = view.series.index[name]
                low, high = view.series.starts[at], view.series.starts[at + 1]
                lasting = view.series.roles[low:high] != CREATED
                totals[name] += float(view.values[low:high][lasting].sum())
        return totals

    def render_only(self, form: Format, wanted: Callable[[str], bool]) -> Body:
        """Return the families whose name is ``wanted``, in the format ``form``."""
        views = {}
        for key, view in self._selection.known(self._views()).items():
            chosen = [i for i, f in enumerate(view.series.families) if wanted(f.name)]
            if chosen:
                where = select(view.series, chosen)
                part = subset(view.series, where)
                views[key] = View(view.prefix, part, view.values[where])
        if form == "protobuf":
            return ProtobufRenderer().render(Layout(views), views)
        return TextRenderer(form == "openmetrics", PrefixCache()).render(Layout(views), views)
