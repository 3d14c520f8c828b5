"""What a push asks for and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.metrics.protocol.grouping_key import GroupingKey

Outcome = Literal["accepted", "stale"]


@dataclass(frozen=True)
class Push:
    """One push, as its request tells it.

    Args:
        target: the group and, perhaps, the process.
        body: the text or the values, decompressed.
        openmetrics: the format of a text.
        replace: PUT (the whole group) or POST (the families that the body names).
        sequence: ``Dreamos-Sequence``; 0 when there is none.
        ttl: ``Dreamos-TTL`` in seconds; None when there is none.
        final: ``Dreamos-Final``.
        uncertain: ``Dreamos-Uncertain``.
        ended_ago: ``Dreamos-Ended-Ago`` in seconds: a process that ended is told of later.
        series_list: ``Dreamos-Series-List``, when the body holds values only.
    """

    target: GroupingKey
    body: bytes
    openmetrics: bool = False
    replace: bool = False
    sequence: int = 0
    ttl: float | None = None
    final: bool = False
    uncertain: bool = False
    ended_ago: float = 0.0
    series_list: str | None = None


@dataclass(frozen=True)
class RejectedFamily:
    """A family of a snapshot that was left out, while the rest of the push was taken.

    Args:
        name: of the family, as the body has it.
        reason: one of :data:`services.metrics.errors.REASONS`.
        message: one sentence for the sender.
    """

    name: str
    reason: str
    message: str


@dataclass(frozen=True)
class PushResult:
    """What became of a push.

    Args:
        outcome: ``accepted``, or ``stale`` when it changed nothing because it was known.
        samples: sample lines that were taken.
        series_list: name of the list of lines, for a sender that wants to send values only.
        rejected: families of a snapshot that were left out.
    """

    outcome: Outcome
    samples: int = 0
    series_list: str | None = None
    rejected: tuple[RejectedFamily, ...] = ()
