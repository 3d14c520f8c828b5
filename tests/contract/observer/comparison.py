"""Compares two views of one machine, taken so that the other one lies between two of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import Metric

from tools.waiting import eventually

Series = tuple[str, frozenset[tuple[str, str]]]

# Each exporter's own doings, which cannot agree
OWN = re.compile(r"node_scrape_collector_duration_seconds|node_exporter_build_info")
# What the looking itself changes: node_exporter opens netlink sockets while it is scraped, and whoever is looking
# runs while the others sleep
RESTLESS = {
    "node_sockstat_sockets_used": 5.0,
    "node_processes_state": 5.0,
    "node_processes_threads": 5.0,
    "node_procs_running": 5.0,
}
# Labels that node_exporter gained after the version which Debian 12 has
NEWER_LABELS = {"node_network_info": {"adminstate"}}
# A line of the table in docs/collectors.md
LEFT_OUT = re.compile(r"^\| `(node_\w+)", re.MULTILINE)


@dataclass
class View:
    """What one side says: the type of each family, and the value of each series."""

    types: dict[str, str] = field(default_factory=dict)
    values: dict[Series, float] = field(default_factory=dict)

    def labels(self, name: str) -> set[frozenset[tuple[str, str]]]:
        """Return the label sets of one family."""
        return {labels for found, labels in self.values if found == name}

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {name for name, _ in self.values}


def view(families: Iterable[Metric]) -> View:
    """Make a view; an empty label value is the same as no label, as Prometheus has it."""
    seen = View()
    for family in families:
        for sample in family.samples:
            labels = frozenset((k, v) for k, v in sample.labels.items() if v != "")
            seen.values[(sample.name, labels)] = sample.value
            seen.types[sample.name] = family.type
    return seen


def disagreements(before: View, theirs: View, after: View) -> set[str]:
    """Return a sentence for each series that both have and that differs.

    ``theirs`` was read after ``before`` and before ``after``: a counter must lie between the two, and
    a gauge too, or be within 2 % of one.
    """
    found = set()
    readonly = _readonly_mounts()
    for (name, labels), value in theirs.values.items():
        if not name.startswith("node_") or OWN.fullmatch(name):
            continue
        first, last = before.values.get((name, labels)), after.values.get((name, labels))
        if first is None or last is None:
            continue
        low, high = min(first, last), max(first, last)
        if theirs.types[name] != "counter":
            low, high = low - 0.02 * abs(low) - 1e-9, high + 0.02 * abs(high) + 1e-9
        if name == "node_filesystem_readonly" and dict(labels)["mountpoint"] in readonly:
            value = 1.0  # node_exporter 1.11 says 0 for some; 1.5 and the kernel say 1
        slack = RESTLESS.get(name, 1e-6)
        if not low - slack <= value <= high + slack:
            found.add(f"{name}{dict(labels)}")
    return found


def agree_in_some_round(compare: Callable[[], set[str]]) -> None:
    """Compare until nothing is left that differed every time; fail with what is left.

    A figure that really differs differs every time; one that moved in between does not. On a machine
    with much to do many move, so that the number of rounds is not fixed.
    """
    remaining = compare()

    def nothing_remains() -> bool:
        remaining.intersection_update(compare() if remaining else set())
        assert set() == remaining
        return True

    eventually(nothing_remains, every=0.1)


def _readonly_mounts() -> set[str]:
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return {fields[1] for fields in lines if "ro" in fields[3].split(",")}


def different_label_sets(ours: View, theirs: View) -> set[str]:
    """Return the families that both have and whose label sets differ."""
    names = {n for n in ours.names & theirs.names if not n.startswith("node_scrape")}
    return {name for name in names if _known(ours, theirs, name) != theirs.labels(name)}


def _known(ours: View, theirs: View, name: str) -> set[frozenset[tuple[str, str]]]:
    newer = NEWER_LABELS.get(name, set())
    known = {key for labels in theirs.labels(name) for key, _ in labels}
    return {
        frozenset((k, v) for k, v in labels if k not in newer or k in known)
        for labels in ours.labels(name)
    }


def different_types(ours: View, theirs: View) -> set[str]:
    """Return the families that both have under different types."""
    return {name for name in ours.names & theirs.names if ours.types[name] != theirs.types[name]}


def documented_as_left_out() -> list[str]:
    """Return the families, or starts of families, that docs/collectors.md says we leave out."""
    page = Path(__file__).parents[3] / "docs" / "collectors.md"
    section = page.read_text().partition("### Left out")[2].partition("\n#")[0]
    return LEFT_OUT.findall(section)
