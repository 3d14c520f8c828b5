"""Totals against a model: processes that push, vanish, are lost, return and end, and restarts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.service.store.service_store import Bench, counter, gauge, histogram

NAMES = ("a_total", "b_total", "c_total")
BOUNDS = ("0.1", "0.5", "1", "2.5", "10", "100")
OBSERVED = (0.05, 0.3, 0.7, 2.0, 5.0, 50.0, 500.0)


class Process:
    """What a process has counted: in the lives of each counter that are over, and in this one."""

    def __init__(self) -> None:
        self.sequence = 0
        self.over: dict[str, int] = {}
        self.now: dict[str, int] = {}

    def count(self, name: str, chance: random.Random) -> str:
        """Count on, or begin anew; return what is shown."""
        if chance.random() < 0.15 and self.now.get(name, 0) > 0:
            self.over[name] = self.over.get(name, 0) + self.now[name]
            self.now[name] = chance.randrange(self.now[name])
        else:
            self.now[name] = self.now.get(name, 0) + chance.randrange(5)
        return counter(name, self.now[name])

    def total(self, name: str) -> int:
        return self.over.get(name, 0) + self.now.get(name, 0)


def disturb(bench: Bench, what: str) -> None:
    """Let everybody fall silent, or the service end in one way or the other."""
    if what == "silence":
        bench.now += 11
        bench.store.sweep()
        return
    bench.scrape()
    bench.restart() if what == "restart" else bench.kill()


@pytest.mark.parametrize("seed", range(12))
def test_counters_are_counted_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    bench = Bench(tmp_path / "data", default_ttl=10.0)
    living: dict[str, Process] = {}
    ended: list[Process] = []
    for step in range(40):
        what = chance.choice(["push"] * 8 + ["final", "post", "new", "silence", "restart", "kill"])
        if what in ("silence", "restart", "kill"):
            disturb(bench, what)
        elif what == "new" or not living:
            living[str(step)] = Process()
        else:
            name = chance.choice(list(living))
            process = living[name]
            process.sequence += 1
            shown = [each for each in NAMES if chance.random() < 0.6]
            body = "".join(process.count(each, chance) for each in shown)
            bench.process(
                name,
                body + gauge("g", chance.randrange(9)),
                replace=what != "post",
                sequence=process.sequence,
                final=what == "final",
            )
            if what == "final":
                ended.append(living.pop(name))
        for each in NAMES:
            expected = sum(process.total(each) for process in (*living.values(), *ended))
            assert expected == (bench.value(each) or 0), f"{each} after step {step}, a {what}"
    bench.stop()


@pytest.mark.parametrize("seed", range(12))
def test_histograms_of_any_bounds_are_exact_in_count_and_never_fall(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    bench = Bench(tmp_path / "data", default_ttl=10.0)
    bounds: dict[str, list[str]] = {}
    seen: dict[str, list[float]] = {}
    sequence = 0
    before: dict[str, float] = {}
    for step in range(40):
        what = chance.choice(
            ["push"] * 6 + ["new", "final", "vanish", "silence", "restart", "kill"]
        )
        if what in ("silence", "restart", "kill"):
            disturb(bench, what)
        elif what == "new" or not bounds:
            chosen = chance.sample(BOUNDS, chance.randrange(len(BOUNDS)))
            bounds[str(step)] = sorted(chosen, key=float)
            seen[str(step)] = []
        else:
            name, sequence = chance.choice(list(bounds)), sequence + 1
            shows = what != "vanish"
            if shows:
                seen[name] += chance.choices(OBSERVED, k=chance.randrange(4))
            counts = {each: sum(v <= float(each) for v in seen[name]) for each in bounds[name]}
            body = histogram("h", {**counts, "+Inf": len(seen[name])}) if shows else gauge("g", 1)
            bench.process(name, body, sequence=sequence, final=what == "final")
            if what == "final":
                del bounds[name]
        shown = bench.buckets("h")
        everything = [value for values in seen.values() for value in values]
        assert sorted(shown, key=lambda pair: float(pair[0])) == shown
        assert sorted(count for _, count in shown) == [count for _, count in shown]
        for bound, count in shown:
            assert before.get(bound, 0) <= count <= sum(v <= float(bound) for v in everything)
        assert len(everything) == dict(shown).get("+Inf", 0) == (bench.value("h_count") or 0)
        before = dict(shown)
    bench.stop()
