"""``make fuzz``: arbitrary requests for FUZZ_SECONDS; what breaks becomes a line of the corpus."""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.cases import STEPS, Step
from tests.fuzz.world import World

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "fuzz.jsonl"
ROUND = 200
"""Examples after which the clock is looked at."""


def main() -> int:
    """Try until the time is over or something breaks; return 1 when it did."""
    budget = float(os.environ.get("FUZZ_SECONDS", "600"))
    began, tried = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        while time.monotonic() - began < budget:
            number = random.SystemRandom().randrange(2**32)
            smallest = _round(world, number)
            tried += ROUND
            if smallest is not None:
                _keep(smallest)
                return 1
        world.close()
    print(f"{tried} tries in {time.monotonic() - began:.0f} s: nothing broke")
    return 0


def _round(world: World, number: int) -> list[Step] | None:
    """Try many; return the smallest case that breaks, None when all hold."""
    last: list[Step] = []

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(STEPS)
    def attempt(steps: list[Step]) -> None:
        last[:] = steps
        world.run(steps)

    try:
        attempt()
    except Exception:  # noqa: BLE001  (whatever it is, it is what was looked for)
        traceback.print_exc()
        return last
    return None


def _keep(steps: list[Step]) -> None:
    line = json.dumps([step.as_json() for step in steps])
    with CORPUS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(f"\nKept in {CORPUS.name}, which the tests replay:\n{line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
