"""GET /api/v1/metrics and /api/v1/status: the Pushgateway's own interface to what it holds."""

from __future__ import annotations

import datetime as dt
import platform
from typing import Any

from flask import Blueprint, Response, jsonify

from services.metrics import __version__
from services.metrics.exposition.number_format import render
from services.metrics.parsing.lexer import unescape
from services.metrics.routes.context import requires, service
from services.metrics.series.labels import PAIR
from services.metrics.series.merge import metric_of
from services.metrics.series.series_list import CREATED, Family
from services.metrics.series.view import View

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/metrics")
@requires("read")
def metrics() -> Response:
    """List every group with its families, in the Pushgateway's form."""
    groups = []
    for labels, record, view in service().store.inventory():
        group: dict[str, Any] = {
            "labels": dict(labels),
            "last_push_successful": record.push_failure_time <= record.push_time,
        }
        stamp = _time(max(record.push_time, record.last_push))
        if view is not None:
            for at, family in enumerate(view.series.families):
                group[family.name] = _family(family, view, at, dict(labels), stamp)
        groups.append(group)
    return jsonify(status="success", data=groups)


@blueprint.get("/status")
@requires("read")
def status() -> Response:
    """Say how the service was started and which version it is; no path and no token."""
    running = service()
    hidden = ("push_token_file", "read_token_file", "observer_token_file", "data_dir")
    flags = {k: str(v) for k, v in vars(running.settings).items() if k not in hidden}
    for kind in ("push", "read"):
        flags[f"{kind}_token"] = "required" if running.auth.needs_token(kind) else "none"
    build = {"version": __version__, "python": platform.python_version()}
    data = {"flags": flags, "start_time": _time(running.started), "build_information": build}
    return jsonify(status="success", data=data)


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).isoformat()


def _family(
    family: Family, view: View, at: int, labels: dict[str, str], stamp: str
) -> dict[str, Any]:
    low, high = view.series.starts[at], view.series.starts[at + 1]
    texts = [value.decode() for value in render(view.values[low:high])]
    points: dict[str, dict[str, Any]] = {}
    for place, text in zip(range(low, high), texts, strict=True):
        if view.series.roles[place] == CREATED:
            continue
        name, own = view.series.names[place], view.series.labels[place]
        pairs = {key: unescape(value, 0) for key, value in PAIR.findall(own)}
        point = points.setdefault(metric_of(family, own), {"labels": {**labels, **pairs}})
        _place(point, family, name, pairs, text)
    kind = {"unknown": "UNTYPED", "info": "GAUGE", "stateset": "GAUGE"}.get(family.type)
    found = {
        "time_stamp": stamp,
        "type": kind or family.type.upper(),
        "metrics": list(points.values()),
    }
    return {**found, "help": family.help} if family.help else found


def _place(
    point: dict[str, Any], family: Family, name: str, pairs: dict[str, str], text: str
) -> None:
    if family.type in ("histogram", "summary"):
        for label, into in (("le", "buckets"), ("quantile", "quantiles")):
            bound = pairs.get(label)
            if bound is not None:
                point["labels"].pop(label, None)
                point.setdefault(into, {})[bound] = text
                return
        point[name.rpartition("_")[2]] = text
    else:
        point["value"] = text
