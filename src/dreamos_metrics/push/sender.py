"""Sender of snapshots: text when the list of series is new, bare values while it stays the same."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Mapping
from time import monotonic

from dreamos_metrics.metrics.exemplars import exemplar_count
from dreamos_metrics.push.http import Connection, Response
from dreamos_metrics.push.protocol import (
    COMPACT,
    OPENMETRICS,
    SERIES_LIST,
    common_headers,
    group_path,
    header,
)
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.push.snapshot import Snapshot

#: Exemplars travel only with text; new ones make a push a text push at most this often, in seconds.
_EXEMPLAR_INTERVAL_SECONDS = 60.0


class Sender:
    """Sends one incarnation's snapshots. Not for several threads at once."""

    def __init__(self, settings: Settings, incarnation: str) -> None:
        self.settings = settings
        self.connection = Connection(settings.url, settings.timeout)
        self.path = group_path(settings.job, settings.agent, incarnation)
        self._series_list = ""
        self._signature: tuple[int, int] | None = None
        self._text_at = 0.0
        self._exemplars = 0
        #: How long the last text was, before it was packed.
        self.text_bytes = 0

    def send(
        self, snapshot: Snapshot, sequence: int, *, final: bool, timeout: float | None = None
    ) -> Response:
        """Send one snapshot and return the service's response.

        Raises:
            OSError: the service cannot be reached or did not answer in time.
            http.client.HTTPException: what came back is not HTTP.
        """
        headers = self._headers(sequence, final=final)
        if (
            self._series_list
            and snapshot.signature == self._signature
            and not self._exemplars_due()
        ):
            response = self._send_values(snapshot, headers, timeout)
            if response.status != 409:
                return response
        return self._send_text(snapshot, headers, timeout)

    def _exemplars_due(self) -> bool:
        changed = exemplar_count() != self._exemplars
        return changed and monotonic() - self._text_at >= _EXEMPLAR_INTERVAL_SECONDS

    def _send_values(
        self, snapshot: Snapshot, headers: Mapping[str, str], timeout: float | None
    ) -> Response:
        values = snapshot.values()
        if sys.byteorder == "big":
            values.byteswap()
        return self._request(
            values.tobytes(),
            {**headers, "Content-Type": COMPACT, SERIES_LIST: self._series_list},
            timeout,
        )

    def _send_text(
        self, snapshot: Snapshot, headers: Mapping[str, str], timeout: float | None
    ) -> Response:
        self._series_list, self._signature = "", None
        exemplars = exemplar_count()
        text = snapshot.text()
        self.text_bytes = len(text)
        body = gzip.compress(text, compresslevel=1, mtime=0)
        response = self._request(
            body, {**headers, "Content-Type": OPENMETRICS, "Content-Encoding": "gzip"}, timeout
        )
        if response.status == 200:
            self._series_list, self._signature = header(response, SERIES_LIST), snapshot.signature
            self._text_at, self._exemplars = monotonic(), exemplars
        return response

    def _request(self, body: bytes, headers: Mapping[str, str], timeout: float | None) -> Response:
        return self.connection.request("PUT", self.path, body, headers, timeout)

    def _headers(self, sequence: int, *, final: bool) -> dict[str, str]:
        headers = common_headers(self.settings.token)
        headers["Dreamos-Sequence"] = str(sequence)
        headers["Dreamos-TTL"] = f"{self.settings.time_to_live:g}"
        if final:
            headers["Dreamos-Final"] = "1"
        return headers
