"""PUT, POST and DELETE below ``/metrics/job``: what ``docs/protocol.md`` describes."""

from __future__ import annotations

import time

from flask import Blueprint, Response, g, request
from werkzeug.routing import PathConverter

from services.metrics.auth import check_rights
from services.metrics.errors import Rejected
from services.metrics.front.body import DRAIN_FACTOR, Body
from services.metrics.front.ordinary import BODY
from services.metrics.parsing.protobuf import to_text
from services.metrics.protocol import headers as reading
from services.metrics.protocol.answer import limits_header, rejected_text, result_headers
from services.metrics.protocol.grouping_key import GroupingKey
from services.metrics.protocol.push import Push, PushResult
from services.metrics.protocol.target import target_of
from services.metrics.routes.context import requires, service

_PIECE_BYTES = 65_536
_NOT_TAKEN = {
    "too_large": "the body is larger than {limit} bytes",
    "busy": "too many bodies come in at once; send it again",
}


class RestOfPath(PathConverter):
    """Everything up to the end: a label's value may have a newline, which the usual one refuses."""

    regex = r"(?s:[^/].*?)"


blueprint = Blueprint("push", __name__)


@blueprint.route("/metrics/<rest_of_path:_rest>", methods=["PUT", "POST", "DELETE"])
@requires("push")
def push(_rest: str) -> Response:
    """Take a push, or delete a group."""
    running = service()
    began = time.perf_counter()
    target = target_of(
        request.environ.get("RAW_URI") or request.full_path,
        running.settings.max_labels,
        running.settings.max_label_value,
        running.settings.max_label_name,
    )
    deletes = request.method == "DELETE"
    # Ending one's own process is what a final push does.
    right = "delete" if deletes and target.incarnation is None else "push"
    check_rights(g.token, target.labels, right)
    result = running.store.delete(target) if deletes else _take(target)
    running.metrics.pushes.labels(result.outcome).inc()
    running.metrics.samples.inc(result.samples)
    running.metrics.push_duration.observe(time.perf_counter() - began)
    return _respond(result, 202 if right == "delete" else 200)


def _respond(result: PushResult, status: int) -> Response:
    response = Response(rejected_text(result), status, content_type="text/plain")
    for name, value in result_headers(result):
        response.headers[name.decode()] = value.decode()
    if request.method != "DELETE":
        response.headers["Dreamos-Limits"] = limits_header(service().settings)
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
        body = to_text(body, service().settings.max_series)
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
            ended_ago=reading.ended_ago(headers.get("Dreamos-Ended-Ago")) if final else 0.0,
            series_list=series_list,
        )
    )


def _read_body() -> bytes:
    limit = service().settings.max_body_bytes
    whole: Body | None = request.environ.get(BODY)
    if whole is None:  # no front before this application: its tests, and Windows
        whole = _read_stream(limit)
    if whole.problem is not None:
        raise Rejected(whole.problem, _NOT_TAKEN[whole.problem].format(limit=limit))
    return reading.decode(whole.content, request.headers.get("Content-Encoding"), limit)


def _read_stream(limit: int) -> Body:
    raw = request.stream.read(limit + 1)
    if len(raw) <= limit:
        return Body(raw)
    for _ in range(DRAIN_FACTOR * limit // _PIECE_BYTES):
        if not request.stream.read(_PIECE_BYTES):
            break
    return Body(b"", "too_large")
