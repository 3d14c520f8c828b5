"""``python -m benchmarks.service``: what the service costs, beside the Pushgateway if it is there.

Pushes are measured as samples taken per second of the server's own CPU time, so that the senders'
cost does not count. Figures of a machine that does other things at the same time are too low for
all; the ratios hold.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from benchmarks.service.crowd import Crowd, raise_file_limit
from benchmarks.service.crowd import measure as measure_crowd
from benchmarks.service.peers import gateway, ours, pushgateway
from benchmarks.service.scrapes import (
    ACCEPT,
    AGENTS,
    SAMPLES,
    Agents,
    Costs,
    Scraper,
    Waits,
    bad,
    churn,
    costs,
    flood,
    waits,
)
from benchmarks.service.senders import Load, measure


def pushes(seconds: float) -> None:
    """Print how many samples the service and its peer take per CPU second."""
    rates: dict[tuple[str, int], float] = {}
    for samples in (1_000, 50):
        for form in ("text", "compact"):
            with ours() as peer:
                load = Load(samples, form, incarnation=True, seconds=seconds)
                rates[form, samples] = measure(peer, load)
        for check in (True, False) if pushgateway() else ():
            with gateway(check) as peer:
                load = Load(samples, "text", incarnation=False, seconds=seconds)
                rates[peer.name, samples] = measure(peer, load)
    print("Samples taken per second of the server's CPU time, 32 senders, every value changes:\n")
    print("| push | 1,000 samples | 50 samples |")
    print("|---|---:|---:|")
    names = list(dict.fromkeys(name for name, _ in rates))
    for name in names:
        print(f"| {name} | {rates[name, 1_000]:,.0f} | {rates[name, 50]:,.0f} |")
    for form in ("text", "compact"):
        for peer_name in names[2:]:
            ratios = [rates[form, n] / rates[peer_name, n] for n in (1_000, 50)]
            print(f"| {form} / {peer_name} | {ratios[0]:,.1f} | {ratios[1]:,.1f} |")


def scrapes() -> None:
    """Print what a scrape of 100,000 series costs, and what it depends on."""
    print(f"\nCPU of a scrape of {AGENTS * SAMPLES:,} series in {AGENTS} agents, in ms:\n")
    print("| format | every value changed | 1 % changed | 1 % changed, and a new series |")
    print("|---|---:|---:|---:|")
    with ours() as peer:
        agents = Agents(peer)
        for form in ACCEPT:
            found = costs(peer, agents, form)
            _row(form, found)
        memory = peer.memory() / 2**20
        before = costs(peer, agents, "protobuf")
        agents.end(5, 2_000)
        after = costs(peer, agents, "protobuf")
    with ours() as peer:
        agents = Agents(peer)
        agents.push_all()
        Scraper(peer).scrape("protobuf")
        lean = peer.memory() / 2**20
    if pushgateway():
        with gateway(check=False) as peer:
            agents = Agents(peer, incarnation=False)
            found = costs(peer, agents, "protobuf", rounds=3)
            _row("pushgateway, protobuf", found)
    print(f"\nResident memory: {lean:.0f} MB after a scrape, {memory:.0f} MB after all formats.")
    print(f"With 2,000 more ended processes: {before.everything:.1f} -> {after.everything:.1f} ms.")


def _row(name: str, found: Costs) -> None:
    print(f"| {name} | {found.everything:.1f} | {found.one_percent:.1f} | {found.new_series:.1f} |")


def waiting() -> None:
    """Print how long pushes and scrapes wait for each other, and for a bad agent."""
    with ours(()) as peer:
        agents = Agents(peer)
        agents.push_all()
        _show("all the time beside the other", waits(peer, agents))
        _show("beside an agent that pushes a million series", bad(peer, agents, flood))
        _show("beside an agent whose series are new each time", bad(peer, agents, churn))


def crowd(part: float) -> None:
    """Print how long others wait beside a crowd, and what it costs.

    Args:
        part: of the crowd, 1.0 for all of it; a small machine cannot make more.
    """
    raise_file_limit()
    whole = Crowd()
    some = replace(
        whole,
        pushing=round(whole.pushing * part),
        idle=round(whole.idle * part),
        slow=round(whole.slow * part),
    )
    with ours(("--threads", "16")) as peer:
        memory = peer.memory()
        found = measure_crowd(peer, some)
    _show(
        f"beside {some.pushing:,} that push, {some.idle:,} idle, {some.slow:,} slow, and an agent "
        "with a million series",
        found.waits,
    )
    waits = found.waits
    for name, before, after in (
        ("push", waits.push_alone, waits.push_beside),
        ("scrape", waits.scrape_alone, waits.scrape_beside),
    ):
        print(f"{name}: {after.median / before.median:.1f} times ({after.most / before.most:.1f})")
    print(f"Connections: {found.connections:,}; closed by the service: {found.closed}.")
    print(f"Pushes taken: {found.pushes:,.0f} a second, with {found.cores:.2f} processors.")
    print(f"Resident: {memory / 2**20:.0f} MB at the start, {found.memory / 2**20:.0f} MB beside.")


def _show(what: str, found: Waits) -> None:
    print(f"\nTime of one in ms, median (95 of 100 stay below), alone and {what}:")
    for name, alone, beside in (
        ("push", found.push_alone, found.push_beside),
        ("scrape", found.scrape_alone, found.scrape_beside),
    ):
        print(f"{name} {alone.median:.1f} ({alone.most:.1f}) -> ", end="")
        print(f"{beside.median:.1f} ({beside.most:.1f})")


def main() -> None:
    """Run everything, or the parts that are named."""
    parts: dict[str, Callable[[], None]] = {
        "pushes": lambda: pushes(arguments.seconds),
        "scrapes": scrapes,
        "waits": waiting,
        "crowd": lambda: crowd(arguments.crowd),
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *parts], help="default: all")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load (default 4)")
    parser.add_argument("--crowd", type=float, default=1.0, help="part of it (default: 1)")
    arguments = parser.parse_args()
    if not pushgateway():
        print("The Pushgateway is not installed (Debian: prometheus-pushgateway); ours alone.\n")
    for name, run in parts.items():
        if arguments.parts and name not in arguments.parts:
            continue
        run()


if __name__ == "__main__":
    main()
