"""Of a snapshot single families are left out, each with its reason; the rest is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.errors import REASONS, Rejected
from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.parsing.text import parse
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push, PushResult
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.contract.malformed import CORPUS, OM

GOOD = "# TYPE good_total counter\ngood_total 5\n"
AGENT = parse_path("/metrics/job/j/agent/A/incarnation/1")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path, new_series_cpu_share=1.0))
    yield made
    made.stop()


def push(service: Service, body: str | bytes, sequence: int = 0) -> PushResult:
    raw = body.encode() if isinstance(body, str) else body
    return service.store.push(Push(AGENT, raw, replace=True, sequence=sequence))


def shown(service: Service, name: str) -> list[str]:
    page = service.exposition.render("text").take().decode()
    lines = [line for line in page.splitlines() if line.startswith((name + "{", name + " "))]
    return [line.rpartition(" ")[2] for line in lines]


CASES = [bad for bad in CORPUS if bad.reason not in ("parse", "utf8") and isinstance(bad.body, str)]


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_a_family_that_cannot_be_taken_leaves_the_others_alone(bad: object) -> None:
    body = GOOD.replace("good_total c", "good c") + bad.body if bad.kind == OM else GOOD + bad.body  # type: ignore[attr-defined]
    parsed = parse(body.encode(), bad.kind == OM, lenient=True)  # type: ignore[attr-defined]
    assert "good_total" in [family.name for family in parsed.series.families]
    assert bad.reason in [each.reason for each in parsed.rejected]  # type: ignore[attr-defined]
    lost = {each.name for each in parsed.rejected}
    assert not lost & {family.name for family in parsed.series.families}
    template = BodyTemplate(parsed, bad.kind == OM)  # type: ignore[attr-defined]
    assert len(parsed.series) == len(template.arrange(parsed.values))


def test_one_long_label_value_takes_its_family_only(service: Service) -> None:
    answer = push(service, GOOD + f'long{{x="{"v" * 2049}"}} 1\nlong{{x="v"}} 2\n')
    assert [("long", "label")] == [(each.name, each.reason) for each in answer.rejected]
    assert "line 3: " in answer.rejected[0].message
    assert (["5"], []) == (shown(service, "good_total"), shown(service, "long"))


def test_repeated_pushes_go_on_saying_so_and_the_others_go_on_counting(service: Service) -> None:
    for value in range(3):
        body = GOOD.replace(" 5", f" {value}") + "up 1\n"
        answer = push(service, body, sequence=value + 1)
        assert [("up", "reserved")] == [(each.name, each.reason) for each in answer.rejected]
        assert [str(value)] == shown(service, "good_total")


def test_a_value_that_is_wrong_once_is_taken_when_it_is_right_again(service: Service) -> None:
    body = GOOD + "# TYPE c counter\nc {0}\n"
    found = []
    for value in ("1", "-1", "NaN", "4"):
        answer = push(service, body.format(value))
        found.append(([each.reason for each in answer.rejected], shown(service, "c")))
    assert ([], ["1"]) == found[0]
    assert ["value"] == found[1][0] == found[2][0]
    assert ([], ["4"]) == found[3]
    assert ["5"] == shown(service, "good_total")


def test_values_alone_that_are_wrong_are_asked_for_as_text(service: Service) -> None:
    import struct

    body = GOOD + "# TYPE c counter\nc 1\n"
    name = push(service, body).series_list
    assert name
    bad = Push(AGENT, struct.pack("<2d", 6, -1), replace=True, series_list=name)
    with pytest.raises(Rejected) as caught:
        service.store.push(bad)
    assert "unknown_list" == caught.value.reason
    push(service, body.replace("c 1", "c -1").replace(" 5", " 6"))
    assert ["6"] == shown(service, "good_total")


def test_two_histograms_of_which_one_does_not_add_up(service: Service) -> None:
    one = '# TYPE {0} histogram\n{0}_bucket{{le="+Inf"}} 2\n{0}_sum 1\n{0}_count {1}\n'
    answer = push(service, one.format("a", 2) + one.format("b", 3))
    assert [("b", "value")] == [(each.name, each.reason) for each in answer.rejected]
    assert (["2"], []) == (shown(service, "a_count"), shown(service, "b_count"))


def test_the_figures_of_old_classes_are_taken_from_a_process_and_from_nobody_else(
    service: Service,
) -> None:
    body = "# TYPE dreamos_brain_thoughts_total counter\ndreamos_brain_thoughts_total 1\n"
    assert () == push(service, body).rejected
    with pytest.raises(Rejected, match="reserved"):
        service.store.push(Push(parse_path("/metrics/job/x"), body.encode()))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("# TYPE scrape summary\nscrape_count 1\nscrape_sum 1\n", "scrape"),
        ('# TYPE node histogram\nnode_bucket{le="+Inf"} 1\nnode_count 1\nnode_sum 1\n', "node"),
        ("# TYPE node summary\nnode_sum 1\n", "node"),
    ],
)
def test_a_family_whose_samples_have_reserved_names_is_refused(
    service: Service, body: str, name: str
) -> None:
    answer = push(service, GOOD + body)
    assert [(name, "reserved")] == [(each.name, each.reason) for each in answer.rejected]


def test_every_reason_is_one_that_is_counted() -> None:
    assert {"reserved", "name", "label"} <= REASONS.keys()
