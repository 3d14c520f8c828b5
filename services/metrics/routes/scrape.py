"""GET /metrics and GET /metrics/file."""

from __future__ import annotations

import math

from flask import Blueprint, Response, jsonify, request
from isal import igzip

from services.metrics.exposition.body import Body
from services.metrics.exposition.negotiate import CONTENT_TYPES, Format, choose, takes_gzip
from services.metrics.file_counters import FILE_COUNTERS
from services.metrics.routes.context import requires, service

blueprint = Blueprint("scrape", __name__)


@blueprint.get("/metrics")
@requires("read")
def metrics() -> Response:
    """Show everything, as text or OpenMetrics by the header ``Accept``."""
    form = choose(request.headers.get("Accept"))
    return _response(service().exposition.render(form), form)


@blueprint.get("/metrics/file")
@requires("read")
def file_metrics() -> Response:
    """Show the metrics of file operations; as JSON, the six counters of the seed."""
    accept = request.headers.get("Accept", "")
    wants_json = "application/json" in accept.lower()
    if request.args.get("format", "json" if wants_json else "text") == "json":
        sums = service().exposition.sums(FILE_COUNTERS.values())
        return jsonify({name: _whole(sums[metric]) for name, metric in FILE_COUNTERS.items()})
    form = choose(accept)
    body = service().exposition.render_only(form, lambda name: name.startswith("file_"))
    return _response(body, form)


def _whole(total: float) -> int:
    # A gauge of that name, pushed by somebody, may be NaN or infinite, which JSON cannot say.
    return int(total) if math.isfinite(total) else 0


def _response(body: Body, form: Format) -> Response:
    """Answer with the body, compressed if the reader takes that."""
    content = body.take()
    if takes_gzip(request.headers.get("Accept-Encoding")):
        packed = igzip.compress(content, compresslevel=0)
        answer = Response(packed, content_type=CONTENT_TYPES[form])
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer = Response(content, content_type=CONTENT_TYPES[form])
    answer.headers["Vary"] = "Accept, Accept-Encoding"
    return answer
