"""An agent says what it does, and dead, stalled and busy can be told apart."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamos.core.metrics import current_agent, testing
from dreamos_metrics.metrics import snapshot_hooks

value = testing.value
agent = current_agent()
TASKS = "dreamos_agent_task_duration_seconds_count"


class TestTasks:
    def test_a_task_that_ends_well_counts_as_completed_and_as_progress(self) -> None:
        with agent.task("build"):
            assert 1 == value("dreamos_agent_tasks_in_progress", task="build")
            assert 1 == value("dreamos_agent_tasks_started_total", task="build")
            assert 0 == value("dreamos_agent_progress_total")
        assert 0 == value("dreamos_agent_tasks_in_progress", task="build")
        assert 1 == value("dreamos_agent_tasks_completed_total", task="build")
        assert 1 == value("dreamos_agent_progress_total")
        assert 1 == value(
            "dreamos_agent_task_duration_seconds_count", task="build", outcome="success"
        )

    def test_a_task_that_raises_counts_as_failed_and_the_error_goes_on(self) -> None:
        boom = ValueError("secret text")
        with pytest.raises(ValueError, match="secret text") as caught, agent.task("build"):
            raise boom
        assert boom is caught.value
        assert 1 == value("dreamos_agent_tasks_failed_total", task="build", error_type="ValueError")
        assert 1 == value("dreamos_agent_errors_total", error_type="ValueError")
        assert 0 == value("dreamos_agent_progress_total")
        assert 1 == value("dreamos_agent_task_duration_seconds_count", outcome="error")

    def test_a_task_can_fail_without_an_exception(self) -> None:
        with agent.task("build") as task:
            task.fail("TestsFailed")
        assert 1 == value("dreamos_agent_tasks_failed_total", error_type="TestsFailed")
        assert 0 == value("dreamos_agent_tasks_completed_total")

    def test_as_a_decorator_it_measures_each_call_also_overlapping_ones(self) -> None:
        both_in = threading.Barrier(2)

        @agent.task("build")
        def build(number: int) -> int:
            both_in.wait(60)
            return number

        threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 2 == value("dreamos_agent_tasks_completed_total", task="build")
        assert "build" == build.__name__

    def test_a_plain_function_stays_plain_and_a_coroutine_function_stays_one(self) -> None:
        @agent.task("plain")
        def plain() -> int:
            return 7

        @agent.task("async")
        async def later() -> int:
            await asyncio.sleep(0)
            return 8

        assert not inspect.iscoroutinefunction(plain)
        assert inspect.iscoroutinefunction(later)
        assert 7 == plain()
        assert 8 == asyncio.run(later())
        assert 1 == value("dreamos_agent_tasks_completed_total", task="async")

    def test_a_generator_is_measured_from_its_first_step_to_its_last(self) -> None:
        @agent.task("stream")
        def count(to: int) -> Iterator[int]:
            yield from range(to)

        steps = count(2)
        assert 0 == value("dreamos_agent_tasks_started_total", task="stream")
        assert 0 == next(steps)
        assert 1 == value("dreamos_agent_tasks_in_progress", task="stream")
        assert [1] == list(steps)
        assert 1 == value("dreamos_agent_tasks_completed_total", task="stream")

    def test_a_stream_that_is_not_read_to_its_end_has_not_failed(self) -> None:
        closed = []

        @agent.task("stream")
        async def tokens() -> AsyncIterator[str]:
            try:
                for token in ("a", "b", "c"):
                    yield token
            finally:
                closed.append(True)

        async def read() -> str:
            async with contextlib.aclosing(tokens()) as stream:  # type: ignore[type-var]
                async for token in stream:
                    return token
            return ""

        assert inspect.isasyncgenfunction(tokens)
        assert "a" == asyncio.run(read())
        assert [True] == closed
        assert 1 == value("dreamos_agent_tasks_completed_total", task="stream")
        assert 0 == value("dreamos_agent_tasks_failed_total")

    def test_async_with_works_and_sees_cancellation(self) -> None:
        async def run() -> None:
            async with agent.task("async"):
                await asyncio.sleep(60)

        async def cancel() -> None:
            running = asyncio.create_task(run())
            await asyncio.sleep(0)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        asyncio.run(cancel())
        assert 0 == value("dreamos_agent_tasks_failed_total")
        assert 1 == value(TASKS, task="async", outcome="cancelled")

    def test_names_are_bounded(self) -> None:
        for number in range(103):
            with agent.task(f"task-{number}"):
                pass
        with agent.task("a prompt\nof two lines"):
            pass
        with agent.task("x" * 81):
            pass
        assert 5 == value("dreamos_agent_tasks_completed_total", task="(other)")


class TestOperations:
    def test_an_operation_is_in_flight_until_it_ends(self) -> None:
        with agent.operation("model call", deadline=120):
            assert 1 == value("dreamos_agent_operations_in_flight", operation="model call")
        assert 0 == value("dreamos_agent_operations_in_flight", operation="model call")
        assert 1 == value(
            "dreamos_agent_operation_duration_seconds_count",
            operation="model call",
            outcome="success",
        )

    def test_only_past_its_deadline_is_it_overdue_and_only_until_it_ends(self) -> None:
        with agent.operation("late", deadline=0), agent.operation("early", deadline=1000):
            snapshot_hooks.run_hooks()
            assert 1 == value("dreamos_agent_operations_overdue", operation="late")
            assert 0 == value("dreamos_agent_operations_overdue", operation="early")
        snapshot_hooks.run_hooks()
        assert 0 == value("dreamos_agent_operations_overdue", operation="late")

    def test_without_a_deadline_it_is_never_overdue(self) -> None:
        with agent.operation("open end"):
            snapshot_hooks.run_hooks()
            assert 0 == value("dreamos_agent_operations_overdue", operation="open end")

    def test_an_error_is_an_outcome_but_no_error_of_the_agent(self) -> None:
        with pytest.raises(OSError), agent.operation("call"):  # noqa: PT011
            raise OSError
        assert 1 == value("dreamos_agent_operation_duration_seconds_count", outcome="error")
        assert 0 == value("dreamos_agent_errors_total")

    def test_a_forked_child_inside_the_block_counts_nothing_of_it(self) -> None:
        with agent.operation("fork", deadline=0):
            child = os.fork()
            if child == 0:
                pass
        if child == 0:
            snapshot_hooks.run_hooks()
            counted = value("dreamos_agent_operation_duration_seconds_count", operation="fork")
            late = value("dreamos_agent_operations_overdue", operation="fork")
            os._exit(0 if late == 0 and counted <= 0 else 1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert 1 == value("dreamos_agent_operation_duration_seconds_count", operation="fork")

    @pytest.mark.parametrize("deadline", ["soon", float("nan"), object()])
    def test_an_odd_deadline_never_stops_the_agent(self, deadline: float) -> None:
        with agent.operation("odd", deadline=deadline):
            pass
        assert {"value": 1} == testing.errors()
        assert 1 == value("dreamos_agent_operation_duration_seconds_count", operation="odd")


class TestSignsOfLife:
    def test_a_heartbeat_is_not_progress_but_progress_is_a_heartbeat(self) -> None:
        agent.heartbeat()
        assert (1, 0) == (
            value("dreamos_agent_heartbeats_total"), value("dreamos_agent_progress_total"),
        )  # fmt: skip
        agent.progress()
        assert (2, 1) == (
            value("dreamos_agent_heartbeats_total"), value("dreamos_agent_progress_total"),
        )  # fmt: skip

    def test_an_operation_is_a_heartbeat_but_no_progress(self) -> None:
        with agent.operation("loop"):
            pass
        assert 2 == value("dreamos_agent_heartbeats_total")
        assert 0 == value("dreamos_agent_progress_total")


class TestErrorsHealthAndResponses:
    def test_an_error_counts_by_its_class(self) -> None:
        agent.error(ValueError("secret"))
        agent.error(ValueError)
        agent.error("openai.RateLimitError")
        agent.error("no access for hunter2: 403")
        assert 2 == value("dreamos_agent_errors_total", error_type="ValueError")
        assert 1 == value("dreamos_agent_errors_total", error_type="RateLimitError")
        assert 1 == value("dreamos_agent_errors_total", error_type="(other)")

    def test_health_is_a_ratio_and_nothing_else_is_taken(self) -> None:
        agent.health(0.75)
        for wrong in (95, -0.1, float("nan"), "good", None, True):
            agent.health(wrong)  # type: ignore[arg-type]
        assert 0.75 == value("dreamos_agent_health")
        assert {"value": 6} == testing.errors()

    def test_response_times_are_told_or_measured(self) -> None:
        agent.response(2.5)
        agent.response(-1)
        with agent.responding():
            pass
        assert 2 == value("dreamos_agent_response_seconds_count")
        assert 2.5 <= value("dreamos_agent_response_seconds_sum")

    @given(odd=st.one_of(st.none(), st.text(), st.floats(), st.binary(), st.builds(object)))
    def test_nothing_that_is_handed_over_makes_the_agent_stumble(self, odd: object) -> None:
        agent.error(odd)
        agent.health(odd)  # type: ignore[arg-type]
        agent.response(odd)  # type: ignore[arg-type]
        with agent.task(odd) as task:  # type: ignore[arg-type]
            task.fail(odd)
        with agent.operation(odd, deadline=odd):  # type: ignore[arg-type]
            pass
