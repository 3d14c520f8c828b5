"""What is shown is made when somebody looks."""

from __future__ import annotations

from services.metrics.store.group import Group
from services.metrics.store.views import Views, snapshot
from tests.unit.service.series.lists import COUNTERS
from tests.unit.service.store.test_group import LABELS, process


def test_a_group_shows_itself_and_its_record_until_it_is_gone() -> None:
    views, group = Views(), Group(1, LABELS, members={"1": process(COUNTERS)})
    views.add({LABELS: snapshot(group, lambda _: ())})
    found = views.views()
    assert {("group", LABELS), ("record", LABELS)} == found.keys()
    record = found["record", LABELS]
    assert 2 == record.values[record.series.names.index("dreamos_series")]
    group.hidden = True
    views.add({LABELS: snapshot(group, lambda _: ())})
    assert {} == views.views()
    assert 2 == len(found)


def test_a_snapshot_does_not_change_when_the_group_does() -> None:
    views, group = Views(), Group(1, LABELS, members={"1": process(COUNTERS)})
    views.add({LABELS: snapshot(group, lambda _: ())})
    group.members["1"] = process("# TYPE a_total counter\na_total 9\n")
    assert [1.0, 2.0] == views.views()["group", LABELS].values.tolist()
