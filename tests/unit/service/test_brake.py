"""Who is refused again and again waits; others do not, and only so many wait at once."""

from __future__ import annotations

import threading
import time

from services.metrics.tarpit import PAUSE, Tarpit


def held(brake: Tarpit, who: str) -> bool:
    began = time.monotonic()
    brake.hold(who)
    return time.monotonic() - began >= PAUSE


def test_the_first_refusal_is_answered_at_once_and_the_next_is_not() -> None:
    brake = Tarpit(4)
    assert [False, True, True] == [held(brake, "A") for _ in range(3)]
    assert not held(brake, "B")


def test_no_more_wait_at_once_than_there_are_places() -> None:
    brake = Tarpit(2)
    names = [str(number) for number in range(6)]
    for name in names:
        brake.hold(name)
    found: list[bool] = []
    start = threading.Barrier(6)

    def again(name: str) -> None:
        start.wait()
        found.append(held(brake, name))

    threads = [threading.Thread(target=again, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2 <= found.count(True) < 6  # a thread that starts late finds a place free again
