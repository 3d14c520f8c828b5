"""Template of the route that a Starlette or FastAPI application took for a request.

The application's routes are asked again which of them fits: what routing leaves in the scope is
only the last piece, without the prefixes of what it lies in, or with the values of their
parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

#: The label of a request that no route takes.
NO_ROUTE = "(none)"

_FULL = 2  # starlette.routing.Match.FULL, without importing Starlette
_PARTIAL = 1

Scope = MutableMapping[str, Any]


def starlette_route(app: Any, asked: Scope) -> str | None:
    """Return the template, such as `/items/{item_id}`, with the prefixes of all mounts.

    `asked` is the scope as it came, before routing changed it. None when no route fits, or when
    `app` is nothing that has routes.
    """
    routes = getattr(app, "routes", None)
    return None if routes is None else _walk(routes, {**asked, "app": app}, "")


def _walk(routes: Iterable[Any], scope: dict[str, Any], prefix: str) -> str | None:
    partial = None
    for route in _expand_included(routes):
        match, child = _match(route, scope)
        if match == _FULL:
            return _template_inside(route, {**scope, **child}, prefix)
        if match == _PARTIAL and partial is None:
            partial = _template_inside(route, {**scope, **child}, prefix)
    return partial


def _expand_included(routes: Iterable[Any]) -> Iterable[Any]:
    """Yield the routes, and in place of a router that FastAPI included the routes in it."""
    for route in routes:
        if hasattr(route, "path") or hasattr(route, "host"):
            yield route
            continue
        # Newer versions of FastAPI keep an included router as one entry, without a path of its own.
        look_in = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
        yield from look_in([route]) if look_in else [route]


def _match(route: Any, scope: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if hasattr(route, "original_route") and hasattr(route, "methods"):
        # A route in an included router matches by itself only inside FastAPI's own routing.
        if not route.path_regex.match(_path_below_root(scope)):
            return 0, {}
        return _FULL if scope["method"] in (route.methods or ()) else _PARTIAL, {}
    match, child = route.matches(scope)
    return match.value, child


def _path_below_root(scope: dict[str, Any]) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(root) else path


def _template_inside(route: Any, scope: dict[str, Any], prefix: str) -> str:
    path = prefix + str(getattr(route, "path", None) or "")
    routes = getattr(route, "routes", None)
    if routes:
        return _walk(routes, scope, path) or path + "/{path}"
    # A mounted application that has no routes of its own, such as a folder of files.
    return path + "/{path}" if hasattr(route, "app") and not hasattr(route, "endpoint") else path
