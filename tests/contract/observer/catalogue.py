"""The catalogue of docs/metrics.md as data: type and labels of each name, by section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
_NAME = re.compile(r"`([a-zA-Z_:][a-zA-Z0-9_:]*)`")


@dataclass(frozen=True)
class Row:
    """What the page says of one name."""

    type: str
    labels: frozenset[str]


def section(title: str) -> dict[str, Row]:
    """Return every name in the tables below the heading ``title``."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 6:
            continue
        labels = frozenset(label.strip() for label in cells[4].split(",") if label.strip())
        for name in _NAME.findall(cells[1]):
            rows[name] = Row(cells[2], labels)
    return rows
