"""GET /runbooks/ and /runbooks/<alert>: what to do about an alert, also without internet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from services.metrics.routes.html import page

blueprint = Blueprint("runbooks", __name__)

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "runbooks"

_SOURCE_TYPE = "text/markdown; charset=utf-8"
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Runbook:
    """One runbook as it is shown.

    Args:
        name: of the alert.
        rule: the line below the title: expression, duration, severity.
        meaning: the first sentence of what it means.
        body: everything below the title.
    """

    name: str
    rule: Markup
    meaning: Markup
    body: Markup


def files() -> dict[str, Path]:
    """Return the runbooks there are, by name. Names are looked up here, never made into paths."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.md"))}


def runbook(path: Path, known: Sequence[str]) -> Runbook:
    """Read one runbook.

    Args:
        path: its file.
        known: names of all runbooks; where a text names one as code, it becomes a link.
    """
    return _render(path, path.stat().st_mtime_ns, tuple(known))


@lru_cache(maxsize=256)
def _render(path: Path, _changed: int, known: tuple[str, ...]) -> Runbook:
    tokens = _markdown.parse(path.read_text(encoding="utf-8"))
    while tokens and tokens[0].type in ("heading_open", "inline", "heading_close"):
        if tokens.pop(0).type == "heading_close":
            break
    for token in tokens:
        token.children = _link(token.children or [], path.stem, known) or None
    rule = _paragraph_after(tokens, None)
    meaning = _paragraph_after(tokens, "Meaning").replace("\n", " ").partition(". ")[0]
    return Runbook(
        path.stem,
        Markup(_markdown.renderInline(rule)),  # noqa: S704  (HTML in it is escaped)
        Markup(_markdown.renderInline(meaning.rstrip(".:") + ".")) if meaning else Markup(),  # noqa: S704
        Markup(_markdown.renderer.render(tokens, _markdown.options, {})),  # noqa: S704
    )


def _paragraph_after(tokens: Sequence[Token], heading: str | None) -> str:
    """Return the source of the first paragraph below ``heading``; None is the top of the page."""
    below = heading is None
    for before, token in itertools.pairwise(tokens):
        if before.type == "heading_open":
            if below:
                break
            below = token.content == heading
        elif below and before.type == "paragraph_open":
            return token.content
    return ""


def _link(tokens: Sequence[Token], own: str, known: Sequence[str]) -> list[Token]:
    """Lead links between runbooks to their pages, and drop those that lead nowhere from here."""
    done: list[Token] = []
    inside = False
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrGet("href") or "")
            stem = href.rpartition("/")[2].partition("#")[0].removesuffix(".md")
            inside = "://" in href or stem in known
            if inside and "://" not in href:
                token.attrSet("href", stem)
            done += [token] if inside else []
        elif token.type == "link_close":
            done += [token] if inside else []
            inside = False
        elif token.type == "code_inline" and not inside and token.content in known:
            done += _as_link(token, own)
        else:
            done.append(token)
    return done


def _as_link(code: Token, own: str) -> list[Token]:
    if code.content == own:
        return [code]
    opening = Token("link_open", "a", 1, attrs={"href": code.content})
    return [opening, code, Token("link_close", "a", -1)]


@blueprint.get("/runbooks")
def bare() -> Response:
    """Lead to the list."""
    return Response(status=308, headers={"Location": "runbooks/"})


@blueprint.get("/runbooks/")
def overview() -> Response:
    """List the runbooks."""
    found = files()
    books = [runbook(path, tuple(found)) for path in found.values()]
    return page("runbooks.html", books=books)


@blueprint.get("/runbooks/<path:name>")
def one(name: str) -> Response:
    """Show a runbook; with ``.md`` behind its name, the text it is made of, for a terminal."""
    found = files()
    path = found.get(name.removesuffix(".md"))
    if path is None:
        return page("runbook_missing.html", 404, name=name[:200], names=tuple(found))
    if name.endswith(".md"):
        return Response(path.read_text(encoding="utf-8"), content_type=_SOURCE_TYPE)
    return page("runbook.html", book=runbook(path, tuple(found)))
