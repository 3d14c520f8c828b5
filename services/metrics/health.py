"""How the service knows whether it is well: named checks, each answered by a component."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Literal

Status = Literal["healthy", "degraded", "unhealthy"]

_ORDER: tuple[Status, ...] = ("healthy", "degraded", "unhealthy")
_log = logging.getLogger("dreamos.metrics.health")


class Component:
    """What one check found.

    Args:
        status: ``healthy``, ``degraded`` (works, but somebody should look) or ``unhealthy``.
        detail: one sentence for a person.
        data: figures that belong to it; they must be JSON values.
    """

    __slots__ = ("data", "detail", "status")

    def __init__(self, status: Status, detail: str, **data: Any) -> None:
        self.status: Status = status
        self.detail = detail
        self.data = data

    def as_json(self) -> dict[str, Any]:
        """Return the component as it is shown in ``/health``."""
        return {"status": self.status, "detail": self.detail, **self.data}


Check = Callable[[], "Component | None"]


class Health:
    """The checks of the service, asked one after the other when somebody wants to know.

    A check must answer at once: what takes time is probed in the background and remembered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, Check] = {}
        self._own: set[str] = set()

    def register(self, name: str, check: Check, own: bool = False) -> None:
        """Add the check ``name``; one that is there under the name is replaced.

        Args:
            name: of the component.
            check: asked for it; answers None while there is no such thing.
            own: the service itself cannot work without it. What its user has chosen to watch is
                not, however important it is: the service works when that is down.
        """
        with self._lock:
            self._checks[name] = check
            if own:
                self._own.add(name)

    def report(self) -> tuple[Status, dict[str, Component]]:
        """Ask every check.

        Returns:
            The worst status of all, and each component by name. A check that raises is
            reported as unhealthy with the kind of the error, never with its text.
        """
        with self._lock:
            checks = dict(self._checks)
        return self._report(checks)

    def readiness(self) -> tuple[Status, dict[str, Component]]:
        """Ask the service's own checks only."""
        with self._lock:
            checks = {name: self._checks[name] for name in self._own}
        return self._report(checks)

    @staticmethod
    def _report(checks: dict[str, Check]) -> tuple[Status, dict[str, Component]]:
        asked = {name: _ask(name, check) for name, check in checks.items()}
        components = {name: found for name, found in asked.items() if found is not None}
        worst = max((_ORDER.index(c.status) for c in components.values()), default=0)
        return _ORDER[worst], components


def _ask(name: str, check: Check) -> Component | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  (a check may be anybody's)
        _log.exception("the health check %s failed", name)
        return Component("unhealthy", f"the check itself failed ({type(error).__name__})")
