"""Bodies that are too long are cut into families without being read."""

from __future__ import annotations

import pytest

from services.metrics.errors import Rejected
from services.metrics.store import long_bodies
from services.metrics.store.long_bodies import shorten
from tests.unit.service.store.test_excess import many

SMALL = "# HELP t_total How many.\n# TYPE t_total counter\nt_total 3\n"


def cut(body: str, most: int = 100, known: tuple[str, ...] = ()) -> tuple[str, list[str]]:
    rest, rejected = shorten(body.encode(), most, known)
    return rest.decode(), [family.name for family in rejected]


def test_the_largest_family_is_cut_out_with_its_comments() -> None:
    assert (SMALL + many("b", 9), ["a"]) == cut(SMALL + many("a", 200) + many("b", 9))


def test_families_of_which_nothing_is_said_are_told_apart_by_name() -> None:
    bare = many("flood", 200).partition("\n")[2]
    assert (SMALL, ["flood"]) == cut(SMALL + bare)
    assert (SMALL, ["flood"]) == cut(bare + SMALL)


def test_the_end_of_openmetrics_stays() -> None:
    body = SMALL.replace("t_total", "t", 2) + many("a", 200) + "# EOF\n"
    assert (SMALL.replace("t_total", "t", 2) + "# EOF\n", ["a"]) == cut(body)


def test_what_was_there_before_stays_as_long_as_there_is_room() -> None:
    body = many("new", 60) + many("old", 70)
    assert (many("new", 60), ["old"]) == cut(body)
    assert (many("old", 70), ["new"]) == cut(body, known=("old",))


def test_how_gauges_are_combined_goes_with_the_family_it_is_said_of() -> None:
    head = "# dreamos:aggregate b max\n"
    assert (head + many("b", 9), ["a"]) == cut(many("a", 200) + head + many("b", 9))


def test_a_body_of_too_many_families_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_bodies, "MAX_FAMILIES", 3)
    with pytest.raises(Rejected, match="more than 2 series"):
        cut("".join(many(name, 2) for name in "abcdefgh"), most=2)
