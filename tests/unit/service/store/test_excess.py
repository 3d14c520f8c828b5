"""Which families are left out when there are too many series."""

from __future__ import annotations

from services.metrics.store.excess import Limit, excess
from tests.unit.service.series.lists import series


def many(name: str, count: int) -> str:
    rows = "".join(f'{name}{{n="{n}"}} 1\n' for n in range(count))
    return f"# TYPE {name} gauge\n{rows}"


def test_the_smaller_ones_are_taken() -> None:
    found = excess(series(many("a", 60) + many("b", 50)), [], frozenset(), Limit(100, 100, 110))
    assert {"a": "110 series with those that the agent had; 100 are allowed"} == found


def test_what_was_there_comes_first_and_what_tells_of_life_before_all() -> None:
    pushed = series(many("a", 60) + many("b", 50) + many("dreamos_agent_x", 30))
    assert {"b"} == excess(pushed, [], frozenset({"a"}), Limit(100, 100, 140)).keys()


def test_series_that_the_group_has_anyway_cost_nothing() -> None:
    held = series(many("a", 90))
    assert {"b"} == excess(
        series(many("a", 90) + many("b", 11)), [held], frozenset(), Limit(100, 100, 101)
    ).keys()
    assert {} == excess(
        series(many("a", 90) + many("b", 10)), [held], frozenset(), Limit(100, 100, 100)
    )


def test_the_bound_over_all_is_said_as_such() -> None:
    (message,) = excess(series(many("a", 60)), [], frozenset(), Limit(50, 100, 60)).values()
    assert message.startswith("there is room for 50 series of this agent")
