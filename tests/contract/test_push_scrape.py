"""What a reader gets: formats, types, the seed's end points."""

from __future__ import annotations

import json
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from tests.contract.conftest import Running, ask

FILES = """\
# HELP file_ops_write_total Total file writes
# TYPE file_ops_write_total counter
file_ops_write_total{path="data.txt",operation="atomic_write"} 3
file_ops_write_total{path="b",operation="write"} 1
# TYPE file_ops_write_errors_total counter
file_ops_write_errors_total{path="b",operation="write",error_type="OSError"} 2
# TYPE file_ops_bytes_total counter
file_ops_bytes_total{operation="write"} 4096
# TYPE file_operation_duration_seconds histogram
file_operation_duration_seconds_bucket{operation="write",le="1.0"} 3
file_operation_duration_seconds_bucket{operation="write",le="+Inf"} 4
file_operation_duration_seconds_sum{operation="write"} 2.5
file_operation_duration_seconds_count{operation="write"} 4
"""


def test_the_text_format_says_what_it_is(shared: Running) -> None:
    reply = ask(shared.url + "/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == reply.headers["content-type"]
    assert list(text_format(reply.text))


def test_openmetrics_comes_when_it_is_asked_for(shared: Running) -> None:
    shared.push("files/agent/A/incarnation/1", FILES)
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    reply = ask(shared.url + "/metrics", Accept=accept)
    expected = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert expected == reply.headers["content-type"]
    families = {family.name: family.type for family in openmetrics(reply.text)}  # type: ignore[no-untyped-call]
    assert "counter" == families["file_ops_write"]
    assert "histogram" == families["file_operation_duration_seconds"]


def test_each_family_is_described_once_whoever_pushes_it(shared: Running) -> None:
    for agent in ("A", "B", "C"):
        shared.push(f"files/agent/{agent}/incarnation/1", FILES)
    text = shared.scrape()
    assert 1 == text.count("# TYPE file_ops_write_total counter\n")
    assert 1 == text.count("# HELP file_ops_write_total Total file writes\n")
    for family in text_format(text):
        assert 1 == text.count(f"# TYPE {family.name} ") + text.count(
            f"# TYPE {family.name}_total "
        )


def test_the_six_counters_of_the_seed_come_as_json(shared: Running) -> None:
    for job in ("files", "other"):
        shared.push(f"{job}/agent/A/incarnation/1", FILES)
    shared.push("files/agent/B/incarnation/1", method="DELETE")
    for reply in (
        ask(shared.url + "/metrics/file?format=json"),
        ask(shared.url + "/metrics/file", Accept="application/json"),
    ):
        assert "application/json" == reply.headers["content-type"]
        counters = json.loads(reply.text)
        names = (
            "file_writes file_write_errors file_reads file_read_errors directory_ops total_bytes"
        )
        assert set(names.split()) == set(counters)
        assert counters["file_writes"] == 2 * counters["file_write_errors"]
        assert 0 == counters["file_reads"]


def test_a_gauge_that_is_no_number_does_not_break_the_six_counters(shared: Running) -> None:
    # A family that nobody pushed yet, under the name of one of the six.
    gauge = "# TYPE file_ops_directory_total gauge\nfile_ops_directory_total NaN\n"
    assert 200 == shared.push("files/source/odd", gauge).status
    try:
        reply = ask(shared.url + "/metrics/file?format=json")
        assert (200, 0) == (reply.status, json.loads(reply.text)["directory_ops"])
    finally:
        shared.push("files/source/odd", method="DELETE")


def test_the_file_page_shows_the_file_metrics_and_no_other(shared: Running) -> None:
    shared.push("files/agent/A/incarnation/1", FILES + "# TYPE other gauge\nother 1\n")
    reply = ask(shared.url + "/metrics/file")
    assert "text/plain; version=0.0.4; charset=utf-8" == reply.headers["content-type"]
    assert {"file"} == {family.name.split("_")[0] for family in text_format(reply.text)}


def test_health_names_its_components(shared: Running) -> None:
    report = json.loads(ask(shared.url + "/health").text)
    assert "healthy" == report["status"]
    assert "healthy" == report["components"]["store"]["status"]


def test_the_time_of_beginning_is_carried_to_openmetrics(shared: Running) -> None:
    body = "# TYPE c_total counter\nc_total 3\n# TYPE c_created gauge\nc_created 1700000000.5\n"
    shared.push("created/agent/A/incarnation/1", body)
    text = shared.scrape(Accept="application/openmetrics-text")
    assert 'c_created{agent="A",job="created",instance=""} 1700000000.5\n' in text
    assert "c_created" not in shared.scrape()


def test_a_time_of_beginning_is_never_later_than_its_push(shared: Running) -> None:
    body = "# TYPE c_total counter\nc_total 3\n# TYPE c_created gauge\nc_created 99999999999\n"
    shared.push("ahead/agent/A/incarnation/1", body)
    text = shared.scrape(Accept="application/openmetrics-text")
    line = next(x for x in text.splitlines() if x.startswith('c_created{agent="A",job="ahead"'))
    assert float(line.rpartition(" ")[2]) <= time.time()
