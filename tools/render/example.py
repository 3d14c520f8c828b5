"""`python -m tools.render.example`: write `.env.example` from the table of settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.render.variables import env_example

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 1 when `--check` finds another content."""
    parser = argparse.ArgumentParser(prog="python -m tools.render.example", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    options = parser.parse_args(arguments)
    text = env_example()
    if not options.check:
        EXAMPLE.write_text(text, encoding="utf-8")
        return 0
    if EXAMPLE.exists() and EXAMPLE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{EXAMPLE.name} differs from the table: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
