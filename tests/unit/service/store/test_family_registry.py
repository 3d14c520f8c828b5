"""One name, one type."""

from __future__ import annotations

from itertools import pairwise

from services.metrics.series.series_list import Family
from services.metrics.store.family_registry import FamilyRegistry

COUNTER, GAUGE, UNTYPED = Family("x", "counter"), Family("x", "gauge"), Family("x", "unknown")
HISTOGRAM, COUNT = Family("h", "histogram"), Family("h_count", "counter")


def test_the_first_who_declared_it_is_named_for_as_long_as_it_holds_it() -> None:
    registry = FamilyRegistry()
    for user in "abc":
        assert set() == registry.hold(user, (COUNTER,))
    assert {"x": ("a", "x is in use by the counter x")} == registry.conflicts("z", [GAUGE])
    registry.hold("a", (Family("y", "gauge"),))
    assert "b" == registry.conflicts("z", [GAUGE])["x"][0]
    assert {} == registry.conflicts("z", [COUNTER, Family("w", "gauge")])
    for user in "bc":
        registry.hold(user, ())
    assert {} == registry.conflicts("z", [GAUGE])


def test_what_somebody_holds_alone_is_no_obstacle_to_it() -> None:
    registry = FamilyRegistry()
    registry.hold("a", (COUNTER,))
    assert {} == registry.conflicts("a", [GAUGE])
    registry.hold("b", (COUNTER,))
    assert {"x"} == registry.conflicts("a", [GAUGE]).keys()


def test_a_family_claims_all_of_its_sample_names() -> None:
    registry = FamilyRegistry()
    registry.hold("a", (HISTOGRAM,))
    assert "h_count is in use by the histogram h" == registry.conflicts("b", [COUNT])["h_count"][1]
    assert {"h_sum"} == registry.conflicts("b", [Family("h_sum", "gauge")]).keys()
    assert {"h"} == registry.conflicts("b", [Family("h", "summary")]).keys()


def test_info_and_stateset_are_gauges_to_whoever_reads_them() -> None:
    registry = FamilyRegistry()
    registry.hold("a", (GAUGE,))
    assert {} == registry.conflicts("b", [Family("x", "info"), Family("x", "stateset")])


def test_untyped_is_no_claim_and_follows_what_is_declared() -> None:
    registry = FamilyRegistry()
    registry.hold("script", (UNTYPED,))
    assert {} == registry.conflicts("a", [COUNTER])
    assert None is registry.declared(UNTYPED)
    assert {"script"} == registry.hold("a", (COUNTER,))
    assert COUNTER == registry.declared(UNTYPED)
    assert {} == registry.conflicts("other", [UNTYPED])
    assert set() == registry.hold("b", (COUNTER,))
    assert set() == registry.hold("a", ())
    assert {"script"} == registry.hold("b", ())


def test_its_version_tells_when_claims_change() -> None:
    registry = FamilyRegistry()
    seen = [registry.version]
    for families in ((COUNTER,), (COUNTER,), (COUNTER, HISTOGRAM), (HISTOGRAM,), ()):
        registry.hold("a", families)
        seen.append(registry.version)
    assert [True, False, True, True, True] == [a != b for a, b in pairwise(seen)]
