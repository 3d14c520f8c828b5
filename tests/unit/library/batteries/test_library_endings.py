"""What stops an agent from outside is no fault of its own; and a generator is measured whole."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import inspect
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator

import pytest

from dreamos_metrics import Counter, Gauge, Histogram, api_call, current_agent, testing

value = testing.value
agent = current_agent()
ENDED = "dreamos_agent_task_duration_seconds_count"
seconds = Histogram("endings_seconds", "Time", ["what"])
broken = Counter("endings_broken_total", "Exceptions")
running = Gauge("endings_running", "Running")


class Stopped(BaseException):
    """As trio.Cancelled and gevent.GreenletExit are."""


class TestEndings:
    @pytest.mark.parametrize(
        "stop",
        [asyncio.CancelledError(), KeyboardInterrupt(), Stopped(), asyncio.CancelledError("late")],
    )
    def test_what_was_stopped_from_outside_has_neither_failed_nor_been_done(
        self, stop: BaseException
    ) -> None:
        with pytest.raises(type(stop)), agent.task("build"):
            raise stop
        assert 1 == value(ENDED, task="build", outcome="cancelled")
        assert 0 == value("dreamos_agent_tasks_failed_total")
        assert 0 == value("dreamos_agent_tasks_completed_total")
        assert 0 == value("dreamos_agent_errors_total")
        assert 0 == value("dreamos_agent_tasks_in_progress", task="build")

    @pytest.mark.parametrize("code", [0, None, False])
    def test_a_program_that_ends_with_success_inside_of_a_task_has_done_it(
        self, code: int | None
    ) -> None:
        with pytest.raises(SystemExit), agent.task("build"):
            sys.exit(code)
        assert 1 == value("dreamos_agent_tasks_completed_total", task="build")
        assert 0 == value("dreamos_agent_errors_total")

    @pytest.mark.parametrize("code", [1, "no such file", True])
    def test_a_program_that_ends_with_an_error_inside_of_a_task_has_failed(
        self, code: int | str
    ) -> None:
        with pytest.raises(SystemExit), agent.task("build"):
            sys.exit(code)
        assert 1 == value("dreamos_agent_tasks_failed_total", error_type="SystemExit")

    def test_what_was_said_to_have_failed_has_failed_whatever_stops_it(self) -> None:
        def build() -> None:
            with agent.task("build") as task:
                task.fail("TestsFailed")
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            build()
        assert 1 == value("dreamos_agent_tasks_failed_total", error_type="TestsFailed")

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
    def test_a_group_with_an_error_in_it_is_a_failure_and_one_without_is_none(self) -> None:
        group = vars(builtins)["BaseExceptionGroup"]
        with pytest.raises(group), agent.task("both"):
            raise group("both", [KeyboardInterrupt(), ValueError()])
        with pytest.raises(group), agent.task("stops"):
            raise group("stops", [KeyboardInterrupt(), asyncio.CancelledError()])
        assert 1 == value(ENDED, task="both", outcome="error")
        assert 1 == value(ENDED, task="stops", outcome="cancelled")

    def test_operations_calls_and_answers_that_are_cancelled_say_so(self) -> None:
        for span in (agent.operation("ask"), api_call("model"), agent.responding()):
            with pytest.raises(asyncio.CancelledError), span:
                raise asyncio.CancelledError
        operations = "dreamos_agent_operation_duration_seconds_count"
        assert 1 == value(operations, operation="ask", outcome="cancelled")
        calls = "dreamos_api_request_duration_seconds_count"
        assert 1 == value(calls, service="model", outcome="cancelled")
        assert 0 == value("dreamos_agent_response_seconds_count")

    def test_ctrl_c_in_a_real_process_counts_no_failure(self) -> None:
        code = """
            import atexit, sys, time
            from dreamos_metrics import current_agent, testing
            value = testing.value
            atexit.register(lambda: print(
                value("dreamos_agent_tasks_failed_total"),
                value("dreamos_agent_task_duration_seconds_count", outcome="cancelled"),
                flush=True))
            with current_agent().task("wait"):
                print("ready", flush=True)
                time.sleep(300)
        """
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert "0.0 1.0\n" == process.communicate(timeout=120)[0]


class TestGenerators:
    def test_a_generator_is_measured_from_its_first_step_to_its_last(self) -> None:
        @seconds.time(tags={"what": "generator"})
        @running.track_inprogress()
        def numbers() -> Iterator[int]:
            yield 1
            yield 2

        assert inspect.isgeneratorfunction(numbers)
        steps = numbers()
        assert (0, 0) == (running.value, seconds.labels("generator").count)
        assert 1 == next(steps)
        assert (1, 0) == (running.value, seconds.labels("generator").count)
        assert [2] == list(steps)
        assert (0, 1) == (running.value, seconds.labels("generator").count)

    def test_an_async_generator_too(self) -> None:
        @seconds.time(tags={"what": "stream"})
        @running.track_inprogress()
        async def numbers() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(0)
            yield 2

        async def read() -> list[float]:
            return [step + 10 * running.value async for step in numbers()]

        assert inspect.isasyncgenfunction(numbers)
        assert [11, 12] == asyncio.run(read())
        assert (0, 1) == (running.value, seconds.labels("stream").count)

    def test_exceptions_of_a_generator_are_counted_and_go_on(self) -> None:
        @broken.count_exceptions(ValueError)
        def numbers() -> Iterator[int]:
            yield 1
            raise ValueError("no more")

        with pytest.raises(ValueError, match="no more"):
            list(numbers())
        assert 1 == broken.value

    def test_one_that_nobody_reads_to_its_end_ends_when_it_is_closed(self) -> None:
        @seconds.time(tags={"what": "closed"})
        def numbers() -> Iterator[int]:
            yield 1
            yield 2

        steps = numbers()
        next(steps)
        steps.close()  # type: ignore[attr-defined]
        assert 1 == seconds.labels("closed").count

    @pytest.mark.parametrize("measured", [seconds.labels("x").time(), agent.task("x")])
    def test_what_is_sent_thrown_and_returned_passes_through(self, measured: object) -> None:
        log: list[object] = []

        async def talk() -> AsyncIterator[str]:
            try:
                log.append((yield "first"))
                log.append((yield "second"))
            except ValueError as error:
                log.append(str(error))
                yield "caught"

        async def use() -> None:
            steps = measured(talk)()  # type: ignore[operator]
            assert "first" == await steps.__anext__()
            assert "second" == await steps.asend("sent")
            assert "caught" == await steps.athrow(ValueError("thrown"))
            with pytest.raises(StopAsyncIteration):
                await steps.__anext__()

        asyncio.run(use())
        assert ["sent", "thrown"] == log

        def plain() -> Iterator[str]:
            log.append((yield "first"))
            return "end"  # type: ignore[return-value]

        steps = measured(plain)()  # type: ignore[operator]
        assert "first" == next(steps)
        with pytest.raises(StopIteration, match="end"):
            steps.send("again")
        assert "again" == log[-1]

    def test_a_context_manager_made_of_a_measured_async_generator_sees_the_error(self) -> None:
        cleaned: list[str] = []

        @contextlib.asynccontextmanager
        @agent.task("session")
        async def session() -> AsyncIterator[int]:
            try:
                yield 1
            except KeyError:
                cleaned.append("rolled back")
                raise

        async def use() -> None:
            async with session():
                raise KeyError("x")

        with pytest.raises(KeyError):
            asyncio.run(use())
        assert ["rolled back"] == cleaned
        assert 1 == value("dreamos_agent_tasks_failed_total", error_type="KeyError")
