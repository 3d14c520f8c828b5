"""Who is refused again and again waits; others do not, and only so many wait at once."""

from __future__ import annotations

import threading

from services.metrics.tarpit import AGAIN, PAUSE, Tarpit
from tools.waiting import eventually_equal


class Clock:
    """Time that passes when the test says so, and while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_first_refusal_is_answered_at_once_and_the_next_is_not() -> None:
    clock = Clock()
    tarpit = Tarpit(4, clock, clock.sleep)
    tarpit.hold("A")
    assert [] == clock.slept
    tarpit.hold("A")
    tarpit.hold("A")
    assert [PAUSE, PAUSE] == clock.slept
    tarpit.hold("B")
    assert [PAUSE, PAUSE] == clock.slept


def test_who_was_not_refused_for_a_while_is_answered_at_once_again() -> None:
    clock = Clock()
    tarpit = Tarpit(4, clock, clock.sleep)
    tarpit.hold("A")
    clock.now += AGAIN
    tarpit.hold("A")
    assert [] == clock.slept
    clock.now += AGAIN / 2
    tarpit.hold("A")
    assert [PAUSE] == clock.slept


def test_no_more_wait_at_once_than_there_are_places() -> None:
    leave = threading.Event()
    waiting: list[float] = []
    answered: list[str] = []

    def sleep(seconds: float) -> None:
        waiting.append(seconds)
        assert leave.wait(60)

    def refuse(name: str) -> None:
        tarpit.hold(name)
        answered.append(name)

    tarpit = Tarpit(2, lambda: 1000.0, sleep)
    names = [str(number) for number in range(6)]
    for name in names:
        tarpit.hold(name)
    threads = [threading.Thread(target=refuse, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    eventually_equal((2, 4), lambda: (len(waiting), len(answered)))
    leave.set()
    for thread in threads:
        thread.join(60)
    assert (2, 6) == (len(waiting), len(answered))
