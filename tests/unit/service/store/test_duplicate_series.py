"""No series twice, whatever group shows it."""

from __future__ import annotations

from services.metrics.store.duplicate_series import DuplicateSeries
from tests.unit.service.series.lists import COUNTERS, series

WIDE, NARROW = (("job", "j"),), (("job", "j"), ("shelf", "x"))
LABELLED = series('# TYPE g gauge\ng{shelf="x"} 1\ng{shelf="y"} 1\n' + COUNTERS)
BARE = series("# TYPE g gauge\ng 1\n" + COUNTERS)


def test_labels_of_a_body_meet_those_of_a_url() -> None:
    found = DuplicateSeries()
    found.hold(WIDE, [LABELLED])
    assert {"g": WIDE} == found.conflicts(NARROW, BARE)
    assert {} == found.conflicts((("job", "j"), ("shelf", "z")), BARE)
    assert {} == found.conflicts((("job", "other"), ("shelf", "x")), BARE)


def test_it_is_seen_from_both_sides_and_ends_with_the_group() -> None:
    found = DuplicateSeries()
    found.hold(NARROW, [BARE])
    before = found.version
    assert {"g": NARROW} == found.conflicts(WIDE, LABELLED)
    found.hold(NARROW, [BARE])
    assert before == found.version
    found.hold(NARROW, [])
    assert ({}, True) == (found.conflicts(WIDE, LABELLED), found.version > before)


def test_groups_with_the_same_label_names_cannot_meet() -> None:
    found = DuplicateSeries()
    found.hold(NARROW, [LABELLED])
    assert {} == found.conflicts((("job", "k"), ("shelf", "x")), LABELLED)
