"""PUT, POST and DELETE below ``/metrics/job``: what ``docs/protocol.md`` describes."""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from services.metrics.errors import Rejected
from services.metrics.parsing.protobuf import to_text
from services.metrics.protocol import headers as reading
from services.metrics.protocol.grouping_key import GroupingKey, parse_path
from services.metrics.protocol.push import Push, PushResult
from services.metrics.routes.context import refused, require, service

DRAIN = 4
"""How many times the limit is read and thrown away, so that the sender is there for the answer."""
PIECE = 65_536
_TOO_MUCH = ("too_many_series", "churn")

blueprint = Blueprint("push", __name__)


@lru_cache(maxsize=4096)
def target_of(raw: str, max_labels: int, max_value: int) -> GroupingKey:
    """Return what a request line is about (see :func:`parse_path`); repeated ones are looked up."""
    path = urlsplit(raw).path if not raw.startswith("/") else raw.partition("?")[0]
    return parse_path(path, max_labels, max_value)


@blueprint.route("/metrics/<path:_rest>", methods=["PUT", "POST", "DELETE"])
def push(_rest: str) -> Response:
    """Take a push, or delete a group."""
    running = service()
    began = time.perf_counter()
    target = None
    try:
        require("push")
        settings = running.settings
        target = target_of(
            request.environ.get("RAW_URI") or request.full_path,
            settings.max_labels,
            settings.max_label_value,
        )
        answer = running.store.delete(target) if request.method == "DELETE" else _take(target)
    except Rejected as refusal:
        if target is not None and refusal.reason in _TOO_MUCH:
            running.brake.hold(target.labels)
        return refused(refusal)
    running.metrics.pushes.labels(answer.outcome).inc()
    running.metrics.samples.inc(answer.samples)
    running.metrics.push_duration.observe(time.perf_counter() - began)
    return _respond(target, answer)


def _respond(target: GroupingKey, answer: PushResult) -> Response:
    plain_delete = request.method == "DELETE" and target.incarnation is None
    response = Response(status=202 if plain_delete else 200, content_type="text/plain")
    response.headers["Dreamos-Result"] = answer.outcome
    if answer.series_list:
        response.headers["Dreamos-Series-List"] = answer.series_list
    return response


def _take(target: GroupingKey) -> PushResult:
    headers = request.headers
    kind = reading.content_kind(headers.get("Content-Type"))
    series_list = None
    if kind == "values":
        series_list = headers.get("Dreamos-Series-List")
        if not series_list or target.incarnation is None:
            raise Rejected("header", "values need Dreamos-Series-List and an incarnation")
    final = reading.flag(headers.get("Dreamos-Final"), "Dreamos-Final")
    uncertain = reading.flag(headers.get("Dreamos-Uncertain"), "Dreamos-Uncertain")
    body = _read_body()
    if kind == "protobuf":
        body = to_text(body)
    service().turns.give_way()
    return service().store.push(
        Push(
            target=target,
            body=body,
            openmetrics=kind == "openmetrics",
            replace=request.method == "PUT",
            sequence=reading.sequence(headers.get("Dreamos-Sequence")),
            ttl=reading.time_to_live(headers.get("Dreamos-TTL")),
            final=final,
            uncertain=uncertain,
            series_list=series_list,
        )
    )


def _read_body() -> bytes:
    limit = service().settings.max_body_bytes
    raw = request.stream.read(limit + 1)
    if len(raw) > limit:
        for _ in range(DRAIN * limit // PIECE):
            if not request.stream.read(PIECE):
                break
        raise Rejected("too_large", f"the body is larger than {limit} bytes")
    return reading.decode(raw, request.headers.get("Content-Encoding"), limit)
