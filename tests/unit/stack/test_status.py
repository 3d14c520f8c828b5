"""Green means that samples arrive and are judged, not only that processes run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools.stack import status
from tools.stack.compose import ROOT
from tools.stack.settings import Settings


@contextmanager
def prometheus(sample_age: float | None, evaluation_age: float | None) -> Iterator[str]:
    """Answer as Prometheus does, with samples and evaluations of some age."""
    value = [] if sample_age is None else [{"metric": {}, "value": [0, str(sample_age)]}]
    groups = []
    if evaluation_age is not None:
        moment = datetime.fromtimestamp(time.time() - evaluation_age, timezone.utc)
        written = moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
        groups = [{"name": "mine", "lastEvaluation": written}]
    answers: dict[str, Any] = {
        "/api/v1/query": {"resultType": "vector", "result": value},
        "/api/v1/rules": {"groups": groups},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"status": "success", "data": answers[self.path.partition("?")[0]]})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("sample_age", "evaluation_age", "broken"),
    [
        (3, 5, []),
        (100, 5, ["newest sample 100 s ago"]),
        (None, 5, ["newest sample none"]),
        (3, None, ["last evaluation none"]),
        (3, 400, ["last evaluation 400 s ago"]),
    ],
)
def test_old_samples_and_old_evaluations_are_not_healthy(
    sample_age: float | None, evaluation_age: float | None, broken: list[str]
) -> None:
    with prometheus(sample_age, evaluation_age) as address:
        found = status._show_freshness(address, Settings(ROOT / ".env", {}))

    # The clock goes on between writing and reading.
    assert [words.replace("401 s", "400 s") for words in found] == broken


def test_what_is_old_is_measured_by_the_interval(capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(100, 5) as address:
        found = status._show_freshness(address, Settings(ROOT / ".env", {"SCRAPE_INTERVAL": "30s"}))

    assert [] == found
    assert "newest sample      100 s ago" in capsys.readouterr().out


def test_a_prometheus_that_does_not_answer_is_not_healthy() -> None:
    found = status._show_freshness("http://127.0.0.1:1", Settings(ROOT / ".env", {}))

    assert ["newest sample none", "last evaluation none"] == found
