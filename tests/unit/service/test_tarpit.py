"""Who is refused again and again waits; others do not."""

from __future__ import annotations

from services.metrics.front.tarpit import AGAIN_SECONDS, MAX_REMEMBERED, PAUSE_SECONDS, Tarpit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_refusal_is_answered_at_once_and_the_next_is_not() -> None:
    tarpit = Tarpit(Clock())
    assert [0.0, PAUSE_SECONDS, PAUSE_SECONDS] == [tarpit.pause("A", 429) for _ in range(3)]
    assert 0.0 == tarpit.pause("B", 429)


def test_who_waits_by_himself_is_answered_at_once() -> None:
    clock = Clock()
    tarpit = Tarpit(clock)
    tarpit.pause("A", 429)
    clock.now += AGAIN_SECONDS
    assert 0.0 == tarpit.pause("A", 429)


def test_what_is_taken_is_never_held_back() -> None:
    tarpit = Tarpit(Clock())
    tarpit.pause("A", 429)
    assert [0.0] * 3 == [tarpit.pause("A", status) for status in (200, 400, 503)]


def test_only_so_many_are_remembered() -> None:
    tarpit = Tarpit(Clock())
    for number in range(MAX_REMEMBERED + 1):
        tarpit.pause(number, 429)
    assert 0.0 == tarpit.pause(0, 429)
    assert PAUSE_SECONDS == tarpit.pause(MAX_REMEMBERED, 429)
