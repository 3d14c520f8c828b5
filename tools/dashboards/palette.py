"""The colours of all boards, and what they mean: the same in every panel.

From the palette of Okabe and Ito, whose colours stay apart for people who do not see red and green
apart, on a dark and on a light ground. No colour says anything that no word or number says.
"""

from __future__ import annotations

from collections.abc import Sequence

GREEN, YELLOW, ORANGE, RED = "#009e73", "#f0e442", "#e69f00", "#d55e00"
BLUE, PURPLE, GREY = "#56b4e9", "#cc79a7", "#8e9297"

Steps = Sequence["tuple[float | None, str]"]
"""Thresholds: each value from which a colour holds, the first with None."""

NO_STEPS: Steps = ((None, GREEN),)
NEUTRAL: Steps = ((None, BLUE),)
ANY_IS_BAD: Steps = ((None, GREEN), (1, RED))
ANY_IS_ODD: Steps = ((None, GREEN), (1, ORANGE))


def bad_above(limit: float) -> Steps:
    """Return the steps of a figure that is bad above `limit`, and remarkable above half of it."""
    return ((None, GREEN), (limit / 2, ORANGE), (limit, RED))


def bad_from(limit: float) -> Steps:
    """Return the steps of a figure that is well until `limit`: what an alert judges."""
    return ((None, GREEN), (limit, RED))


def bad_below(limit: float) -> Steps:
    """Return the steps of a figure that is bad below `limit`; grey where there is none."""
    return ((None, GREY), (0, RED), (limit, GREEN))
