"""gunicorn's ``asgi`` worker, with limits on connections."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker  # type: ignore[import-untyped]

from services.metrics.front.connections import SWEEP_SECONDS, guarded

SWITCH_SECONDS = 0.0005
"""Time after which a busy thread lets the event loop go on. Measured beside an agent whose series are
always new: with Python's own 5 ms a push took 26 ms (67 at most in 95 of 100), with this 9 (54)."""


class FrontWorker(ASGIWorker):  # type: ignore[misc]
    """The worker; its application is a :class:`services.metrics.asgi_app.Front`."""

    def run(self) -> None:
        """Serve until it is told to stop."""
        sys.setswitchinterval(SWITCH_SECONDS)
        table = self.asgi.connections
        create_server = self.loop.create_server

        def create_guarded_server(factory: Any, *args: Any, **options: Any) -> Any:
            return create_server(guarded(factory, table), *args, **options)

        # gunicorn has no hook for a connection, but it asks its loop for a server.
        self.loop.create_server = create_guarded_server
        sweeping = self.loop.create_task(self._sweep())
        super().run()
        sweeping.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.asgi.connections.sweep(stopping=not self.alive)
