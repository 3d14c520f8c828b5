"""Misuse of a metric's calls: labels given as keywords, values too many. Counted, never raised.

`counter.inc(kind="build")` is such a call; right is `counter.inc(tags={"kind": "build"})`. Taking
whatever comes costs a call a table of its own, so it is done where people write labels: at the
metric itself. A series (`counter.labels("build")`) has labels already and is as fast as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from dreamos_metrics.metrics.errors import record_error

F = TypeVar("F", bound=Callable[..., Any])


def record_misuse(metric: Any, call: str, wrong: Mapping[str, Any]) -> None:
    """Count a call that was given what it does not take. It goes nowhere."""
    family = metric._family
    given = ", ".join(wrong)
    detail = (
        f"{family.describe()} declared at {family.place}: {call}() was given {given}; "
        "give labels as tags={...}"
    )
    record_error("wrong_labels", detail, about=family.name)


def tolerant(call: F) -> F:
    """Let a call of a metric count what it cannot take, in place of raising TypeError."""

    @wraps(call)
    def checked(self: Any, *args: Any, **named: Any) -> Any:
        try:
            return call(self, *args, **named)
        except TypeError as error:
            # Raised by the call itself: nothing inside of it raises.
            family = self._family
            detail = f"{family.describe()} declared at {family.place}: {error}; "
            detail += "give labels as tags={...}"
            record_error("wrong_labels", detail, about=family.name)
            return None

    return checked  # type: ignore[return-value]
