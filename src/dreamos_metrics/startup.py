"""Start of pushing, by a call or by the environment, and the agent's handle that comes with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.push import lifecycle
from dreamos_metrics.push.pusher import Pusher
from dreamos_metrics.push.settings import read_settings

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
) -> Agent:
    """Start pushing this process' metrics in the background; return the handle of the agent.

    What is not given comes from the environment (`DREAMOS_METRICS_AGENT`, `_JOB`, `_URL`, `_TOKEN`
    or `_TOKEN_FILE`, `_INTERVAL`, `_SPOOL`), then from the defaults. Calling it again while it runs
    changes nothing and returns the same handle; but where pushing was started by the environment,
    or by the process that this one was forked from, another agent's name or other settings take its
    place.

    Args:
        agent: the agent's name, e.g. `"Agent-1"`; several processes may share it.
        job: the group of agents; default `"dreamos"`.
        url: the metrics service; default `"http://127.0.0.1:8000"`.
        token: the service's push token.
        interval: seconds between pushes; default 5.
        spool: folder where values and unsent snapshots lie; `""` for none; default a folder of the
            user's.

    Raises:
        ValueError: a setting is missing or wrong; the message names it and shows a right one.
        OSError: the token file cannot be read.
    """
    settings = read_settings(
        agent=agent, job=job, url=url, token=token, interval=interval, spool=spool
    )
    return _activate(lifecycle.start_with(settings))


def _activate(pusher: Pusher) -> Agent:
    # What an agent says of itself is loaded where something pushes, so that the import stays fast.
    from dreamos_metrics.agents import activate

    return activate(pusher.settings.agent)


def start_from_environment() -> None:
    """Start pushing when `DREAMOS_METRICS_AGENT` is set. Never raises: an import must not fail."""
    if not os.environ.get("DREAMOS_METRICS_AGENT"):
        return
    try:
        _activate(lifecycle.start_with(read_settings(), implicit=True))
    except Exception as error:  # noqa: BLE001 - an import must not fail
        record_error("wrong_setting", f"{type(error).__name__}: {error}")
