"""`python -m tools.render.publish`: let the parts see what their own tools have accepted.

What is rendered goes to one volume, where promtool and amtool judge it, and from there to the volume
that Prometheus, Alertmanager and the service read. So whatever starts again, it starts with a
configuration that was accepted.
"""

from __future__ import annotations

import argparse
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.render.__main__ import write


def publish(accepted: Path, live: Path) -> None:
    """Make the files below `live` those below `accepted`, each in one step, and no others."""
    names = {path.relative_to(accepted) for path in accepted.rglob("*") if path.is_file()}
    for name in sorted(names):
        source = accepted / name
        mode = stat.S_IMODE(source.stat().st_mode)
        write(live / name, source.read_text(encoding="utf-8"), mode)
    for path in live.rglob("*"):
        if path.is_file() and path.relative_to(live) not in names:
            path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.render.publish", description=__doc__)
    parser.add_argument("accepted", type=Path, help="the folder that was checked")
    parser.add_argument("live", type=Path, help="the folder that is read")
    options = parser.parse_args(arguments)
    publish(options.accepted, options.live)
    return 0


if __name__ == "__main__":
    sys.exit(main())
