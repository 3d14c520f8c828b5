"""Handle of the agent, by which it says how it is: tasks, operations, heartbeats, progress, errors, health.

    import dreamos_metrics as metrics

    agent = metrics.start(agent="Agent-1")
    while working:
        agent.heartbeat()
        with agent.task("review"):
            with agent.operation("model call", deadline=120):
                answer = ask(...)
        agent.progress()

Three kinds of trouble can then be told apart. *Dead*: no heartbeat. *Stalled*: heartbeats, but no
progress. *Busy*: no progress either, but an operation is in flight inside its deadline, and all is
well. So call `heartbeat` wherever the agent's own loop turns, `progress` only when work got done.

No call here raises or waits. Names of tasks and operations become labels: take a handful of fixed
words, never a task's id or a prompt (over 100 distinct ones become `(other)`).
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from dreamos_metrics.instrumentation.capped_label import CappedLabel, error_type, is_number
from dreamos_metrics.instrumentation.operations import OperationRecorder
from dreamos_metrics.instrumentation.process import watch_process
from dreamos_metrics.instrumentation.spans import CANCELLED, Span
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import Histogram
from dreamos_metrics.metrics.info import Info
from dreamos_metrics.metrics.snapshot_hooks import on_snapshot

__all__ = ["Agent", "current_agent"]

TASK_BUCKETS_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600)
RESPONSE_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 90, 120, 300)

_started = Counter("dreamos_agent_tasks_started_total", "Tasks that were begun", ["task"])
_completed = Counter("dreamos_agent_tasks_completed_total", "Tasks that ended well", ["task"])
_failed = Counter(
    "dreamos_agent_tasks_failed_total", "Tasks that ended in an error", ["task", "error_type"]
)
_task_seconds = Histogram(
    "dreamos_agent_task_duration_seconds",
    "How long tasks took",
    ["task", "outcome"],
    buckets=TASK_BUCKETS_SECONDS,
)
_in_progress = Gauge("dreamos_agent_tasks_in_progress", "Tasks that are being worked on", ["task"])
_heartbeats = Counter("dreamos_agent_heartbeats_total", "Signs of life of the agent's own code")
_progress = Counter("dreamos_agent_progress_total", "Times that work got done")
_responses = Histogram(
    "dreamos_agent_response_seconds",
    "How long the agent took to answer",
    buckets=RESPONSE_BUCKETS_SECONDS,
)
_agent_errors = Counter(
    "dreamos_agent_errors_total", "Errors of the agent, by the class of the error", ["error_type"]
)
_task_name = CappedLabel("task")


class _TaskRecorder:
    def __init__(self, agent: Agent, name: str) -> None:
        self._agent = agent
        self._name = name

    def begin(self, span: Span) -> None:
        name = _task_name(self._name)
        _started.labels(name).inc()
        _in_progress.labels(name).inc()
        _heartbeats.inc()

    def end(self, span: Span, seconds: float, error: object) -> None:
        name = _task_name(self._name)
        _in_progress.labels(name).dec()
        if error is None:
            _completed.labels(name).inc()
            _task_seconds.labels(name, "success").observe(seconds)
            self._agent.progress()
        elif error is CANCELLED:
            _task_seconds.labels(name, "cancelled").observe(seconds)
        else:
            _failed.labels(name, error_type(error)).inc()
            _task_seconds.labels(name, "error").observe(seconds)
            self._agent.error(error)


class Agent:
    """The handle of the agent that this process is; made by `metrics.start` or `current_agent`.

    One process is one agent, so every handle speaks for the same one.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str | None:
        """The agent's name, or None while nothing was started."""
        return self._name

    def task(self, name: str) -> Span:
        """Return a block or decorator that counts one task, its duration and how it ends.

        A task that ends well is progress; one that fails is an error of the agent too. One that is
        cancelled, or stopped by Ctrl-C, is neither: its duration has the outcome `cancelled`.
        """
        return Span(_TaskRecorder(self, name))

    def operation(self, name: str, deadline: float | None = None) -> Span:
        """Return a block or decorator for something that may take long: a model or tool call.

        While it is in flight the agent counts as busy. Past `deadline` (seconds from its beginning)
        it counts as overdue until it ends; it is not interrupted. Without one it is never overdue.
        """
        return Span(OperationRecorder(name, deadline))

    def heartbeat(self) -> None:
        """Say that the agent's own code is running; call it where the main loop turns."""
        _heartbeats.inc()

    def progress(self) -> None:
        """Say that work got done; it is a heartbeat too."""
        _progress.inc()
        _heartbeats.inc()

    def error(self, error: BaseException | type[BaseException] | str | object) -> None:
        """Count an error by its class: an exception, a class, or the name of one.

        Of an exception nothing but the class is used; text that is no such name is `(other)`.
        """
        _agent_errors.labels(error_type(error)).inc()

    def response(self, seconds: float) -> None:
        """Record that the agent answered after so many seconds."""
        if not is_number(seconds) or seconds < 0:
            record_error("value", "a response time is a number of seconds, 0 or more")
            return
        _responses.observe(seconds)

    def responding(self) -> Span:
        """Return a block or decorator that records how long the agent took to answer."""
        return Span(_ResponseRecorder())

    def health(self, ratio: float) -> None:
        """Say how well the agent is: 1 is well, 0 is out of order; of several processes the
        lowest counts.

        A value outside 0 to 1 is not taken and counted as an error of the client.
        """
        if not is_number(ratio) or not 0 <= ratio <= 1:
            record_error("value", "health is a ratio from 0 to 1")
            return
        # Declared with its first value: a gauge that nobody has set says 0, which would be "ill".
        Gauge(
            "dreamos_agent_health",
            "How well the agent says it is, 0 to 1",
            multiprocess_mode="min",
        ).set(ratio)

    def __repr__(self) -> str:
        return f"Agent({self._name!r})"


class _ResponseRecorder:
    def begin(self, span: Span) -> None:
        pass

    def end(self, span: Span, seconds: float, error: object) -> None:
        if error is not CANCELLED:
            _responses.observe(seconds)


_current = Agent()


def current_agent() -> Agent:
    """Return the handle of this process's agent; it works before `start` too.

    So a library deep inside an agent can say `current_agent().progress()` without being handed
    anything.
    """
    return _current


def activate(name: str, stalled_after: float | None = None) -> Agent:
    """Make `name` this process's agent, and its own figures visible; `start` calls it.

    Args:
        name: of the agent.
        stalled_after: seconds without progress after which it counts as stalled.
    """
    _current._name = name
    Info("dreamos_agent", "What the agent runs on").info(
        {
            "library_version": _library_version(),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "system": platform.system(),
        }
    )
    watch_process()
    if stalled_after is not None:
        limit = Gauge(
            "dreamos_agent_stalled_after_seconds",
            "Seconds without progress after which the agent says that it is stalled",
            multiprocess_mode="max",
        )
        # With each snapshot, so that a forked process says it too.
        on_snapshot(lambda: limit.set(stalled_after))
    return _current


def _library_version() -> str:
    try:
        return version("dreamos-metrics")
    except PackageNotFoundError:  # run from a clone
        return "source"
