"""Turns snapshots into requests: text when the list of series is new, bare values while it stays the same."""

from __future__ import annotations

import base64
import gzip
import sys
from collections.abc import Mapping
from time import monotonic
from urllib.parse import quote

from dreamos.core.metrics._exemplars import exemplars_kept
from dreamos.core.metrics._http import Answer, Connection
from dreamos.core.metrics._settings import Settings
from dreamos.core.metrics._snapshot import Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
COMPACT = "application/vnd.dreamos.values"
SERIES_LIST = "Dreamos-Series-List"
#: Exemplars travel only with text; new ones make a push a text push at most this often, in seconds.
_EXEMPLARS_EVERY = 60.0


def group_path(job: str, agent: str, incarnation: str) -> str:
    """Return the path of the URL to which an incarnation is pushed."""
    parts = ["/metrics"]
    for label, value in (("job", job), ("agent", agent), ("incarnation", incarnation)):
        if "/" in value:
            coded = base64.urlsafe_b64encode(value.encode("utf-8", "replace")).decode("ascii")
            parts.append(f"{label}@base64/{coded}")
        else:
            parts.append(f"{label}/{quote(value, safe='', errors='replace')}")
    return "/".join(parts)


def common_headers(token: str) -> dict[str, str]:
    """Return the headers of every request."""
    headers = {"User-Agent": "dreamos-metrics"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def header(answer: Answer, name: str) -> str:
    """Return a header of an answer, whatever its case; "" when it is missing."""
    wanted = name.lower()
    return next((v for k, v in answer.headers.items() if k.lower() == wanted), "")


class Sender:
    """Sends one incarnation's snapshots. Not for several threads at once."""

    def __init__(self, settings: Settings, incarnation: str) -> None:
        self.settings = settings
        self.connection = Connection(settings.url, settings.timeout)
        self.path = group_path(settings.job, settings.agent, incarnation)
        self._list = ""
        self._signature: tuple[int, int] | None = None
        self._text_at = 0.0
        self._exemplars = 0

    def send(
        self, snapshot: Snapshot, sequence: int, *, final: bool, timeout: float | None = None
    ) -> Answer:
        """Send one snapshot and return the service's answer.

        Raises:
            OSError: the service cannot be reached or did not answer in time.
            http.client.HTTPException: what came back is not HTTP.
        """
        headers = self._headers(sequence, final=final)
        if self._list and snapshot.signature == self._signature and not self._exemplars_due():
            answer = self._send_values(snapshot, headers, timeout)
            if answer.status != 409:
                return answer
        return self._send_text(snapshot, headers, timeout)

    def _exemplars_due(self) -> bool:
        changed = exemplars_kept() != self._exemplars
        return changed and monotonic() - self._text_at >= _EXEMPLARS_EVERY

    def _send_values(
        self, snapshot: Snapshot, headers: Mapping[str, str], timeout: float | None
    ) -> Answer:
        values = snapshot.values()
        if sys.byteorder == "big":
            values.byteswap()
        return self._request(
            values.tobytes(), {**headers, "Content-Type": COMPACT, SERIES_LIST: self._list}, timeout
        )

    def _send_text(
        self, snapshot: Snapshot, headers: Mapping[str, str], timeout: float | None
    ) -> Answer:
        self._list, self._signature = "", None
        exemplars = exemplars_kept()
        body = gzip.compress(snapshot.text(), compresslevel=1, mtime=0)
        answer = self._request(
            body, {**headers, "Content-Type": OPENMETRICS, "Content-Encoding": "gzip"}, timeout
        )
        if answer.status == 200:
            self._list, self._signature = header(answer, SERIES_LIST), snapshot.signature
            self._text_at, self._exemplars = monotonic(), exemplars
        return answer

    def _request(self, body: bytes, headers: Mapping[str, str], timeout: float | None) -> Answer:
        return self.connection.request("PUT", self.path, body, headers, timeout)

    def _headers(self, sequence: int, *, final: bool) -> dict[str, str]:
        headers = common_headers(self.settings.token)
        headers["Dreamos-Sequence"] = str(sequence)
        headers["Dreamos-TTL"] = f"{self.settings.time_to_live:g}"
        if final:
            headers["Dreamos-Final"] = "1"
        return headers
