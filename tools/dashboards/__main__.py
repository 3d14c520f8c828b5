"""`python -m tools.dashboards`: write the dashboards as JSON; `--check` compares and writes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.dashboards import (
    agent,
    agents,
    alerts,
    files,
    health,
    host,
    overview,
    performance,
    stack,
    workspaces,
)
from tools.dashboards.model import Dashboard, importable, text_of

ROOT = Path(__file__).resolve().parents[2]
PROVISIONED = Path("deploy/grafana/dashboards")
EXAMPLE = Path("docs/grafana/example_dashboard.json")


def dashboards() -> list[Dashboard]:
    """Return every dashboard that is provisioned."""
    boards = (overview, agents, agent, performance, files, host, workspaces, health, alerts, stack)
    return [board.dashboard() for board in boards]


def generated() -> dict[Path, str]:
    """Return the content of every generated file, by its path below the project."""
    documents = {item.file_name: item.document() for item in dashboards()}
    found = {PROVISIONED / name: text_of(document) for name, document in documents.items()}
    found[EXAMPLE] = text_of(importable(documents["overview.json"]))
    return found


def stale(root: Path) -> list[str]:
    """Return what differs from the generator below `root`, one sentence per file."""
    expected = generated()
    found = [
        f"{path} is not what the generator writes"
        for path, text in expected.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]
    others = {path.relative_to(root) for path in (root / PROVISIONED).glob("*.json")}
    return found + [f"{path} has no generator" for path in sorted(others - set(expected))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args(arguments)
    if options.check:
        problems = stale(ROOT)
        for problem in problems:
            print(f"{problem}: run `make generate`", file=sys.stderr)
        return 1 if problems else 0
    for path, text in generated().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
