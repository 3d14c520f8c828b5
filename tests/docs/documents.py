"""The project's pages, read as a reader sees them: links, headings, code."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_markdown = MarkdownIt("commonmark").enable("table")


@cache
def pages() -> tuple[Path, ...]:
    """Return every Markdown file that belongs to the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.splitlines() if (path := ROOT / name).exists())


def name_of(page: Path) -> str:
    """Return the page's path as it is told in a message."""
    return page.relative_to(ROOT).as_posix()


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """Return the page's tokens, those within paragraphs included."""
    found: list[Token] = []
    for token in _markdown.parse(page.read_text(encoding="utf-8")):
        found += [token, *(token.children or [])]
    return tuple(found)


def links(page: Path) -> Iterator[str]:
    """Yield where the page's links and pictures lead."""
    for token in tokens(page):
        if token.type in ("link_open", "image"):
            yield str(token.attrGet("href") or token.attrGet("src"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the names under which a link can reach the page's headings, by GitHub's rule."""
    names: list[str] = []
    listed = tokens(page)
    for before, token in itertools.pairwise(listed):
        if before.type == "heading_open":
            text = "".join(part.content for part in token.children or [])
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            again = names.count(name)
            names.append(f"{name}-{again}" if again else name)
    return frozenset(names)


def code(page: Path) -> Iterator[str]:
    """Yield what the page shows as code: each line of a block, each word or two in a line."""
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            yield from token.content.splitlines()
        elif token.type == "code_inline":
            yield token.content
