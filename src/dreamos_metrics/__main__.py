"""Command line of the library: `python -m dreamos_metrics adopt PATH`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dreamos_metrics.adoption import Adoption, AdoptionError, plan
from dreamos_metrics.version import __version__

_ADOPT = """\
Let a Dream.OS checkout give the names of this library under dreamos.core.metrics.

Shows the lines and writes them after a yes. What is there stays as it is: its own classes
(BaseMetrics, FileMetrics, ...) remain, and Counter, Gauge, Histogram, start and all others come
beside them. Doing it twice changes nothing more."""
_EXAMPLE = """\
example:
  python -m dreamos_metrics adopt ~/SWARM          show the lines, then ask
  python -m dreamos_metrics adopt ~/SWARM --yes    write them at once"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when it did what was asked, 1 after a no, 2 on an error."""
    options = _parser().parse_args(arguments)
    try:
        return _adopt(plan(options.path), yes=options.yes)
    except AdoptionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: nothing was changed: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dreamos_metrics",
        description="Commands of the metrics library of Dream.OS.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dreamos-metrics {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    adopt = commands.add_parser(
        "adopt",
        help="let a Dream.OS checkout give our names under dreamos.core.metrics",
        description=_ADOPT,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    adopt.add_argument(
        "path", type=Path, metavar="PATH", help="the checkout, or the folder dreamos in it"
    )
    adopt.add_argument("--yes", "-y", action="store_true", help="write without asking")
    return parser


def _adopt(adoption: Adoption, *, yes: bool) -> int:
    if not adoption.added:
        print(f"{adoption.file} has these lines already; nothing to write")
        return 0
    print(f"{adoption.file}: {'new file' if adoption.before is None else 'added at its end'}")
    for line in adoption.added.splitlines():
        print(f"+ {line}".rstrip())
    for name, number in adoption.shared.items():
        print(f"note: {name} (line {number}) stays for the code of this file; importers get ours")
    if not yes and not _confirmed():
        return _declined()
    adoption.write()
    print("written; dreamos.core.metrics now needs dreamos-metrics wherever it is imported:")
    print('  python -c "from dreamos.core.metrics import Counter, start"')
    return 0


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return input("Write these lines? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _declined() -> int:
    if sys.stdin.isatty():
        print("nothing was written")
        return 1
    print("nothing was written: add --yes to write these lines")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
