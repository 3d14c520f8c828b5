"""What was left out: counted, and remembered while it lasts."""

from __future__ import annotations

from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import RejectedFamily
from services.metrics.store.rejections import MAX_AGENTS, Rejections

FAMILY = RejectedFamily("x", "label", "too long")


def target(name: str, process: str = "1") -> object:
    return parse_path(f"/metrics/job/j/agent/{name}/incarnation/{process}")


def test_it_is_counted_for_each_push_and_forgotten_when_it_ends() -> None:
    found = Rejections()
    for families in ((FAMILY,), (FAMILY, RejectedFamily("y", "type", "odd")), ()):
        found.note(target("A"), families)  # type: ignore[arg-type]
    assert ({"label": 2, "type": 1}, []) == (found.counts, found.current())
    found.note(target("A"), (FAMILY,))  # type: ignore[arg-type]
    found.forget(target("A"))  # type: ignore[arg-type]
    assert [] == found.current()


def test_processes_of_one_agent_are_one_entry() -> None:
    found = Rejections()
    for process in "12":
        found.note(target("A", process), (FAMILY,))  # type: ignore[arg-type]
    (entry,) = found.current()
    assert ((("agent", "A"), ("job", "j")), (FAMILY,)) == entry


def test_only_so_many_are_remembered() -> None:
    found = Rejections()
    for number in range(MAX_AGENTS + 5):
        found.note(target(str(number)), (FAMILY,))  # type: ignore[arg-type]
    assert MAX_AGENTS == len(found.current())
    assert MAX_AGENTS + 5 == found.counts["label"]
