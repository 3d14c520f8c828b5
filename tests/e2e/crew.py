"""Agents at work: processes of examples/agent.py, with what each one says that it did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.stack import ROOT, Stack


@dataclass
class Member:
    """One process of one agent."""

    agent: str
    process: subprocess.Popen[str]
    report: Path
    output: Path
    killed: bool = False

    def counts(self) -> Counter[str]:
        """Return what the process did, as of its last complete report."""
        if not self.report.exists():
            return Counter()
        lines = [line for line in self.report.read_text().splitlines() if line.endswith("}")]
        return Counter(json.loads(lines[-1])["counts"]) if lines else Counter()

    def end(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Stop the process: SIGTERM lets it say goodbye, SIGKILL does not."""
        self.killed = signum == signal.SIGKILL
        if self.process.poll() is None:
            self.process.send_signal(signum)
        self.process.wait(timeout=60)


@dataclass
class Crew:
    """All processes that ever ran against one stack, and the folder where they work."""

    stack: Stack
    folder: Path
    members: list[Member] = field(default_factory=list)

    def hire(self, agent: str, **options: object) -> Member:
        """Start a process of an agent.

        Args:
            agent: its name; several processes may share it.
            options: long options of examples/agent.py, with underscores.
        """
        number = len(self.members)
        place = self.folder / f"{agent}-{number}"
        place.mkdir()
        command = [sys.executable, str(ROOT / "examples" / "agent.py"), "--agent", agent]
        command += ["--workdir", str(place / "work"), "--report", str(place / "report.jsonl")]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        (place / "work").mkdir()
        with (place / "output.txt").open("w") as output:
            process = subprocess.Popen(
                command, env=self.environment(), text=True, stdout=output, stderr=output, cwd=place
            )
        member = Member(agent, process, place / "report.jsonl", place / "output.txt")
        self.members.append(member)
        return member

    def environment(self) -> Mapping[str, str]:
        """Return what an agent's author sets: the address, the token, here also the spool."""
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "DREAMOS_METRICS_URL": self.stack.url("metrics"),
            "DREAMOS_METRICS_TOKEN_FILE": str(self.stack.secrets / "push" / "token"),
            "DREAMOS_METRICS_INTERVAL": "1",
            "DREAMOS_METRICS_SPOOL": str(self.folder / "spool"),
        }

    def did(self, metric: str, agent: str | None = None) -> int:
        """Return how often all processes, or those of one agent, did something."""
        chosen = [m for m in self.members if agent is None or m.agent == agent]
        return sum(member.counts()[metric] for member in chosen)

    def dismiss(self) -> None:
        """End every process that still runs, cleanly."""
        for member in self.members:
            if member.process.poll() is None:
                member.process.send_signal(signal.SIGTERM)
        for member in self.members:
            member.process.wait(timeout=60)
