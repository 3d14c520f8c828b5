"""One group never takes the scrape from all: it is left out, counted, and shown in /health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.metrics.exposition.prometheus_limits import prometheus_limits
from services.metrics.protocol.grouping_key import GroupingKey, parse_path
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.unit.service.protobuf_reader import read

SUMMARY = b'# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 1\ns_count 2\n'
BROKEN = GroupingKey((("job", "p"), ("quantile", "0.5")), None)
"""A path that is refused today; a data file of an older version may still hold such a group."""
FORMATS = ("protobuf", "text", "openmetrics")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    running: list[Service] = []

    def start(**settings: object) -> Service:
        folder = tmp_path / str(len(running))
        running.append(Service(Settings(data_dir=folder, **settings)))  # type: ignore[arg-type]
        return running[-1]

    yield start
    for service in running:
        service.stop()


def put(service: Service, path: str, body: str) -> None:
    service.store.push(Push(parse_path("/metrics/job/" + path), body.encode(), replace=True))


def left_out(service: Service, reason: str) -> float:
    for _ in range(2):  # a scrape tells what the one before it left out
        samples = read(service.exposition.render("protobuf").take())[1]
    name = "dreamos_exposition_left_out_groups"
    return samples[name, frozenset([("reason", reason)])]


@pytest.mark.parametrize("form", FORMATS)
def test_a_group_that_cannot_be_rendered_is_left_out_and_the_others_are_shown(
    serve: Callable[..., Service], form: str
) -> None:
    service = serve()
    put(service, "good", "# TYPE g gauge\ng 1\n")
    service.store.push(Push(BROKEN, SUMMARY, replace=True))
    body = service.exposition.render(form).take()  # type: ignore[arg-type]
    assert b"good" in body
    assert service.exposition.render(form).take()  # type: ignore[arg-type]


def test_it_is_counted_and_shown_in_health_until_it_is_gone(serve: Callable[..., Service]) -> None:
    service = serve()
    service.store.push(Push(BROKEN, SUMMARY, replace=True))
    component = service.health.report()[1]["exposition"]
    assert "degraded" == component.status
    shown = component.data["left_out"]
    assert [("broken", 'job="p",quantile="0.5",instance=""')] == [
        (each["reason"], each["group"]) for each in shown
    ]
    assert 1 == left_out(service, "broken")
    service.store.delete(BROKEN)
    assert 0 == left_out(service, "broken")
    assert "healthy" == service.health.report()[1]["exposition"].status


def test_health_renders_when_nobody_scrapes(serve: Callable[..., Service]) -> None:
    service = serve()
    put(service, "good", "g 1\n")
    assert "healthy" == service.health.report()[1]["exposition"].status
    assert service.exposition.shown[0].series > 0


def test_a_group_that_is_mended_comes_back(serve: Callable[..., Service]) -> None:
    service = serve()
    service.store.push(Push(BROKEN, SUMMARY, replace=True))
    assert 1 == left_out(service, "broken")
    service.store.push(Push(BROKEN, b"# TYPE s gauge\ns 1\n", replace=True))
    assert 0 == left_out(service, "broken")
    assert b'quantile="0.5"' in service.exposition.render("text").take()


def test_over_the_limit_of_bytes_the_largest_group_is_left_out(
    serve: Callable[..., Service],
) -> None:
    service = serve(max_scrape_bytes=60_000)
    put(service, "small", "# TYPE g gauge\ng 1\n")
    put(service, "big", "".join(f'big{{n="{n:0100}"}} 1\n' for n in range(400)))
    text = service.exposition.render("text").take()
    assert b'job="small"' in text
    assert b"\nbig{" not in text
    assert len(text) < 60_000
    assert 1 == left_out(service, "bytes")
    put(service, "big", "big 1\n")
    assert 0 == left_out(service, "bytes")
    assert b"\nbig{" in service.exposition.render("text").take()


def test_over_the_limit_of_series_the_largest_groups_are_left_out(
    serve: Callable[..., Service],
) -> None:
    service = serve(max_total_series=10_000)
    for job, rows in (("a", 3_000), ("b", 3_000), ("c", 3_500)):
        put(service, job, "".join(f'x{{n="{n}"}} 1\n' for n in range(rows)))
    most = service.exposition.shown[0].series + 7_000
    object.__setattr__(service.settings, "max_total_series", most)
    text = service.exposition.render("text").take()
    assert (True, True, False) == tuple(f'x{{job="{j}"'.encode() in text for j in "abc")
    assert 1 == left_out(service, "series")
    assert service.exposition.shown[0].series <= most


def test_the_size_that_is_reckoned_with_is_never_less_than_the_real_one(
    serve: Callable[..., Service],
) -> None:
    service = serve()
    labels = ",".join(f'l{n}="{"ü" * 120}"' for n in range(20))
    put(service, "one/" + "/".join(f"u{n}/{n}" for n in range(20)), f"# HELP g {'é' * 500}\ng 1\n")
    put(service, "two", "".join(f'h{{{labels},n="{n}"}} {n}.123456789012345\n' for n in range(50)))
    put(service, "three", '# TYPE h2 histogram\nh2_bucket{le="+Inf"} 2\nh2_sum 1\nh2_count 2\n')
    for form in FORMATS:
        size = len(service.exposition.render(form).take())  # type: ignore[arg-type]
        assert size <= service.exposition.shown[0].bytes < 3 * size


def test_prometheus_limits_are_those_of_the_service() -> None:
    limits = prometheus_limits(Settings(max_labels=10, max_label_value=9_000, max_label_name=200))
    assert {
        "body_size_limit": "268435456B",
        "sample_limit": 2_000_000,
        "label_limit": 24,
        "label_name_length_limit": 200,
        "label_value_length_limit": 36_000,
    } == limits
