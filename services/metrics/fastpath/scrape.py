"""A scrape, rendered in a thread of its own and sent by the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from isal import igzip

from services.metrics.exposition.body import Body
from services.metrics.exposition.negotiate import CONTENT_TYPES, Format, choose, takes_gzip
from services.metrics.fastpath.headers import pick
from services.metrics.front.asgi import Headers, Scope
from services.metrics.protocol.answer import NO_SNIFF
from services.metrics.protocol.origin import host_allowed
from services.metrics.service import Service

THREADS = 2
"""Scrapes are rendered one after the other; the second thread packs while the first one renders."""

_KNOWN = frozenset((b"accept", b"accept-encoding", b"authorization", b"host"))
_UNUSUAL = frozenset((b"origin",))
_VARY = (b"vary", b"Accept, Accept-Encoding")


class ScrapePath:
    """Answers scrapes.

    Args:
        service: what is shown.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(THREADS, "scrape")

    def wanted(self, scope: Scope) -> tuple[Format, bool] | None:
        """Return the format and whether it is to be packed, None for every other request."""
        if scope["raw_path"] != b"/metrics" or scope["method"] != "GET" or scope["query_string"]:
            return None
        headers = pick(scope["headers"], _KNOWN, _UNUSUAL)
        if headers is None:
            return None
        auth = self._service.auth
        if auth.admits("read", headers.get(b"authorization")) is None:
            return None
        if not auth.needs_token("read") and not host_allowed(
            headers.get(b"host"), self._service.settings.allowed_hosts
        ):
            return None
        return choose(headers.get(b"accept")), takes_gzip(headers.get(b"accept-encoding"))

    async def render(self, form: Format, packed: bool) -> tuple[Body, Headers]:
        """Render in a thread; the body has to be given back.

        Args:
            form: the format.
            packed: compress it with gzip.
        """
        working = self._threads.submit(self._work, form, packed)
        try:
            body = await asyncio.wrap_future(working)
        except asyncio.CancelledError:
            working.add_done_callback(_give_back)
            raise
        headers = [(b"content-type", CONTENT_TYPES[form].encode()), NO_SNIFF, _VARY]
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        return body, [*headers, (b"content-length", b"%d" % body.size)]

    def _work(self, form: Format, packed: bool) -> Body:
        body = self._service.exposition.render(form)
        return Body([igzip.compress(body.take(), compresslevel=0)]) if packed else body


def _give_back(working: Future[Body]) -> None:
    """Give back a body that nobody waits for any more."""
    if not working.cancelled() and working.exception() is None:
        with working.result():
            pass
