"""Find the template of the route that a Starlette or FastAPI application took for a request."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

NO_ROUTE = "(none)"
"""The label of a request that no route takes."""

_FULL = 2  # starlette.routing.Match.FULL, without importing Starlette
_PARTIAL = 1

Scope = MutableMapping[str, Any]


def starlette_route(asked: Scope, answered: Scope) -> str | None:
    """Return the template, such as `/items/{item_id}`, with the prefixes of all mounts.

    `asked` is the scope as it came, `answered` as routing left it. None when no route fits.
    The routes are asked again which of them fits: the scope itself only holds the last piece.
    """
    app = answered.get("app")
    routes = getattr(app, "routes", None)
    if routes is None:
        return None
    return _walk(routes, {**asked, "app": app}, "")


def _walk(routes: Any, scope: dict[str, Any], prefix: str) -> str | None:
    partial = None
    for route in routes:
        match, child = route.matches(scope)
        if match.value == _FULL:
            return _inside(route, {**scope, **child}, prefix)
        if match.value == _PARTIAL and partial is None:
            partial = _inside(route, {**scope, **child}, prefix)
    return partial


def _inside(route: Any, scope: dict[str, Any], prefix: str) -> str:
    path = prefix + str(getattr(route, "path", ""))
    routes = getattr(route, "routes", None)
    if routes:
        return _walk(routes, scope, path) or path + "/{path}"
    # A mounted application that has no routes of its own, such as a folder of files.
    return path + "/{path}" if hasattr(route, "app") and not hasattr(route, "endpoint") else path
