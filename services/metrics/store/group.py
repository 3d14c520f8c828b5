"""One group: the labels of the URL, the processes behind them, and what outlived those."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.parsing.lexer import escape_label
from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.aggregate import Part, combine, fold
from services.metrics.series.merge import merge, vanished
from services.metrics.series.series_list import Family, Floats, SeriesList
from services.metrics.store.agent_status import HEARTBEATS, PROGRESS, AgentStatus


@dataclass(slots=True)
class Incarnation:
    """A live process (or the body of a plain group): its latest snapshot.

    Args:
        wire: the lines it last sent; None after a restart of the service.
        series: the list of its series.
        values: one for each series; never changed in place, only replaced.
        sequence: number of its last push; 0 when it sends none.
        ttl: seconds of silence after which it is lost; None for never.
        pushed: when it last pushed, Unix time of the service.
        position: the higher, the later it pushed; tells the most recent gauge after a restart.
    """

    wire: BodyTemplate | None
    series: SeriesList
    values: Floats
    sequence: int
    ttl: float | None
    pushed: float
    position: int = 0

    @property
    def part(self) -> Part:
        """The snapshot as a contribution."""
        return Part(self.series, self.values)

    def value_of(self, family: str) -> float:
        """Return the sum of a family's samples, 0 when it is not there."""
        at = self.series.index.get(family)
        if at is None:
            return 0.0
        values = self.values[self.series.starts[at] : self.series.starts[at + 1]]
        roles = self.series.roles[self.series.starts[at] : self.series.starts[at + 1]]
        return float(values[roles == 0].sum())


class View(NamedTuple):
    """What a group shows at one moment; the arrays are never changed afterwards."""

    prefix: str
    series: SeriesList
    values: Floats


def prefix_of(labels: Labels) -> str:
    """Return a group's labels as they stand in front of a series' own.

    The empty instance keeps Prometheus from attaching the address of this service; it stands
    last, so that it can be left out for a series that has an instance of its own.
    """
    pairs = list(labels)
    if "instance" not in dict(labels):
        pairs.append(("instance", ""))
    return ",".join(f'{name}="{escape_label(value)}"' for name, value in pairs)


@dataclass
class Group:
    """Labels, live processes, retired totals, record. The store calls it under its lock."""

    id: int
    labels: Labels
    members: dict[str, Incarnation] = field(default_factory=dict)
    """Live processes; the one that pushed last stands at the end."""
    plain: Incarnation | None = None
    retired: Part | None = None
    record: AgentStatus = field(default_factory=AgentStatus)
    was_plain: bool = False
    hidden: bool = False
    """Silent for so long that its series are not shown."""

    @property
    def agent(self) -> str | None:
        """The agent's name, if the group has one."""
        return dict(self.labels).get("agent")

    @property
    def prefix(self) -> str:
        """The group's labels as they stand in front of a series' own."""
        return prefix_of(self.labels)

    def parts(self) -> tuple[Part, ...]:
        """Return every contribution: retired totals, the plain body, the processes."""
        found = [self.retired] if self.retired is not None else []
        if self.plain is not None:
            found.append(self.plain.part)
        found.extend(member.part for member in self.members.values())
        return tuple(found)

    def families(self) -> tuple[Family, ...]:
        """Return the families that the group uses, each once."""
        found: dict[str, Family] = {}
        for part in self.parts():
            for family in part.series.families:
                found.setdefault(family.name, family)
        return tuple(found.values())

    def lists_after(
        self, name: str, member: Incarnation, before: Incarnation | None
    ) -> list[SeriesList]:
        """Return the lists that the group will consist of when ``member`` has pushed.

        Uniting them beforehand makes the same step quick under the store's lock.

        Args:
            name: of the process; empty for the plain body.
            member: its new snapshot.
            before: the one that it replaces.
        """
        retired = self.retired.series if self.retired is not None else None
        if name and before is not None and before.series is not member.series:
            gone, positions = vanished(before.series, member.series)
            if len(positions):
                retired = gone if retired is None else merge([retired, gone]).series
        members = [m for key, m in self.members.items() if key != name]
        plain = member if not name else self.plain
        found = [retired] if retired is not None else []
        found += [plain.series] if plain is not None else []
        found += [other.series for other in members]
        return [*found, member.series] if name else found

    def view(self, parts: tuple[Part, ...]) -> View | None:
        """Return what ``parts`` amount to, None when there is nothing to show."""
        if not parts:
            return None
        merged = merge([part.series for part in parts])
        return View(self.prefix, merged.series, combine(merged, parts))

    def record_view(self) -> View:
        """Return the service's own series about the group; ``dreamos_series`` is left at 0."""
        part = self.record.part(self.agent is not None, self.was_plain, len(self.members))
        return View(self.prefix, part.series, part.values)

    def beat(self, before: Incarnation | None, now: Incarnation) -> None:
        """Note heartbeat and progress: a rise since the previous push, at the time of the push."""
        for family, name in ((HEARTBEATS, "last_heartbeat"), (PROGRESS, "last_progress")):
            value = now.value_of(family)
            if value > (before.value_of(family) if before else 0.0):
                setattr(self.record, name, now.pushed)

    def fell_silent(self, now: float, limit: float) -> bool:
        """Tell whether an agent that pushes without an incarnation has become silent.

        Args:
            now: Unix time.
            limit: seconds of silence for a body that has no time to live of its own.
        """
        if self.agent is None or self.members or self.record.state != "running":
            return False
        if self.plain is None:
            return True
        if self.plain.ttl is not None:
            return False
        return now - self.record.last_push > limit

    def retire_vanished(self, before: Incarnation, now: Incarnation) -> bool:
        """Keep the totals of series that a process no longer shows, so that no counter falls.

        Returns:
            Whether there were any.
        """
        if before.series is now.series:
            return False
        gone, positions = vanished(before.series, now.series)
        if len(positions):
            self.retired = fold(self.retired, Part(gone, before.values[positions]))
        return bool(len(positions))

    def retire(self, member: Incarnation, sign: float = 1.0) -> None:
        """Fold a process' totals into the retired ones (or, with -1, take them out again)."""
        self.retired = fold(self.retired, member.part, sign)
