"""Memory that requests hold together."""

from __future__ import annotations

from services.metrics.front.budget import FREE_BYTES, ByteBudget


def test_small_requests_need_none_of_it() -> None:
    budget = ByteBudget(10)
    assert all(budget.share("A").grow_to(FREE_BYTES) for _ in range(1_000))


def test_one_address_gets_half_of_it() -> None:
    budget = ByteBudget(1_000)
    first, second, other = budget.share("A"), budget.share("A"), budget.share("B")
    assert [True, False, True] == [
        first.grow_to(FREE_BYTES + 400),
        second.grow_to(FREE_BYTES + 101),
        other.grow_to(FREE_BYTES + 500),
    ]


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = ByteBudget(1_000)
    with budget.share("A") as share:
        assert share.grow_to(FREE_BYTES + 100)
        assert share.grow_to(FREE_BYTES + 500)
        assert not share.grow_to(FREE_BYTES + 501)
        share.let_go()
        assert share.grow_to(FREE_BYTES + 500)
    assert budget.share("A").grow_to(FREE_BYTES + 500)
