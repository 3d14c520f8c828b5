"""A body that the Pushgateway takes is taken here; what is not is said in the corpus, with why."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from benchmarks.service.peers import gateway
from services.metrics.app import create_app
from services.metrics.settings import Settings
from tests.unit.service.client_model import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    delimited,
    family,
)

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "as_the_pushgateway.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text().splitlines()]
TEXT = "text/plain; version=0.0.4"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
BUCKETS = [{"cumulative_count": 1, "upper_bound": 0.5}, {"cumulative_count": 3, "upper_bound": 2.0}]
NATIVE = {
    "sample_count": 4,
    "sample_sum": 2.5,
    "schema": 3,
    "zero_threshold": 1e-128,
    "zero_count": 1,
    "positive_span": [{"offset": 0, "length": 2}],
    "positive_delta": [1, 1],
}
MESSAGES = {
    "counter": family("c", COUNTER, counter={"value": 3}),
    "gauge": family("g", GAUGE, gauge={"value": float("nan")}),
    "untyped": family("u", UNTYPED, untyped={"value": 3}),
    "summary": family(
        "s",
        SUMMARY,
        summary={"sample_count": 3, "sample_sum": 1, "quantile": [{"quantile": 0.5, "value": 1}]},
    ),
    "histogram": family(
        "h", HISTOGRAM, histogram={"sample_count": 4, "sample_sum": 2.5, "bucket": BUCKETS}
    ),
    "native histogram": family("h", HISTOGRAM, histogram=NATIVE),
    "native histogram with buckets": family("h", HISTOGRAM, histogram={**NATIVE, "bucket": BUCKETS}),
    "float histogram": family(
        "h",
        HISTOGRAM,
        histogram={
            "sample_count_float": 4.5,
            "sample_sum": 1,
            "bucket": [{"cumulative_count_float": 1.5, "upper_bound": 1.0}],
        },
    ),
    "gauge histogram": family(
        "h", GAUGE_HISTOGRAM, histogram={"sample_count": 4, "sample_sum": -1, "bucket": BUCKETS}
    ),
}  # fmt: skip


def body_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["base64"]) if "base64" in case else case["body"].encode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("gateway")
    app = create_app(Settings(data_dir=folder, log_level="error", new_series_cpu_share=1.0))
    yield app.test_client()
    app.extensions["dreamos"].stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_corpus_is_answered_as_it_says(client: FlaskClient, case: dict[str, Any]) -> None:
    assert ("ours" in case) == ("because" in case)
    headers = {"Content-Type": case.get("type", TEXT)}
    answer = client.put("/metrics/job/t", data=body_of(case), headers=headers)
    client.delete("/metrics/job/t")
    assert case.get("ours", case["gateway"]) == answer.status_code, answer.text


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_of_the_go_client_is_taken_and_shown_in_every_format(
    client: FlaskClient, name: str
) -> None:
    body = delimited([MESSAGES[name]])
    answer = client.put("/metrics/job/t", data=body, headers={"Content-Type": PROTOBUF})
    assert (200, "") == (answer.status_code, answer.text)
    for accept in (TEXT, "application/openmetrics-text", PROTOBUF):
        assert b"job" in client.get("/metrics", headers={"Accept": accept}).data
    client.delete("/metrics/job/t")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("native histogram", {'h_bucket{le="+Inf"}': "4", "h_sum": "2.5", "h_count": "4"}),
        (
            "native histogram with buckets",
            {'h_bucket{le="0.5"}': "1", 'h_bucket{le="2.0"}': "3", 'h_bucket{le="+Inf"}': "4"},
        ),
        ("float histogram", {'h_bucket{le="1.0"}': "1", "h_count": "4"}),
        ("gauge histogram", {"h_gcount": "4", "h_gsum": "-1"}),
    ],
)
def test_a_native_histogram_keeps_count_sum_and_the_classic_buckets_that_it_has(
    client: FlaskClient, name: str, expected: dict[str, str]
) -> None:
    body = delimited([MESSAGES[name]])
    client.put("/metrics/job/t", data=body, headers={"Content-Type": PROTOBUF})
    page = client.get("/metrics").text.replace('job="t",instance="",', "")
    shown = page.replace('{job="t",instance=""}', "")
    client.delete("/metrics/job/t")
    for series, value in expected.items():
        assert f"\n{series} {value}\n" in shown


def _put(url: str, body: bytes, kind: str) -> int:
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


INSTALLED = shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")


@pytest.mark.skipif(not INSTALLED, reason="the Pushgateway is a witness where it is installed")
def test_the_real_pushgateway_answers_as_the_corpus_says() -> None:
    found = subprocess.run(
        [str(INSTALLED), "--version"], capture_output=True, text=True, check=True
    )
    if "version 1.11" not in found.stdout + found.stderr:
        pytest.skip("the corpus was recorded with Pushgateway 1.11")
    with gateway(check=True) as peer:
        url = f"http://127.0.0.1:{peer.port}/metrics/job/t"
        for case in CASES:
            status = _put(url, body_of(case), case.get("type", TEXT))
            assert (case["name"], case["gateway"]) == (case["name"], status)
            with contextlib.closing(
                urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=20)
            ) as answer:
                assert 202 == answer.status
        for name, message in MESSAGES.items():
            assert (name, 200) == (name, _put(url, delimited([message]), PROTOBUF))
