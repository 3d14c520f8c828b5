"""Questions to other parts of the stack, which hold up nobody when they are not answered."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Generic, TypeVar

PATIENCE_SECONDS = 2.0
"""How long a page waits for an answer."""
OLD_SECONDS = 10.0
"""How much longer than it is kept an answer is shown while a new one is on its way."""
_Found = TypeVar("_Found")


class NotAskedError(Exception):
    """There is no answer that can be used; the message says why, behind the name of who was asked."""


class Asker(Generic[_Found]):
    """Asks in a thread of its own, when somebody wants to know, and keeps the answer for a while.

    Only the page that begins a question waits, and at most :data:`PATIENCE_SECONDS`. So somebody
    who hangs holds up neither the other pages nor a health check.

    Args:
        ask: returns the answer; may raise anything.
        kept: seconds for which an answer, or the lack of one, is good.
        name: of the thread.
    """

    def __init__(self, ask: Callable[[], _Found], kept: float, name: str) -> None:
        self._ask = ask
        self._kept = kept
        self._name = name
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._begun = 0.0
        self._known: tuple[float, _Found | NotAskedError] | None = None

    def current(self) -> _Found:
        """Return what is known.

        Raises:
            NotAskedError: there is no answer, or none yet.
        """
        begun = self._begin()
        if begun is not None:
            begun.join(PATIENCE_SECONDS)
        with self._lock:
            if self._busy() and time.monotonic() - self._begun >= PATIENCE_SECONDS:
                raise NotAskedError(f"gave no answer within {PATIENCE_SECONDS:.0f} s")
            if self._known is None or self._age() > self._kept + OLD_SECONDS:
                raise NotAskedError("has not answered yet")
            found = self._known[1]
        if isinstance(found, NotAskedError):
            raise NotAskedError(str(found))
        return found

    def _begin(self) -> threading.Thread | None:
        with self._lock:
            if self._busy() or self._age() < self._kept:
                return None
            self._begun = time.monotonic()
            self._asking = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._asking.start()
            return self._asking

    def _busy(self) -> bool:
        return self._asking is not None and self._asking.is_alive()

    def _age(self) -> float:
        return float("inf") if self._known is None else time.monotonic() - self._known[0]

    def _run(self) -> None:
        found: _Found | NotAskedError
        try:
            found = self._ask()
        except NotAskedError as problem:
            found = problem
        except Exception as problem:  # noqa: BLE001 - whatever it is: the page says it
            found = NotAskedError(f"cannot be asked ({type(problem).__name__})")
        with self._lock:
            self._known = (time.monotonic(), found)


class _NoWayOn(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the service asks whom it was told to ask, and nobody else."""

    def redirect_request(self, *_: Any) -> None:
        """Leave the redirect as the answer."""


_opener = urllib.request.build_opener(_NoWayOn)


def fetch_json(url: str, most: int, timeout: float = PATIENCE_SECONDS) -> Any:
    """Return the JSON at an address.

    Args:
        url: a setting, checked to be http(s), with a path and a query.
        most: bytes that the answer may have.
        timeout: seconds for connecting, and for each piece of the answer.

    Raises:
        NotAskedError: there is none.
    """
    try:
        with _opener.open(url, timeout=timeout) as answer:
            text = answer.read(most + 1)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise NotAskedError(f"answers with the status {refusal.code}") from None
    except TimeoutError:
        raise NotAskedError(f"gave no answer within {timeout:.0f} s") from None
    except (OSError, HTTPException) as problem:
        raise NotAskedError(f"cannot be reached ({_reason(problem)})") from None
    if len(text) > most:
        raise NotAskedError(f"has more to say than fits into {most >> 20} MB")
    try:
        return json.loads(text)
    except ValueError:
        raise NotAskedError("answers, but sends no JSON") from None


def _reason(problem: Exception) -> str:
    """Return what the system says, without any address in it."""
    inner = getattr(problem, "reason", problem)
    return str(getattr(inner, "strerror", None) or type(inner).__name__)
