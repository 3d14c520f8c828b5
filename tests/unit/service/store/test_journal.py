"""What has changed since the disk was last written."""

from __future__ import annotations

from services.metrics.store.group import Group
from services.metrics.store.journal import Journal
from tests.unit.service.series.lists import COUNTERS, part
from tests.unit.service.store.test_group import LABELS, process


def group() -> Group:
    made = Group(7, LABELS, members={"1": process(COUNTERS, part("# TYPE c counter\nc 4\n"))})
    made.retire([part(COUNTERS)])
    return made


def test_rows_are_as_the_group_is_when_they_are_taken() -> None:
    journal, one = Journal(), group()
    journal.everything(one)
    batch = journal.take()
    assert ([7], [7], ["1"]) == (
        [row.id for row in batch.groups],
        [number for number, _ in batch.totals],
        [row.incarnation for row in batch.members],
    )
    assert batch.members[0].absent is not None
    assert not journal.take()
    journal.totals(one)
    journal.member(one, "1")
    one.retired = None
    del one.members["1"]
    batch = journal.take()
    assert ([7], [(7, "1")]) == (batch.no_totals, batch.removed)


def test_what_could_not_be_written_is_noted_again_as_it_is_by_then() -> None:
    journal, one = Journal(), group()
    journal.end(one, "2", 100.0, one.members["1"])
    journal.everything(one)
    batch = journal.take()
    one.members["1"] = process("# TYPE a_total counter\na_total 5\n")
    journal.put_back(batch, lambda number: one)
    again = journal.take()
    assert ["2"] == [row.incarnation for row in again.ended]
    assert [["a_total"]] == [row.series.names for row in again.members]


def test_a_process_that_is_back_has_not_ended_and_a_deleted_group_leaves_nothing() -> None:
    journal, one = Journal(), group()
    journal.end(one, "1", 100.0, one.members["1"])
    batch = journal.take()
    journal.revive(one, "1")
    journal.put_back(batch, lambda number: one)
    again = journal.take()
    assert ([], [(7, "1")]) == (again.ended, again.revived)
    journal.end(one, "1", 100.0, None)
    failed = journal.take()
    journal.delete(one)
    journal.put_back(failed, lambda number: None)
    last = journal.take()
    assert ([7], [], []) == (last.gone, last.ended, last.groups)
