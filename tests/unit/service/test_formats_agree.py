"""Three formats, one truth: text, OpenMetrics and protocol buffers say the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.unit.service.protobuf_reader import Series, read

BODY = """\
# HELP c_total A "counter" \\\\ of \\n two lines.
# TYPE c_total counter
c_total{{x="q\\"uote",y="back\\\\slash\\nline"}} {0}
c_total{{x="ünï"}} {1}
c_total{{instance="own",x="z"}} {1}
# TYPE c_created gauge
c_created{{x="q\\"uote",y="back\\\\slash\\nline"}} 1700000000.25
c_created{{x="ünï"}} 1700000001.75
c_created{{instance="own",x="z"}} 1700000001.75
# TYPE plain counter
plain {0}
# TYPE g gauge
g {2}
# TYPE h histogram
h_bucket{{op="a",le="0.5"}} {0}
h_bucket{{op="a",le="+Inf"}} {3}
h_sum{{op="a"}} 0.25
h_count{{op="a"}} {3}
h_bucket{{op="b",le="0.5"}} 0
h_bucket{{op="b",le="+Inf"}} {1}
h_sum{{op="b"}} 0
h_count{{op="b"}} {1}
# TYPE s summary
s{{quantile="0.5"}} 0.125
s{{quantile="0.9"}} NaN
s_sum 7.5
s_count {3}
unknown_one{{a="1"}} {2}
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path))
    yield made
    made.stop()


def push(service: Service, path: str, seed: int) -> None:
    chance = random.Random(seed)
    low = chance.randrange(10**6)
    gauge = chance.choice([chance.random(), -3.25e-7, float("inf"), 1e300, 2.0**60])
    body = BODY.format(low, chance.randrange(200), gauge, low + chance.randrange(10**12))
    service.store.push(Push(parse_path("/metrics/job/" + path), body.encode(), replace=True))


def flat(families: object) -> tuple[dict[str, str], Series, Series]:
    types: dict[str, str] = {}
    samples: Series = {}
    began: Series = {}
    for family in families:  # type: ignore[attr-defined]
        for sample in family.samples:
            labels = dict(sample.labels)
            for name in ("le", "quantile"):
                if name in labels:
                    labels[name] = str(float(labels[name]))
            key = frozenset(labels.items())
            if sample.name.endswith("_created"):
                name = family.name + ("_total" if family.type == "counter" else "")
                began[name, key] = sample.value
            else:
                # The client's reader adds _total to every counter of the text format.
                name = "plain" if sample.name == "plain_total" else sample.name
                samples[name, key] = sample.value
        types[family.name] = family.type
    return types, samples, began


def same(one: Series, other: Series) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert value == other[key] or (value != value and other[key] != other[key]), key


def check(service: Service) -> None:
    def body(form: object) -> bytes:
        return service.exposition.render(form).take()  # type: ignore[arg-type]

    scrape = body("protobuf")
    own = {"dreamos_store_size_bytes", "dreamos_store_last_flush_timestamp_seconds"}
    own |= {"dreamos_exposition_series", "dreamos_exposition_bytes"}
    own |= {"dreamos_store_flush_duration_seconds" + end for end in ("_count", "_sum", "_bucket")}
    results = [read(scrape)]
    results.append(flat(text_format(body("text").decode())))
    results.append(flat(openmetrics(body("openmetrics").decode())))  # type: ignore[no-untyped-call]
    shown = [{k: v for k, v in found[1].items() if k[0] not in own} for found in results]
    same(shown[0], shown[1])
    same(shown[0], shown[2])
    began = [{k: v for k, v in r[2].items() if k[0] == "c_total"} for r in results]
    assert began[0] == began[2]
    assert {} == began[1]
    assert "counter" == results[0][0]["c_total"]


def test_they_agree_from_the_first_scrape_on_through_every_change(service: Service) -> None:
    push(service, "a/agent/A/incarnation/1", 1)
    check(service)
    push(service, "a/agent/A/incarnation/1", 2)
    check(service)
    push(service, "a/agent/B/incarnation/1", 3)
    push(service, "plain", 4)
    check(service)
    push(service, "a/agent/A/incarnation/2", 5)
    check(service)
    service.store.delete(parse_path("/metrics/job/a/agent/A/incarnation/2"))
    check(service)
    service.store.delete(parse_path("/metrics/job/plain"))
    check(service)


def test_times_of_beginning_are_those_of_the_first_process(service: Service) -> None:
    push(service, "a/agent/A/incarnation/1", 1)
    began = read(service.exposition.render("protobuf").take())[2]
    times = {time for (name, _), time in began.items() if name == "c_total"}
    assert {1700000000.25, 1700000001.75} == times


def test_a_counter_without_total_has_one_name_in_every_format(service: Service) -> None:
    push(service, "a", 1)
    text = service.exposition.render("openmetrics").take().decode()
    assert "# TYPE plain unknown\n" in text
    assert "plain_total" not in text


def test_a_scrape_that_is_still_read_stays_as_it_was(service: Service) -> None:
    def shown(content: bytes) -> set[float]:
        return {value for (name, _), value in read(content)[1].items() if name == "g"}

    service.store.push(Push(parse_path("/metrics/job/a"), b"g 1\n", replace=True))
    first = service.exposition.render("protobuf")
    service.store.push(Push(parse_path("/metrics/job/a"), b"g 2\n", replace=True))
    second = service.exposition.render("protobuf")
    service.store.push(Push(parse_path("/metrics/job/a"), b"g 3\n", replace=True))
    third = service.exposition.render("protobuf")
    assert [{1.0}, {2.0}, {3.0}] == [shown(part.take()) for part in (first, second, third)]
    service.store.push(Push(parse_path("/metrics/job/a"), b"g 4\n", replace=True))
    assert {4.0} == shown(service.exposition.render("protobuf").take())
