"""Arbitrary requests meet the service: never a 500, never a changed total."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.metrics.app import create_app
from services.metrics.settings import Settings
from tests.unit.service.test_fuzz_parser import bodies

WITNESS = "/metrics/job/witness/agent/W/incarnation/1"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("fuzz"), log_level="error"))
    made = app.test_client()
    assert 200 == made.put(WITNESS, data=b"# TYPE w_total counter\nw_total 5\n").status_code
    yield made
    app.extensions["dreamos"].stop()


HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Content-Encoding", "Dreamos-Sequence", "Dreamos-TTL", "Dreamos-Final",
         "Dreamos-Uncertain", "Dreamos-Series-List", "Authorization", "Accept", "Accept-Encoding"]
    ),
    st.one_of(
        st.sampled_from(
            ["1", "0", "-1", "gzip", "text/plain", "application/openmetrics-text; version=1.0.0",
             "application/vnd.dreamos.values", "nan", "1e9", "x" * 24, "*/*;q=0.1", "Basic ::::"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    ),
    max_size=4,
)  # fmt: skip
PATHS = st.one_of(
    st.just("/metrics/job/fuzz"),
    st.just("/metrics/job/fuzz/agent/F/incarnation/1"),
    st.just("/metrics/job/witness/agent/W/incarnation/2"),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=30)
    .map(lambda rest: "/metrics/job/fuzz/" + rest),
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["PUT", "POST", "DELETE", "GET"]), PATHS, HEADERS, bodies(), st.booleans())
def test_no_request_is_answered_with_500_or_changes_another_total(
    client: FlaskClient, method: str, path: str, headers: dict[str, str], body: bytes, packed: bool
) -> None:
    data = gzip.compress(body) if packed else body
    answer = client.open(path, method=method, headers=headers, data=data)
    assert answer.status_code in (200, 202, 400, 404, 405, 409, 413, 415, 429)
    scrape = client.get("/metrics").text
    assert 'w_total{agent="W",job="witness",instance=""} 5\n' in scrape
    assert (
        200
        == client.get("/metrics", headers={"Accept": "application/openmetrics-text"}).status_code
    )
