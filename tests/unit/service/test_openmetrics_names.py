"""Every page is valid in every format, whatever names stand beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from services.metrics.errors import Rejected
from services.metrics.exposition.negotiate import Format
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.unit.service.protobuf_reader import read

HISTOGRAM = '# TYPE {0} histogram\n{0}_bucket{{le="+Inf"}} 2\n{0}_sum 1\n{0}_count 2\n'
SUMMARY = '# TYPE {0} summary\n{0}{{quantile="0.5"}} 1\n{0}_sum 1\n{0}_count 2\n'
COUNTER = "# TYPE {0}_total counter\n{0}_total 3\n"
STAMPED = COUNTER + "# TYPE {0}_created gauge\n{0}_created 1700000000\n"
BARE = "# TYPE {0} counter\n{0} 3\n"
GAUGE = "# TYPE {0} gauge\n{0} 5\n"
FORMS = {
    "histogram": HISTOGRAM,
    "summary": SUMMARY,
    "counter": COUNTER,
    "counter that says when it began": STAMPED,
    "counter without total": BARE,
    "gauge": GAUGE,
    "gauge that ends in total": "# TYPE {0}_total gauge\n{0}_total 5\n",
    "gauge that ends in created": "# TYPE {0}_created gauge\n{0}_created 5\n",
    "gauge that ends in info": "# TYPE {0}_info gauge\n{0}_info 5\n",
    "gauge that ends in bucket": "# TYPE {0}_bucket gauge\n{0}_bucket 5\n",
    "histogram without sum": '# TYPE {0} histogram\n{0}_bucket{{le="+Inf"}} 2\n{0}_count 2\n',
    "histogram without count": '# TYPE {0} histogram\n{0}_bucket{{le="inf"}} 2\n{0}_sum 2\n',
    "histogram without buckets": "# TYPE {0} histogram\n{0}_sum 2\n{0}_count 1\n",
    "histogram of what is below 0": HISTOGRAM.replace(
        "_bucket{{le", '_bucket{{le="-1"}} 1\n{0}_bucket{{le'
    ),
    "histogram with a sum below 0": HISTOGRAM.replace("_sum 1", "_sum -1"),
    "histogram with a sum that is no number": HISTOGRAM.replace("_sum 1", "_sum NaN"),
    "summary with a quantile below 0": SUMMARY.replace("}} 1", "}} -1"),
    "summary with a quantile that is no number": SUMMARY.replace("}} 1", "}} NaN"),
    "summary with a sum below 0": SUMMARY.replace("_sum 1", "_sum -1"),
    "summary of quantiles only": '# TYPE {0} summary\n{0}{{quantile="1"}} 1\n',
    "histogram of totals": HISTOGRAM.replace("{0}", "{0}_total"),
}
FORMATS: tuple[Format, ...] = ("text", "openmetrics", "protobuf")
INFO = '# TYPE b info\nb_info{v="1"} 1\n# EOF\n'


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path, new_series_cpu_share=1.0))
    yield made
    made.stop()


def put(service: Service, job: str, body: str, modern: bool = False) -> bool:
    push = Push(parse_path(f"/metrics/job/{job}"), body.encode(), openmetrics=modern, replace=True)
    try:
        service.store.push(push)
    except Rejected as refusal:
        assert "inconsistent" == refusal.reason  # noqa: PT017
        return False
    return True


def judged(service: Service) -> dict[str, dict[str, float]]:
    """Render everything, let the others' readers judge it, return what stands there by name."""
    pages = {form: service.exposition.render(form).take() for form in FORMATS}
    modern = openmetrics(pages["openmetrics"].decode())  # type: ignore[no-untyped-call]
    messages = {f"{n} {sorted(k)}": v for (n, k), v in read(pages["protobuf"])[1].items()}
    return {
        "text": _named(text_format(pages["text"].decode())),
        "openmetrics": _named(modern),
        "protobuf": messages,
    }


def _named(families: object) -> dict[str, float]:
    return {
        f"{sample.name} {sorted(sample.labels.items())}": sample.value
        for family in families  # type: ignore[attr-defined]
        for sample in family.samples
    }


def test_a_gauge_beside_a_counter_of_its_name_leaves_every_format_valid(service: Service) -> None:
    assert put(service, "go", GAUGE.format("b") + COUNTER.format("b"))
    page = service.exposition.render("openmetrics").take().decode()
    assert "# TYPE b gauge\nb{" in page
    assert "# TYPE b_total unknown\nb_total{" in page
    assert 3 == judged(service)["openmetrics"]["b_total [('instance', ''), ('job', 'go')]"]


def test_alone_the_counter_keeps_its_type(service: Service) -> None:
    assert put(service, "go", STAMPED.format("b"))
    page = service.exposition.render("openmetrics").take().decode()
    assert "# TYPE b counter\nb_total{" in page
    assert "\nb_created{" in page


def test_a_type_comes_back_when_what_stood_beside_it_goes(service: Service) -> None:
    assert put(service, "one", COUNTER.format("b"))
    assert put(service, "two", GAUGE.format("b"))
    judged(service)
    service.store.delete(parse_path("/metrics/job/two"))
    assert "# TYPE b counter" in service.exposition.render("openmetrics").take().decode()


def test_a_sum_that_falls_below_0_leaves_the_page_valid_and_comes_back(service: Service) -> None:
    for value, kind in ((1, "histogram"), (-1, "unknown"), (2, "unknown")):
        body = HISTOGRAM.format("h").replace("h_sum 1", f"h_sum {value}")
        assert put(service, "j", body)
        assert value == judged(service)["openmetrics"]["h_sum [('instance', ''), ('job', 'j')]"]
        page = service.exposition.render("openmetrics").take().decode()
        assert f"# TYPE h{'_sum' if kind == 'unknown' else ''} {kind}\n" in page
    service.store.delete(parse_path("/metrics/job/j"))
    judged(service)
    assert put(service, "j", HISTOGRAM.format("h"))
    assert "# TYPE h histogram\n" in service.exposition.render("openmetrics").take().decode()


@pytest.mark.parametrize("one", FORMS)
def test_any_two_of_one_name_are_valid_beside_each_other(service: Service, one: str) -> None:
    assert put(service, "one", FORMS[one].format("b"))
    for other in FORMS.values():
        put(service, "two", other.format("b"))
        judged(service)
        service.store.delete(parse_path("/metrics/job/two"))


@pytest.mark.parametrize("other", FORMS)
def test_an_info_is_valid_beside_everything(service: Service, other: str) -> None:
    assert put(service, "one", INFO, modern=True)
    put(service, "two", FORMS[other].format("b"))
    judged(service)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(FORMS)),
            st.sampled_from(["b", "b_total", "b_created", "b_count", "b_info", "b_total_total"]),
        ),
        max_size=6,
    )
)
def test_any_number_of_like_names_is_valid(service: Service, wanted: list[tuple[str, str]]) -> None:
    for number, (form, name) in enumerate(wanted):
        put(service, f"j{number}", FORMS[form].format(name))
    judged(service)
    for number in range(len(wanted)):
        service.store.delete(parse_path(f"/metrics/job/j{number}"))
