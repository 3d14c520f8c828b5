"""What the pages for people share: the frame, the style sheet, and the headers that guard them."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, render_template, request
from markupsafe import Markup

from services.metrics import __version__

NAME_SHOWN = 80
"""Characters of a name; the rest of a longer one is not shown."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of writing round."""


@cache
def style() -> tuple[Markup, str]:
    """Return the style sheet, and its hash as the pages' content security policy names it."""
    folder = Path(current_app.root_path) / (current_app.template_folder or "")
    text = (folder / "style.css").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).digest()
    return Markup(text), f"'sha256-{base64.b64encode(digest).decode()}'"  # noqa: S704


def named(text: str, most: int = NAME_SHOWN) -> Markup:
    """Show a name that somebody else chose: short, apart from its surroundings, without tricks."""
    clean = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(clean) > most:
        clean = clean[:most] + "…"
    return Markup("<bdi>{}</bdi>").format(clean or "(no name)")


def root() -> str:
    """Return the way from the request's path to the top, so that a proxy may move the pages."""
    return "../" * (request.path.count("/") - 1) or "./"


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Render a page for a person.

    It loads nothing from anywhere, runs no script, and cannot be framed; everything that is put
    into it is escaped.

    Args:
        template: its file in ``templates/``.
        status: of the answer.
        values: for the template.
    """
    css, digest = style()
    shared = {"style": css, "root": root(), "named": named, "version": __version__}
    text = render_template(template, **shared, **values)
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src {digest}; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
