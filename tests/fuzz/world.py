"""A service that arbitrary steps are tried on, and what must hold after them."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from services.metrics.app import create_app
from services.metrics.errors import REASONS, Rejected
from services.metrics.protocol.grouping_key import GroupingKey, parse_path
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.contract.malformed import OM, TEXT
from tests.fuzz.cases import PROTOBUF, Count, Process, Request, Step, body_of
from tests.unit.service.protobuf_reader import read

ACCEPTS = (TEXT, OM, PROTOBUF)
ANSWERS = {200, 202, 404, 405, *REASONS.values()} - {503}
_REASON = re.compile(rf"(?:{'|'.join(REASONS)}): .")
Totals = dict[str, float]


class World:
    """One service for many tries; each begins with no group at all.

    Args:
        folder: for its data.
    """

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_dir=folder, log_level="error", new_series_cpu_share=1.0)
        app = create_app(settings)
        self._service: Service = app.extensions["dreamos"]
        self._client: FlaskClient = app.test_client()

    def close(self) -> None:
        self._service.stop()

    def run(self, steps: Iterable[Step]) -> None:
        """Take the steps one after the other, then hold everything that must be true."""
        live: dict[tuple[str, str], Process] = {}
        ended: dict[tuple[str, str], Process] = {}
        used: set[GroupingKey] = set()
        try:
            for step in steps:
                if isinstance(step, Request):
                    self._send(step, used)
                else:
                    self._count(step, live, ended, used)
            self._check(live, ended)
        finally:
            for target in used:
                self._service.store.delete(GroupingKey(target.labels, None))

    def _send(self, request: Request, used: set[GroupingKey]) -> None:
        with contextlib.suppress(Rejected):
            used.add(parse_path(request.path))
        headers = {name: value for name, value in request.headers.items() if value.strip()}
        answer = self._client.open(
            request.path.replace("%", "%25") if "%" in request.path else request.path,
            method=request.method,
            headers=headers,
            data=request.body,
            environ_overrides={"RAW_URI": request.path},
        )
        assert answer.status_code in ANSWERS, (answer.status_code, answer.text)
        if answer.status_code >= 400 and answer.status_code not in (404, 405):
            assert _REASON.match(answer.text), answer.text

    def _count(
        self,
        step: Count,
        live: dict[tuple[str, str], Process],
        ended: dict[tuple[str, str], Process],
        used: set[GroupingKey],
    ) -> None:
        who = step.agent, step.incarnation
        path = f"/metrics/job/oracle/agent/{step.agent}/incarnation/{step.incarnation}"
        used.add(parse_path(path))
        process = live.get(who) or Process()
        if who not in ended:
            process.total += step.more
            process.buckets = [a + b for a, b in zip(process.buckets, step.seen, strict=True)]
        body, headers = body_of(process, step.form, step.poison)
        if step.final:
            headers["Dreamos-Final"] = "1"
        answer = self._client.put(path, data=body, headers=headers)
        assert 200 == answer.status_code, answer.text
        if who in ended:
            assert "stale" == answer.headers["Dreamos-Result"]
        elif step.final:
            ended[who] = process
            live.pop(who, None)
        else:
            live[who] = process

    def _check(
        self,
        live: dict[tuple[str, str], Process],
        ended: dict[tuple[str, str], Process],
    ) -> None:
        expected: Totals = defaultdict(float)
        for (agent, _), process in (*live.items(), *ended.items()):
            expected[f"oracle_total {agent} a"] += process.total
            expected[f"oracle_total {agent} b"] += 1
            below = 0
            for bound, held in zip(("1.0", "5.0", "inf"), process.buckets, strict=True):
                below += held
                expected[f"oracle_seconds_bucket {agent} {bound}"] += below
            expected[f"oracle_seconds_count {agent} "] += below
        for accept in ACCEPTS:
            answer = self._client.get("/metrics", headers={"Accept": accept})
            assert 200 == answer.status_code
            assert dict(expected) == _totals(answer.data, accept), accept
        assert [] == self._service.exposition.shown[1]


def _totals(page: bytes, accept: str) -> Totals:
    if accept == PROTOBUF:
        rows = [(name, dict(labels), v) for (name, labels), v in read(page)[1].items()]
    else:
        reader = openmetrics if accept == OM else text_format
        rows = [
            (sample.name, sample.labels, sample.value)
            for family in reader(page.decode())
            for sample in family.samples
        ]
    found = {}
    for name, labels, value in rows:
        if labels.get("job") == "oracle" and re.fullmatch("oracle_.*(total|bucket|count)", name):
            key = labels.get("k") or (str(float(labels["le"])) if "le" in labels else "")
            found[f"{name} {labels['agent']} {key}"] = value
    return found
