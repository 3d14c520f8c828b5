"""Workers: processes of multiprocessing that begin anew (`spawn`, `forkserver`) push as well.

They import the program under another name than `__main__`, so a `start()` that stands under
`if __name__ == "__main__"` is not run there. A process hands its settings down in the configuration
that multiprocessing gives every process that it makes: unpickling them there starts the pushing.
Other programs that an agent runs get none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.push.settings import Settings

_KEY = "dreamos_metrics"


class HandedDown:
    """Settings on their way to a worker.

    Args:
        text: the settings.
        receive: is called with the text in the worker; a function of a module, so that it is found.
    """

    def __init__(self, text: str, receive: Callable[[str], HandedDown]) -> None:
        self._text = text
        self._receive = receive

    def __reduce__(self) -> tuple[Callable[[str], HandedDown], tuple[str]]:
        return self._receive, (self._text,)


def hand_down(settings: Settings, receive: Callable[[str], HandedDown]) -> None:
    """Let the workers that this process makes from now on push with these settings."""
    configuration = _configuration()
    if configuration is not None:
        configuration[_KEY] = HandedDown(json.dumps(asdict(settings)), receive)


def hand_down_nothing() -> None:
    """Let the workers that this process makes from now on push only when they start it."""
    configuration = _configuration()
    if configuration is not None:
        configuration.pop(_KEY, None)


def settings_of(text: str) -> Settings:
    """Return the settings that were handed down.

    Raises:
        ValueError: they are not settings.
        TypeError: the same.
    """
    return Settings(**json.loads(text))


def _configuration() -> dict[str, Any] | None:
    try:
        # Imported here, so that `import dreamos_metrics` stays fast.
        from multiprocessing import process

        found: dict[str, Any] = process.current_process()._config  # type: ignore[attr-defined]
    except Exception as error:  # noqa: BLE001 - an interpreter without it; pushing goes on
        record_error("workers", f"{type(error).__name__}: {error}")
        return None
    return found
