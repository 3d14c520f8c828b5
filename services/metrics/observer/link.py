"""What the metrics service knows of an observer that runs as a part of its own: its health.

So ``/health`` and the status page of the service tell of dependencies, host and workspace also
where another container looks at them.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from services.metrics.health import Check, Component
from services.metrics.metric_builder import MetricBuilder
from services.metrics.tokens import TokenFile

SHOWN = ("host", "workspace", "dependencies")
"""Components of the observer that are shown as the service's own."""
STATUSES = ("healthy", "degraded", "unhealthy")
TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 1 << 20
LATE_ROUNDS = 3.0


class ObserverLink:
    """Asks the observer how it is, every ``interval`` seconds; a collector of the service.

    Args:
        url: of the observer, for example ``http://observer:8000``.
        token_file: the token that it wants to see; read again for each question.
        interval: seconds between two questions.
    """

    name = "observer"

    def __init__(self, url: str, token_file: Path | None, interval: float) -> None:
        self.interval = interval
        self._url = url.rstrip("/") + "/health"
        self._token_file = token_file
        self._answered = 0.0
        self._found: dict[str, Component] = {}

    def collect(self) -> list[Metric]:
        """Ask once, and return whether it answered. Raises OSError or ValueError when it did not."""
        self._found = _components(self._ask())
        self._answered = time.monotonic()
        out = MetricBuilder()
        text = "When the observer last told the service how it is."
        out.gauge("dreamos_observer_last_answer_timestamp_seconds", text, time.time())
        return out.list()

    def components(self) -> dict[str, Check]:
        """Return the checks of the observer itself and of what it looks at."""
        looked_at: dict[str, Check] = {name: partial(self._shown, name) for name in SHOWN}
        return {"observer": self._health, **looked_at}

    def _ask(self) -> Any:
        request = urllib.request.Request(self._url)  # noqa: S310 - a setting, checked to be http(s)
        if self._token_file is not None:
            request.add_header("Authorization", f"Bearer {TokenFile(self._token_file).first()}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as answer:
            if answer.code != 503:  # unhealthy is an answer too
                raise
            with answer:
                return json.loads(answer.read(MAX_ANSWER_BYTES))

    @property
    def _silent(self) -> bool:
        return time.monotonic() - self._answered > LATE_ROUNDS * max(self.interval, 5.0)

    def _health(self) -> Component:
        if not self._answered:
            return Component("degraded", "the observer has not answered yet")
        if self._silent:
            return Component(
                "degraded", "the observer does not answer: host figures may be missing"
            )
        for name in sorted(self._found.keys() - set(SHOWN)):
            if self._found[name].status != "healthy":
                return Component("degraded", f"{name}: {self._found[name].detail}")
        return Component("healthy", "answers")

    def _shown(self, name: str) -> Component | None:
        return None if self._silent or not self._answered else self._found.get(name)


def _components(report: Any) -> dict[str, Component]:
    """Return the components in a report of ``/health``. Raises ValueError when it is none."""
    parts = report.get("components") if isinstance(report, dict) else None
    if not isinstance(parts, dict):  # it shows its status only
        raise ValueError("the observer's answer shows no components; is its token the right one?")  # noqa: TRY004
    found = {}
    for name, part in parts.items():
        if isinstance(part, dict) and part.get("status") in STATUSES:
            data = {k: v for k, v in part.items() if k not in ("status", "detail")}
            component = found[str(name)] = Component(part["status"], str(part.get("detail", "")))
            component.data = data
    return found
