"""Start of pushing, by a call or by the environment, and the agent's handle that comes with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.push import lifecycle, workers
from dreamos_metrics.push.settings import Settings, read_settings

if TYPE_CHECKING:
    from dreamos_metrics.agents import Agent


def start(
    agent: str | None = None,
    *,
    job: str | None = None,
    url: str | None = None,
    token: str | None = None,
    interval: float | None = None,
    spool: str | None = None,
    stalled_after: float | None = None,
    strict: bool = False,
) -> Agent:
    """Start pushing this process' metrics in the background; return the handle of the agent.

    What is not given comes from the environment (`DREAMOS_METRICS_AGENT`, `_JOB`, `_URL`, `_TOKEN`
    or `_TOKEN_FILE`, `_INTERVAL`, `_SPOOL`, `_STALLED_AFTER`), then from the defaults. Calling it
    again while it runs changes nothing and returns the same handle; but where pushing was started
    by the environment, or by the process that this one was forked from, another agent's name or
    other settings take its place.

    Never raises unless `strict`: a wrong setting is logged and counted (reason `wrong_setting`),
    and the agent goes on without pushing.

    Args:
        agent: the agent's name, e.g. `"Agent-1"`; several processes may share it.
        job: the group of agents; default `"dreamos"`.
        url: the metrics service; default `"http://127.0.0.1:8000"`.
        token: the service's push token.
        interval: seconds between pushes; default 5.
        spool: folder where values and unsent snapshots lie; `""` for none; default a folder of the
            user's.
        stalled_after: seconds without progress after which the agent counts as stalled, exported as
            `dreamos_agent_stalled_after_seconds`; default never.
        strict: raise for a wrong setting.

    Raises:
        ValueError: only if `strict`: a setting is missing or wrong; the message names it and shows
            a right one.
        OSError: only if `strict`: the token file cannot be read.
    """
    try:
        settings = read_settings(
            agent=agent,
            job=job,
            url=url,
            token=token,
            interval=interval,
            spool=spool,
            stalled_after=stalled_after,
        )
        return _start(settings)
    except Exception as error:
        if strict:
            raise
        record_error("wrong_setting", f"nothing is pushed: {type(error).__name__}: {error}")
        return _handle(agent)


def _start(settings: Settings, *, implicit: bool = False) -> Agent:
    # What an agent says of itself is loaded where something pushes, so that the import stays fast.
    from dreamos_metrics.agents import activate

    pusher = lifecycle.start_with(settings, implicit=implicit)
    workers.hand_down(pusher.settings, start_as_worker)
    return activate(pusher.settings.agent, pusher.settings.stalled_after)


def _handle(agent: object) -> Agent:
    from dreamos_metrics.agents import current_agent

    handle = current_agent()
    if handle.name is None and isinstance(agent, str):
        handle._name = agent
    return handle


def start_from_environment() -> None:
    """Start pushing when `DREAMOS_METRICS_AGENT` is set. Never raises: an import must not fail."""
    if not os.environ.get("DREAMOS_METRICS_AGENT"):
        return
    try:
        _start(read_settings(), implicit=True)
    except Exception as error:  # noqa: BLE001 - an import must not fail
        record_error("wrong_setting", f"nothing is pushed: {type(error).__name__}: {error}")


def start_as_worker(text: str) -> workers.HandedDown:
    """Start with the settings of the process that made this one, as a worker of multiprocessing.

    Called when they are unpickled. Never raises: the worker must work.
    """
    try:
        _start(workers.settings_of(text), implicit=True)
    except Exception as error:  # noqa: BLE001 - the worker must work
        record_error("workers", f"{type(error).__name__}: {error}")
    return workers.HandedDown(text, start_as_worker)
