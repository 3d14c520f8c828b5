"""Requests to the stack's own parts: never through a proxy, whatever the shell says."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_text(url: str, timeout: float = 5) -> str:
    """Return the body of the answer. Raises OSError when there is none or it is an error."""
    with _direct.open(url, timeout=timeout) as answer:
        text: str = answer.read().decode("utf-8", "replace")
        return text


def get_json(url: str, timeout: float = 5) -> Any:
    """Return the answer as data. Raises OSError or ValueError."""
    return json.loads(get_text(url, timeout))
