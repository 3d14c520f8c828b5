"""Pushes let a scrape go first, but not for long and not every time."""

from __future__ import annotations

import threading
import time

from services.metrics.scrape_priority import PATIENCE, PAUSE, ScrapePriority


def test_without_a_scrape_nobody_waits() -> None:
    turns = ScrapePriority()
    turns.give_way()
    with turns.first():
        pass
    turns.give_way()


def test_a_push_goes_on_when_the_scrape_is_done() -> None:
    turns = ScrapePriority()
    order = []

    def push() -> None:
        turns.give_way()
        order.append("push")

    thread = threading.Thread(target=push)
    with turns.first():
        thread.start()
        time.sleep(PATIENCE / 4)
        order.append("scrape")
    thread.join(5)
    assert ["scrape", "push"] == order


def test_a_scrape_that_takes_for_ever_does_not_hold_pushes_up() -> None:
    turns = ScrapePriority()
    with turns.first():
        push = threading.Thread(target=turns.give_way)
        push.start()
        push.join(5)
        assert not push.is_alive()


def test_a_scrape_right_after_another_has_no_right_to_go_first() -> None:
    turns = ScrapePriority()
    with turns.first():
        pass
    with turns.first():
        began = time.monotonic()
        for _ in range(1_000):
            turns.give_way()
        # A thousand waits would be eight seconds.
        assert time.monotonic() - began < 1_000 * PATIENCE / 2
    time.sleep(PAUSE)
    with turns.first():
        ahead = threading.Thread(target=turns.give_way)
        began = time.monotonic()
        ahead.start()
        ahead.join()
        assert time.monotonic() - began >= PATIENCE / 2
