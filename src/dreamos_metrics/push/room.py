"""Room that the service has left for this process, out of what it says when it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: How the service says by how much too many the series are.
_NUMBERS = re.compile(r"(\d{1,15}) series with those that the agent had; (\d{1,15}) are allowed")


def room_left(lines: int, refusals: Iterable[str], asked: int, taken: int) -> int:
    """Return for how many lines of this process there is room, after families were refused.

    Args:
        lines: of the snapshot, times of beginning not counted.
        refusals: what the service said of the families.
        asked: all lines of the snapshot.
        taken: how many of them the service has.
    """
    for reason in refusals:
        found = _NUMBERS.search(reason)
        if found:
            outside = int(found[1]) - lines  # of the agent's other processes, here and gone
            return max(taken, min(asked - 1, int(found[2]) - outside))
    return taken + (asked - taken) // 2
