"""Paths, content types and counts: what is on the wire, at its edges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.errors import Rejected
from services.metrics.parsing.reserved_names import LIBRARY, STACK, why_reserved
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.headers import content_kind
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.contract.conftest import ROOT
from tests.unit.service.client_model import families
from tests.unit.service.protobuf_reader import read

PROTOBUF = "application/vnd.google.protobuf"
MESSAGE = "io.prometheus.client.MetricFamily"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path, new_series_cpu_share=1.0))
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "text"),
        ("", "text"),
        ("text/plain", "text"),
        ("text/plain; version=0.0.4; charset=utf-8", "text"),
        ("text/plain; version=1.0.0; charset=utf-8; escaping=values", "text"),
        ("application/x-www-form-urlencoded", "text"),
        ("application/json", "text"),
        ("garbage", "text"),
        ("application/openmetrics-text", "openmetrics"),
        ("Application/OpenMetrics-Text; version=1.0.0", "openmetrics"),
        ("application/openmetrics-text; version=2.0.0", "openmetrics"),
        (f"{PROTOBUF}; proto={MESSAGE}; encoding=delimited", "protobuf"),
        (f'{PROTOBUF};encoding="delimited" ;proto="{MESSAGE}"', "protobuf"),
        ("application/vnd.dreamos.values", "values"),
    ],
)
def test_content_types(header: str | None, expected: str) -> None:
    assert expected == content_kind(header)


@pytest.mark.parametrize(
    "header",
    [
        PROTOBUF,
        f"{PROTOBUF}; proto={MESSAGE}; encoding=text",
        f"{PROTOBUF}; proto={MESSAGE}; encoding=compact-text",
        f"{PROTOBUF}; proto=other; encoding=delimited",
        f"{PROTOBUF}; proto={MESSAGE}; encoding=delimited2",
    ],
)
def test_protocol_buffers_in_another_form_are_refused(header: str) -> None:
    with pytest.raises(Rejected, match="encoding=delimited"):
        content_kind(header)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/metrics/job/x/metrics", "the address ends in /metrics"),
        ("/metrics/metrics/job/x", "/metrics twice"),
        ("/metrics/metrics", "/metrics twice"),
        ("/metrics/job/x/le/1", "le belongs to a histogram"),
        ("/metrics/job/x/quantile/0.5", "quantile belongs to"),
        ("/metrics/job/x/quantile@base64/MC41", "quantile belongs to"),
        ("/metrics/job/x/" + "n" * 129 + "/1", "longer than 128"),
        ("/metrics/job/x/" + "v" * 300, "has no value"),
    ],
)
def test_paths_are_refused_by_what_people_did(path: str, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        parse_path(path)


def test_the_longest_names_of_labels_are_taken() -> None:
    assert 129 == len(dict(parse_path(f"/metrics/job/x/{'n' * 128}/1").labels)) + 127


@pytest.mark.parametrize(
    "count", [2**53, 2**56 - 8, 2**56, 2**56 + 16, 2**57, 2**62, 2**63, 2**64 - 2048]
)
def test_large_counts_are_the_same_in_every_format(service: Service, count: int) -> None:
    body = (
        f'# TYPE h histogram\nh_bucket{{le="1"}} 5\nh_bucket{{le="+Inf"}} {count}\nh_sum 1\n'
        f"h_count {count}\n# TYPE s summary\ns_sum 1\ns_count {count}\n"
    )
    target = parse_path("/metrics/job/j")
    service.store.push(Push(target, body.encode(), replace=True))
    for _ in range(2):
        shown = {name: value for (name, labels), value in
                 read(service.exposition.render("protobuf").take())[1].items()
                 if not labels & {("le", "1.0")}}  # fmt: skip
        assert (count, count, count) == (shown["h_count"], shown["h_bucket"], shown["s_count"])
    page = service.exposition.render("text").take().decode()
    found = [float(line.rpartition(" ")[2]) for line in page.splitlines() if "h_count" in line]
    assert [float(count)] == found


def test_counts_that_grow_over_the_edge_and_fall_again_are_put_in_whole(service: Service) -> None:
    target = parse_path("/metrics/job/j")
    for count in (1, 2**56, 2**64 - 2048, 3, 2**60, 0, 2**56 - 8, 7):
        body = f'# TYPE h histogram\nh_bucket{{le="+Inf"}} {count}\nh_sum 1\nh_count {count}\n'
        service.store.push(Push(target, body.encode(), replace=True))
        found = next(f for f in families(service.exposition.render("protobuf").take())
                     if f.name == "h")  # fmt: skip
        histogram = found.metric[0].histogram
        assert (count, count) == (histogram.sample_count, histogram.bucket[0].cumulative_count)


def test_a_count_that_no_message_holds_is_the_largest_that_one_does(service: Service) -> None:
    body = b'# TYPE h histogram\nh_bucket{le="+Inf"} 1e30\nh_sum 1\nh_count 1e30\n'
    service.store.push(Push(parse_path("/metrics/job/j"), body, replace=True))
    shown = read(service.exposition.render("protobuf").take())[1]
    assert 2**64 - 2048 == next(v for (name, _), v in shown.items() if name == "h_count")
    assert math.isfinite(shown["h_sum", frozenset([("job", "j"), ("instance", "")])])


def catalogue() -> tuple[set[str], set[str]]:
    """Return the second words of what the library and the stack export, by docs/metrics.md."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    library, _, stack = page.partition("## Exported by the service")
    stack = stack.partition("## Passed on")[0]

    def words(text: str) -> set[str]:
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `dreamos_")]
        return {name.split("`")[1].split("_")[1] for name in rows}

    return words(library), words(stack)


def test_the_words_of_the_library_and_of_the_stack_are_those_of_the_catalogue() -> None:
    library, stack = catalogue()
    assert set() == library - LIBRARY
    # `agent` is in both: what the service writes beside an agent's is left out of bodies.
    assert set() == stack - STACK - {"agent"}
    assert set() == LIBRARY & STACK


@pytest.mark.parametrize(
    ("name", "plain", "snapshot"),
    [
        ("up", True, True),
        ("ALERTS", True, True),
        ("ALERTS_FOR_STATE", True, True),
        ("scrape_duration_seconds", True, True),
        ("job:errors:rate5m", True, True),
        ("node_load1", True, True),
        ("dreamos_ingest_pushes_total", True, True),
        ("dreamos_agents", True, True),
        ("dreamos_workspace_up", True, True),
        ("dreamos_made_up", True, False),
        ("dreamos_agent_errors_total", False, False),
        ("dreamos_queue_length", False, False),
        ("upper", False, False),
        ("nodes", False, False),
        ("scraped", False, False),
        ("alerts", False, False),
    ],
)
def test_reserved_names(name: str, plain: bool, snapshot: bool) -> None:
    assert plain == (why_reserved(name, snapshot=False) is not None)
    assert snapshot == (why_reserved(name, snapshot=True) is not None)
