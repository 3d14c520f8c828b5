"""Group: the labels of the URL, the processes behind them, and what outlived those."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from services.metrics.parsing.lexer import escape_label
from services.metrics.protocol.grouping_key import Labels
from services.metrics.series.aggregate import Part, combine, fold
from services.metrics.series.merge import merge
from services.metrics.series.select import without
from services.metrics.series.series_list import Family, SeriesList
from services.metrics.series.view import View
from services.metrics.store.agent_status import HEARTBEATS, PROGRESS, AgentStatus
from services.metrics.store.incarnation import Incarnation


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
    let_go: dict[str, float] = field(default_factory=dict)
    """Families whose retired totals made room for another type of that name, and when."""
    untyped: frozenset[str] = frozenset()
    """Families of which nobody told the type; kept by the store when lists change."""

    @cached_property
    def agent(self) -> str | None:
        """The agent's name, if the group has one."""
        return dict(self.labels).get("agent")

    @property
    def prefix(self) -> str:
        """The group's labels as they stand in front of a series' own."""
        return prefix_of(self.labels)

    @property
    def silent(self) -> bool:
        """Whether nobody pushes to it: no process lives, and it has no body of its own."""
        return not self.members and self.plain is None

    @property
    def heard(self) -> float:
        """When somebody last pushed to it, or tried to; Unix time."""
        record = self.record
        return max(record.last_push, record.push_time, record.push_failure_time)

    def find(self, name: str) -> Incarnation | None:
        """Return the process ``name``, or for the empty name the body of a plain group."""
        return self.members.get(name) if name else self.plain

    def others(self, name: str) -> dict[str, Incarnation]:
        """Return everybody who pushes to the group, without ``name``."""
        found = {"": self.plain} if name and self.plain is not None else {}
        return {**found, **{key: m for key, m in self.members.items() if key != name}}

    def parts(self) -> tuple[Part, ...]:
        """Return every contribution: retired totals, the plain body, the processes."""
        found = [self.retired] if self.retired is not None else []
        if self.plain is not None:
            found.append(self.plain.part)
        for member in self.members.values():
            found.extend(member.parts)
        return tuple(found)

    def families(self) -> tuple[Family, ...]:
        """Return the families that the group uses, each once."""
        found: dict[tuple[str, str], Family] = {}
        for series in dict.fromkeys(part.series for part in self.parts()):
            for family in series.families:
                found.setdefault((family.name, family.type), family)
        return tuple(found.values())

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

    def beat(self, before: Incarnation | None, now: Incarnation, at: float) -> None:
        """Note heartbeat and progress: a rise since the previous push, at the time of the push.

        Args:
            before: the push before, if there was one.
            now: the push.
            at: its time; when it tells of a process that ended earlier, the time of that.
        """
        for family, name in ((HEARTBEATS, "last_heartbeat"), (PROGRESS, "last_progress")):
            value = now.value_of(family)
            if value and value > (before.value_of(family) if before else 0.0):
                setattr(self.record, name, max(getattr(self.record, name), at))

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

    def retire(self, parts: Iterable[Part]) -> None:
        """Fold totals into the retired ones."""
        for part in parts:
            self.retired = fold(self.retired, part)

    def take_out(self, member: Incarnation, ended: float) -> None:
        """Take the totals of a lost process out of the retired ones: it speaks again.

        Args:
            member: what it had.
            ended: when it was lost; what was let go since then is not there to be taken out.
        """
        gone = {name for name, when in self.let_go.items() if when >= ended}
        for part in member.parts:
            kept = _without(part, gone)
            if self.retired is not None and kept is not None:
                self.retired = fold(self.retired, kept, -1.0)

    def make_room(self, names: Collection[str], name: str, now: float) -> list[str]:
        """Let retired totals of some families go: their names are used for something else.

        Args:
            names: of the families.
            name: of the process that uses them now.
            now: Unix time.

        Returns:
            The other processes that have changed.
        """
        changed = []
        self.retired = _without(self.retired, names)
        for key, member in list(self.members.items()):
            if key != name and member.absent is not None:
                kept = _without(member.absent, names)
                if kept is not member.absent:
                    self.members[key] = replace(member, absent=kept)
                    changed.append(key)
        self.let_go.update(dict.fromkeys(names, now))
        return changed

    def leave_out(self, names: Collection[str], of: Iterable[str]) -> list[str]:
        """Leave families out of what some processes show: others know better what they are.

        Args:
            names: of the families.
            of: the processes (the empty name is the plain body).

        Returns:
            Those that have changed.
        """
        changed = []
        for name in of:
            member = self.find(name)
            kept = without(member.series, names) if member is not None else None
            if member is None or kept is None or kept.series is member.series:
                continue
            # Without its lines its next push is looked at anew, and told what is left out.
            made = replace(
                member,
                series=kept.series,
                values=member.values[kept.positions],
                template=None,
                placement=None,
            )
            if name:
                self.members[name] = made
            else:
                self.plain = made
            changed.append(name)
        return changed

    def lists(self) -> tuple[SeriesList, ...]:
        """Return the list of every contribution."""
        return tuple(part.series for part in self.parts())


def _without(part: Part | None, names: Collection[str]) -> Part | None:
    """Return a contribution without some families; itself when it has none of them."""
    if part is None or not any(name in part.series.index for name in names):
        return part
    series, positions = without(part.series, names)
    if not len(positions):
        return None
    lost = None if part.lost is None else part.lost[positions]
    return Part(series, part.values[positions], lost)
