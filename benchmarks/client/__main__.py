"""Run the benchmark of the client library and print a table of ratios.

python -m benchmarks.client             everything, about a minute
python -m benchmarks.client --quick     the calls only
python -m benchmarks.client --check     leave with 1 when a goal is missed
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

_HEAD = "| call | ours, ns | prometheus_client, ns | ratio | goal |\n|---|---:|---:|---:|---:|"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 when a goal is missed and ``--check`` was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the calls only")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--multiprocess", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--increments", type=int, default=10_000_000, help="of four threads (default: 10 million)"
    )
    options = parser.parse_args(arguments)
    if options.multiprocess:
        return int(not _calls(multiprocess=True))
    print(f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}\n")
    good = _calls(multiprocess=False)
    if not options.quick:
        print("\nAgainst its multiprocess mode:\n", flush=True)
        good &= _in_multiprocess_mode()
        good &= _footprint()
        good &= _threads(options.increments)
    return int(options.check and not good)


def _calls(*, multiprocess: bool) -> bool:
    from benchmarks.client import speed

    print(_HEAD)
    results = speed.measure(speed.MULTIPROCESS if multiprocess else speed.CASES)
    for result in results:
        goal = f"{result.case.goal:g}" if result.case.goal else "none"
        print(
            f"| {result.case.name} | {result.ours:.0f} | {result.theirs:.0f} "
            f"| {result.ratio:.1f} | {goal} |"
        )
    sys.stdout.flush()
    return all(result.met for result in results)


def _in_multiprocess_mode() -> bool:
    # prometheus_client chooses its mode when it is imported.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.client", "--multiprocess"],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder},
            check=False,
        )
    return done.returncode == 0


def _footprint() -> bool:
    from benchmarks.client import footprint

    ours, theirs = footprint.memory()
    base, added = footprint.import_time()
    print("\n| cost | ours | prometheus_client | goal |\n|---|---:|---:|---:|")
    print(f"| a labelled counter, bytes | {ours[0]:.0f} | {theirs[0]:.0f} | {theirs[0] / 2:.0f} |")
    print(
        f"| a 15-bucket histogram, bytes | {ours[1]:.0f} | {theirs[1]:.0f} | {theirs[1] / 4:.0f} |"
    )
    print(f"| import, ms | +{added:.0f} | {base:.0f} | +60 |")
    return ours[0] <= theirs[0] / 2 and ours[1] <= theirs[1] / 4 and added <= 60


def _threads(increments: int) -> bool:
    from benchmarks.client import threads

    missing, observed = threads.lost(increments)
    print(
        f"\n4 threads, {increments:,} increments: {missing:.0f} lost; observations: {observed:.0f} lost"
    )
    return missing == 0 and observed == 0


if __name__ == "__main__":
    raise SystemExit(main())
