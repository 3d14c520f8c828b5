"""A push whose lines are known already, on a connection that is known already."""

from __future__ import annotations

import time

from services.metrics.errors import Rejected
from services.metrics.fastpath.head import Answers, Head, Unusual
from services.metrics.protocol import headers as reading
from services.metrics.protocol.push import Push, PushResult
from services.metrics.routes.push import target_of
from services.metrics.service import Service


class PushLane:
    """Answers pushes whose lines are known, in the event loop.

    Args:
        service: what takes them.
        answers: writes heads.
    """

    def __init__(self, service: Service, answers: Answers) -> None:
        self._service = service
        self._answers = answers
        metrics = service.metrics
        self._outcomes = {o: metrics.pushes.labels(o) for o in ("accepted", "stale")}

    def answer(self, head: Head, body: bytes) -> bytes:
        """Take the push.

        Args:
            head: of the request.
            body: as it came in.

        Returns:
            The whole answer.

        Raises:
            Unusual: the route has to take it; nothing has changed.
        """
        self._service.turns.give_way()
        began = time.perf_counter()
        try:
            push = self._push(head, body)
            answer = self._service.store.push_known(push)
        except Rejected:
            raise Unusual from None
        if answer is None:
            raise Unusual
        metrics = self._service.metrics
        self._outcomes[answer.outcome].inc()
        metrics.samples.inc(answer.samples)
        metrics.push_duration.observe(time.perf_counter() - began)
        return self._response(answer)

    def _push(self, head: Head, body: bytes) -> Push:
        service, headers = self._service, head.headers
        settings = service.settings
        if not service.access.admits("push", headers.get("authorization")):
            raise Unusual
        kind = reading.content_kind(headers.get("content-type"))
        series_list = headers.get("dreamos-series-list") if kind == "values" else None
        if kind == "protobuf" or (kind == "values" and not series_list):
            raise Unusual
        return Push(
            target=target_of(head.path, settings.max_labels, settings.max_label_value),
            body=reading.decode(body, headers.get("content-encoding"), settings.max_body_bytes),
            openmetrics=kind == "openmetrics",
            replace=head.method == b"PUT",
            sequence=reading.sequence(headers.get("dreamos-sequence")),
            ttl=reading.time_to_live(headers.get("dreamos-ttl")),
            series_list=series_list,
        )

    def _response(self, answer: PushResult) -> bytes:
        more = b"Dreamos-Result: %s\r\n" % answer.outcome.encode()
        if answer.series_list:
            more += b"Dreamos-Series-List: %s\r\n" % answer.series_list.encode()
        return self._answers.head("text/plain", 0, more)
