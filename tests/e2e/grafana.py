"""Grafana's HTTP API, as its first user."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.e2e.stack import Answer, Stack, http


def require(stack: Stack) -> None:
    """Skip the test, with the reason, where this stack runs without Grafana."""
    if not stack.has("grafana"):
        pytest.skip(
            "no Grafana: there is no image under the configured name on this machine, and none could be pulled "
            "(`docker load` one, or set GRAFANA_IMAGE)"
        )


def ask(stack: Stack, method: str, path: str, body: Any = None) -> Answer:
    """Send a request as the first user."""
    pair = f"admin:{stack.secret('grafana/admin_password')}"
    headers = {
        "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    return http(method, stack.url("grafana", path), body=data, headers=headers)


def query(stack: Stack, expression: str) -> list[dict[str, Any]]:
    """Run one query as a panel does; returns the data frames."""
    now = int(time.time() * 1000)
    target = {
        "refId": "A",
        "datasource": {"uid": "dreamos-prometheus", "type": "prometheus"},
        "expr": expression,
        "instant": True,
        "range": False,
        "intervalMs": 2000,
        "maxDataPoints": 100,
    }
    body = {"queries": [target], "from": str(now - 900_000), "to": str(now)}
    answer = ask(stack, "POST", "/api/ds/query", body)
    assert 200 == answer.status, answer.text
    result = answer.json()["results"]["A"]
    assert "error" not in result, result
    frames: list[dict[str, Any]] = result["frames"]
    return frames
