"""An agent whose series are new with every push uses its share of the processor, and no more."""

from __future__ import annotations

import pytest

from services.metrics.errors import Rejected
from services.metrics.store.token_bucket import MAX_SAVED_SECONDS, TokenBucket


class Time:
    """A clock and a processor's clock that stand still until they are moved."""

    now = 1_000.0
    used = 0.0


def spend(credit: TokenBucket, who: str, seconds: float, begun: bool = False) -> bool:
    try:
        with credit.spend(who, begun):
            Time.used += seconds
    except Rejected as refusal:
        assert "churn" == refusal.reason  # noqa: PT017
        return False
    return True


@pytest.fixture
def credit() -> TokenBucket:
    return TokenBucket(0.25, lambda: Time.now, lambda: Time.used)


def test_what_was_saved_up_can_be_spent_at_once_and_comes_back(credit: TokenBucket) -> None:
    assert spend(credit, "A", MAX_SAVED_SECONDS - 0.5)
    assert spend(credit, "A", 1.5)
    assert not spend(credit, "A", 0.0)
    assert spend(credit, "B", 0.0)
    Time.now += 3.9
    assert not spend(credit, "A", 0.0)
    Time.now += 0.2
    assert spend(credit, "A", 0.0)


def test_no_more_is_saved_up_than_that(credit: TokenBucket) -> None:
    assert spend(credit, "A", 1.0)
    Time.now += 1e6
    assert spend(credit, "A", MAX_SAVED_SECONDS)
    assert not spend(credit, "A", 0.0)


def test_what_was_begun_is_ended_and_paid_for(credit: TokenBucket) -> None:
    assert spend(credit, "A", MAX_SAVED_SECONDS + 1)
    assert spend(credit, "A", 1.0, begun=True)
    Time.now += 4.0
    assert not spend(credit, "A", 0.0)
    Time.now += 4.1
    assert spend(credit, "A", 0.0)


def test_time_is_taken_also_when_the_push_is_refused(credit: TokenBucket) -> None:
    def push() -> None:
        with credit.spend("A"):
            Time.used += MAX_SAVED_SECONDS
            raise Rejected("parse", "not a line", 1)

    with pytest.raises(Rejected, match="not a line"):
        push()
    assert not spend(credit, "A", 0.0)


def test_a_share_of_one_never_refuses() -> None:
    credit = TokenBucket(1.0, lambda: Time.now, lambda: Time.used)
    assert all(spend(credit, "A", 100.0) for _ in range(10))
