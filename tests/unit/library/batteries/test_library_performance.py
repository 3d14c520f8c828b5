"""Queues, caches and calls of other services."""

from __future__ import annotations

import asyncio
import functools
import os
import socket

import pytest

from dreamos.core.metrics import api_call, cache, queue, testing
from dreamos_metrics.metrics import snapshot_hooks

value = testing.value


class TestQueues:
    def test_what_goes_in_and_out_is_counted_by_queue_and_outcome(self) -> None:
        inbox = queue("inbox")
        inbox.enqueued()
        inbox.enqueued(2)
        inbox.processed()
        inbox.processed("error", 2)
        assert 3 == value("dreamos_queue_enqueued_total", queue="inbox")
        assert 1 == value("dreamos_queue_processed_total", queue="inbox", outcome="success")
        assert 2 == value("dreamos_queue_processed_total", queue="inbox", outcome="error")

    def test_length_and_age_are_what_was_said_last(self) -> None:
        inbox = queue("inbox")
        inbox.length(7)
        inbox.length(3)
        inbox.oldest_age(12.5)
        assert 3 == value("dreamos_queue_length", queue="inbox")
        assert 12.5 == value("dreamos_queue_oldest_age_seconds", queue="inbox")

    def test_a_watched_queue_is_asked_before_each_push(self) -> None:
        entries = [1, 2, 3]
        queue("watched").watch(length=lambda: len(entries), oldest_age=lambda: 4.5)
        snapshot_hooks.run_hooks()
        assert 3 == value("dreamos_queue_length", queue="watched")
        entries.clear()
        snapshot_hooks.run_hooks()
        assert 0 == value("dreamos_queue_length", queue="watched")
        assert 4.5 == value("dreamos_queue_oldest_age_seconds", queue="watched")

    def test_watching_again_replaces_what_was_watched(self) -> None:
        asked = []

        def length(answer: int) -> int:
            asked.append(answer)
            return answer

        queue("replaced").watch(length=lambda: length(1))
        queue("replaced").watch(length=lambda: length(2))
        snapshot_hooks.run_hooks()
        assert [2] == asked
        assert 2 == value("dreamos_queue_length", queue="replaced")

    def test_a_watch_that_raises_stops_nothing(self) -> None:
        broken = True

        def length() -> int:
            if broken:
                raise OSError("the folder is gone")
            return 5

        queue("broken").watch(length=length)
        snapshot_hooks.run_hooks()
        assert {"snapshot_hook": 1} == testing.errors()
        broken = False
        snapshot_hooks.run_hooks()
        assert 5 == value("dreamos_queue_length", queue="broken")

    @pytest.mark.parametrize("odd", [-1, float("nan"), "many", None])
    def test_a_length_that_is_no_number_is_not_taken(self, odd: float) -> None:
        queue("odd").length(odd)
        assert {"value": 1} == testing.errors()


class TestCaches:
    def test_hits_and_misses_are_counted(self) -> None:
        prompts = cache("prompts")
        prompts.hit()
        prompts.hit(2)
        prompts.miss()
        assert 3 == value("dreamos_cache_hits_total", cache="prompts")
        assert 1 == value("dreamos_cache_misses_total", cache="prompts")

    def test_an_lru_cache_is_read_before_each_push_and_may_be_cleared(self) -> None:
        @functools.lru_cache
        def square(number: int) -> int:
            return number * number

        cache("squares").watch(square)
        square(1), square(1), square(2)
        snapshot_hooks.run_hooks()
        snapshot_hooks.run_hooks()
        assert 1 == value("dreamos_cache_hits_total", cache="squares")
        assert 2 == value("dreamos_cache_misses_total", cache="squares")
        square.cache_clear()
        square(1)
        snapshot_hooks.run_hooks()
        assert 3 == value("dreamos_cache_misses_total", cache="squares")

    def test_watching_twice_counts_once(self) -> None:
        @functools.cache
        def twice(number: int) -> int:
            return 2 * number

        twice(1)
        for _ in range(3):
            cache("twice").watch(twice)
            snapshot_hooks.run_hooks()
        assert 1 == value("dreamos_cache_misses_total", cache="twice")

    def test_a_forked_child_does_not_count_what_its_parent_looked_up(self) -> None:
        @functools.cache
        def half(number: int) -> int:
            return number // 2

        cache("halves").watch(half)
        half(2)
        child = os.fork()
        if child == 0:
            before = value("dreamos_cache_misses_total", cache="halves")
            half(4)
            snapshot_hooks.run_hooks()
            counted = value("dreamos_cache_misses_total", cache="halves") - before
            os._exit(0 if counted == 1 else 1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class HTTPReadTimeout(Exception):
    """As the HTTP libraries name theirs."""


class TestApiCalls:
    @staticmethod
    def outcomes(service: str) -> dict[str, float]:
        name = "dreamos_api_request_duration_seconds_count"
        outcomes = ("success", "error", "timeout")
        return {o: value(name, service=service, outcome=o) for o in outcomes}

    def test_a_call_without_an_exception_is_a_success(self) -> None:
        with api_call("github"):
            pass
        assert {"success": 1, "error": 0, "timeout": 0} == self.outcomes("github")

    @pytest.mark.parametrize(
        "error",
        [TimeoutError(), HTTPReadTimeout(), asyncio.TimeoutError(), socket.timeout()],  # noqa: UP041
    )
    def test_every_kind_of_timeout_is_one(self, error: Exception) -> None:
        with pytest.raises(type(error)), api_call("slow"):
            raise error
        assert {"success": 0, "error": 0, "timeout": 1} == self.outcomes("slow")

    def test_an_exception_or_a_bad_answer_is_an_error(self) -> None:
        with pytest.raises(ConnectionError), api_call("down"):
            raise ConnectionError
        with api_call("down") as call:
            call.fail("HTTP503")
        assert {"success": 0, "error": 2, "timeout": 0} == self.outcomes("down")

    def test_it_decorates_coroutine_functions(self) -> None:
        @api_call("model")
        async def ask() -> str:
            await asyncio.sleep(0)
            return "answer"

        assert "answer" == asyncio.run(ask())
        assert 1 == self.outcomes("model")["success"]

    def test_buckets_reach_beyond_two_minutes(self) -> None:
        with api_call("model"):
            pass
        for bound in ("120.0", "300.0"):
            assert 1 == value(
                "dreamos_api_request_duration_seconds_bucket", service="model", le=bound
            )
