"""`make test-alert`: a marked alert through every configured receiver, and what became of each."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from tools.render import secrets
from tools.stack.compose import Compose, Part
from tools.stack.console import StackError, say
from tools.stack.settings import Settings

from .journal import Journal
from .targets import ALERT, Target, choose, find, trial_configuration
from .trial import Trial, facts, live, trial

PATIENCE_SECONDS = 20.0
"""From the alert to the last answer. Alertmanager itself gives up after ten."""

EXAMPLES = """
examples:
  make test-alert                                every receiver
  make test-alert RECEIVER=slack                 one, by the name that the report gives it
  make test-alert RECEIVER=email,watchdog        some
  make test-alert RECEIVER=critical              all that are told of critical alerts
  python3 -m tools.stack test-alert --within 60 email

Ends with 0 when all took it, 1 when one did not or nothing could be tested, 130 after Ctrl-C.
"""

_WITH_YAML = ("secrets", "metrics", "observer")
_LABELS = {"alertname": ALERT, "severity": "info", "job": "test-alert"}
_NOTES = {
    "summary": "TEST: this is only a test, nothing is wrong",
    "description": "TEST: sent by `make test-alert` to see whether messages arrive. Nothing has to be done.",
    "impact": "TEST: none.",
}


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and examples to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("receivers", nargs="*", metavar="RECEIVER", help="name; all when left out")
    parser.add_argument(
        "--within",
        type=_seconds,
        default=PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long to wait for answers [%(default).0f]",
    )


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or not 1 <= float(text) <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 600")
    return float(text)


def send_test_alert(
    compose: Compose, settings: Settings, wanted: Sequence[str], within: float = PATIENCE_SECONDS
) -> None:
    """Send a test alert through receivers of the running stack and print what became of each.

    Args:
        compose: the stack.
        settings: of it.
        wanted: names of receivers; all when empty.
        within: seconds from the alert to the last answer.

    Raises:
        StackError: the stack does not run, no receiver is meant, or one did not take the alert.
    """
    parts = compose.parts()
    found = live(_running(parts, "alertmanager"))
    reader = facts(_running(parts, *_WITH_YAML).id)["Image"]
    configuration = found.configuration(reader)
    names = " ".join(wanted).replace(",", " ").split()
    targets = choose(find(configuration), names)
    say(f"Sending a test alert to {', '.join(target.name for target in targets)} ...")
    journal = Journal(frozenset(t.name for t in targets), _contents(settings.secrets_folder()))
    with trial(found, compose.project, trial_configuration(configuration, targets)) as running:
        labels = {**_LABELS, "stack": settings["STACK_NAME"]}
        running.post(labels, _NOTES)
        began = time.monotonic()
        _follow(running, journal, targets, began, within)
        _close(running, journal, targets, labels, began + within)
    failed = [name for name, outcome in journal.outcomes.items() if not outcome.delivered]
    if failed:
        raise StackError(
            f"{len(failed)} of {len(targets)} failed: {', '.join(sorted(failed))}; "
            "docs/alerting.md has how each is set up, and `make up` takes a change over"
        )
    say(f"\nAll delivered ({len(targets)}).")


def _running(parts: dict[str, Part], *services: str) -> Part:
    for name in services:
        if name in parts and parts[name].state == "running":
            return parts[name]
    raise StackError(
        f"the stack is not running (no {services[0]}), so nothing can be sent: `make up` starts it"
    )


def _contents(folder: Path) -> list[str]:
    read = (secrets.content(folder / "alertmanager" / name) for name in secrets.KIND_OF)
    return [text for text, _ in read if text]


def _follow(
    running: Trial, journal: Journal, targets: Sequence[Target], began: float, within: float
) -> None:
    shown: set[str] = set()
    while not journal.complete:
        left = began + within - time.monotonic()
        if left <= 0:
            journal.give_up(within)
        elif line := running.next_line(left):
            journal.read(line)
        for target in targets:
            if target.name in journal.outcomes and target.name not in shown:
                shown.add(target.name)
                _show(target, journal, time.monotonic() - began)


def _show(target: Target, journal: Journal, seconds: float) -> None:
    outcome = journal.outcomes[target.name]
    told = f"delivered after {seconds:.1f} s" if outcome.delivered else f"FAILED: {outcome.reason}"
    say(f"  {target.name:14} {told}")


def _close(
    running: Trial,
    journal: Journal,
    targets: Sequence[Target],
    labels: dict[str, str],
    deadline: float,
) -> None:
    """End the test where something stays open until it is told of the end."""
    opened = {t.name for t in targets if t.keeps_open and journal.outcomes[t.name].delivered}
    if not opened:
        return
    say(f"  Closing what the test opened at {', '.join(sorted(opened))} ...")
    running.post(labels, _NOTES, f"--end={datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}")
    # Alertmanager tells of it with the next flush of the group.
    while any(journal.successes[name] < 2 for name in opened) and time.monotonic() < deadline:
        if line := running.next_line(deadline - time.monotonic()):
            journal.read(line)
    for name in sorted(name for name in opened if journal.successes[name] < 2):
        say(f"  {name:14} was not told that the test is over: close its incident by hand")
