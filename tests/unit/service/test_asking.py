"""Questions to other parts: one at a time, and nobody is held up by one that hangs."""

from __future__ import annotations

import threading

import pytest

from services.metrics.asking import Asker, NotAskedError
from tools.waiting import eventually_equal


def test_many_who_want_to_know_ask_once_and_only_the_first_one_waits() -> None:
    answered, asked = threading.Event(), []

    def ask() -> str:
        asked.append(1)
        answered.wait(60)
        return "the answer"

    asker = Asker(ask, 3600, "ask")
    said: list[str] = []

    def want() -> str:
        try:
            return asker.current()
        except NotAskedError as problem:
            said.append(str(problem))
            return ""

    threads = [threading.Thread(target=want) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 12 == len(said)
    assert "gave no answer within 2 s" in said
    assert [1] == asked

    answered.set()
    eventually_equal("the answer", want)
    assert [1] == asked


def test_an_error_of_any_kind_is_an_answer_that_is_kept() -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        raise RuntimeError("a secret address")

    asker = Asker(ask, 3600, "ask")
    for _ in range(3):
        with pytest.raises(NotAskedError) as told:
            asker.current()
    assert "cannot be asked (RuntimeError)" == str(told.value)
    assert [1] == asked


def test_an_answer_that_was_kept_long_enough_is_asked_for_again() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    asker = Asker(ask, 0, "ask")
    assert [1, 2] == [asker.current(), asker.current()]
