"""A push whose lines are known already, answered in the event loop."""

from __future__ import annotations

import time
from dataclasses import dataclass

from services.metrics.auth import check_rights
from services.metrics.errors import Rejected
from services.metrics.fastpath.headers import pick
from services.metrics.front.asgi import Answer, Scope
from services.metrics.protocol import headers as reading
from services.metrics.protocol.answer import NO_SNIFF, result_headers
from services.metrics.protocol.origin import host_allowed
from services.metrics.protocol.push import Push
from services.metrics.protocol.target import target_of
from services.metrics.service import Service
from services.metrics.tokens import Token

MAX_BODY_BYTES = 262_144
"""Larger pushes go to a thread: reading one in the event loop would hold up the others."""
MAX_UNPACKED_BYTES = 1024 * 1024

_KNOWN = frozenset(
    (b"authorization", b"content-encoding", b"content-type", b"dreamos-sequence",
     b"dreamos-series-list", b"dreamos-ttl", b"host")
)  # fmt: skip
_UNUSUAL = frozenset((b"dreamos-final", b"dreamos-uncertain", b"origin"))


@dataclass(frozen=True)
class PushHead:
    """What is known of a push before its body."""

    method: str
    path: str
    headers: dict[bytes, str]
    token: Token


class PushPath:
    """Answers pushes whose lines are known.

    Args:
        service: what takes them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        metrics = service.metrics
        self._outcomes = {o: metrics.pushes.labels(o) for o in ("accepted", "stale")}

    def head(self, scope: Scope) -> PushHead | None:
        """Return the head of a push that may go this way, None for every other request."""
        method, path = scope["method"], scope["raw_path"]
        if method not in ("PUT", "POST") or not path.startswith(b"/metrics/"):
            return None
        headers = pick(scope["headers"], _KNOWN, _UNUSUAL)
        if headers is None:
            return None
        auth = self._service.auth
        token = auth.admits("push", headers.get(b"authorization"))
        if token is None:
            return None
        if not auth.needs_token("push") and not host_allowed(
            headers.get(b"host"), self._service.settings.allowed_hosts
        ):
            return None
        return PushHead(method, path.decode("ascii"), headers, token)

    def answer(self, head: PushHead, body: bytes) -> Answer | None:
        """Take the push.

        Args:
            head: of the request.
            body: as it came in.

        Returns:
            None when the route has to take it; nothing has changed then.
        """
        if len(body) > MAX_BODY_BYTES:
            return None
        began = time.perf_counter()
        try:
            push = self._push(head, body)
            result = self._service.store.push_known(push) if push is not None else None
        except Rejected:
            return None
        if result is None or result.rejected:
            return None
        metrics = self._service.metrics
        self._outcomes[result.outcome].inc()
        metrics.samples.inc(result.samples)
        metrics.push_duration.observe(time.perf_counter() - began)
        headers = [(b"content-type", b"text/plain"), NO_SNIFF, *result_headers(result)]
        return Answer(200, [*headers, (b"content-length", b"0")])

    def _push(self, head: PushHead, body: bytes) -> Push | None:
        settings, headers = self._service.settings, head.headers
        kind = reading.content_kind(headers.get(b"content-type"))
        series_list = headers.get(b"dreamos-series-list") if kind == "values" else None
        if kind == "protobuf" or (kind == "values" and not series_list):
            return None
        target = target_of(
            head.path, settings.max_labels, settings.max_label_value, settings.max_label_name
        )
        check_rights(head.token, target.labels, "push")
        limit = min(settings.max_body_bytes, MAX_UNPACKED_BYTES)
        return Push(
            target=target,
            body=reading.decode(body, headers.get(b"content-encoding"), limit),
            openmetrics=kind == "openmetrics",
            replace=head.method == "PUT",
            sequence=reading.sequence(headers.get(b"dreamos-sequence")),
            ttl=reading.time_to_live(headers.get(b"dreamos-ttl")),
            series_list=series_list,
        )
