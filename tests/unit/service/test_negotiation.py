"""Which format a reader gets."""

from __future__ import annotations

import pytest

from services.metrics.exposition.negotiate import choose

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited;q=0.6"
)
OPENMETRICS = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5"
TEXT = "text/plain;version=0.0.4;q=0.3"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text"),
        ("", "text"),
        ("*/*", "text"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text"),
        (f"{OPENMETRICS},{TEXT},*/*;q=0.2", "openmetrics"),
        (f"{PROTOBUF},{OPENMETRICS},{TEXT},*/*;q=0.2", "protobuf"),
        (f"{TEXT},{OPENMETRICS}", "openmetrics"),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", "text"),
        ("application/openmetrics-text;q=0,text/plain", "text"),
        ("application/vnd.google.protobuf;proto=other;encoding=delimited", "text"),
        ("text/plain;q=nonsense", "text"),
    ],
)
def test_the_best_format_that_both_know_is_chosen(accept: str | None, expected: str) -> None:
    assert expected == choose(accept)
