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
        self._checks: dict[str, tuple[Check, bool]] = {}

    def register(self, name: str, check: Check, *, essential: bool = True) -> None:
        """Add the check ``name``; one that is there under the name is replaced.

        Args:
            name: of the component.
            check: returns the component; None while there is no such thing.
            essential: whether pushes and scrapes cannot be served while it is unhealthy. What a
                person's own dependencies do is not: it shows in the report and not in readiness.
        """
        with self._lock:
            self._checks[name] = check, essential

    def unready(self) -> list[str]:
        """Return the names of the essential components that are unhealthy."""
        with self._lock:
            checks = {name: check for name, (check, essential) in self._checks.items() if essential}
        found = {name: _ask(name, check) for name, check in checks.items()}
        return sorted(n for n, c in found.items() if c is not None and c.status == "unhealthy")

    def report(self) -> tuple[Status, dict[str, Component]]:
        """Ask every check.

        Returns:
            The worst status of all, and each component by name. A check that raises is
            reported as unhealthy with the kind of the error, never with its text.
        """
        with self._lock:
            checks = {name: check for name, (check, _) in self._checks.items()}
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
