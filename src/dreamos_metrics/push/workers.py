"""Workers: processes of multiprocessing that begin anew (`spawn`, `forkserver`) push as well.

They import the program under another name than `__main__`, so a `start()` that stands under
`if __name__ == "__main__"` is not run there. A process hands its settings down in the configuration
that multiprocessing gives every process that it makes. Other programs that an agent runs get none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.push.settings import Settings

_KEY = "dreamos_metrics"


class _Anchor:
    """What multiprocessing ties our call to; it keeps only weak references."""


_anchor = _Anchor()


def hand_down(settings: Settings | None) -> None:
    """Let the workers that this process makes from now on push with these settings, or not."""
    try:
        # Imported here, so that `import dreamos_metrics` stays fast; a few modules without a start.
        from multiprocessing import process

        configuration: dict[str, Any] = process.current_process()._config  # type: ignore[attr-defined]
        if settings is None:
            configuration.pop(_KEY, None)
        else:
            configuration[_KEY] = json.dumps(asdict(settings))
    except Exception as error:  # noqa: BLE001 - an interpreter without it; pushing goes on
        record_error("workers", f"{type(error).__name__}: {error}")


def on_worker(start: Callable[[Settings], object]) -> None:
    """Call `start` with what was handed down: now, or when this process becomes a worker."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return

    def begin(_: object = None) -> None:
        try:
            text = process.current_process()._config.get(_KEY)
            if text and process.parent_process() is not None:
                start(Settings(**json.loads(text)))
        except Exception as error:  # noqa: BLE001 - the worker must work
            record_error("workers", f"{type(error).__name__}: {error}")

    begin()
    # While a worker imports the program it is not the worker yet.
    util.register_after_fork(_anchor, begin)
