"""A second Alertmanager for the length of a test: the same image, user, secrets and networks as the one that runs.

So nothing of the live one is touched: no silence, no group, no notification log. It keeps what it
knows in memory, is found by no other part, and publishes no port.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tools.stack.compose import Part
from tools.stack.console import StackError, last_lines, run

API = "http://127.0.0.1:9093"
START_SECONDS = 60.0
_AS_JSON = (
    "import json, sys, yaml; "
    "print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8')), default=str))"
)
_HARDENING = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@dataclass(frozen=True)
class Live:
    """The Alertmanager that runs.

    Attributes:
        part: its container, as Compose sees it.
        facts: what `docker inspect` says of it.
    """

    part: Part
    facts: Mapping[str, Any]

    def flag(self, name: str) -> str:
        """Return what a flag of its command line is set to; empty where it is not."""
        words: Sequence[str] = self.facts["Config"]["Cmd"] or ()
        found = [word.partition("=")[2] for word in words if word.startswith(f"--{name}=")]
        return found[-1] if found else ""

    def mounts(self) -> list[str]:
        """Return its mounts for a second container: to read only, and without its own data."""
        return [
            f"--mount=type={mount['Type']},src={_source(mount)},dst={mount['Destination']},readonly"
            for mount in self.facts["Mounts"]
            if mount["Type"] in {"volume", "bind"}
            and mount["Destination"] != self.flag("storage.path")
        ]

    def configuration(self, image: str) -> Mapping[str, Any]:
        """Return the configuration that it was started with or last told to read.

        Args:
            image: one with Python and PyYAML, which need not be on this machine itself.
        """
        command = ["docker", "run", "--rm", "--network=none", *_HARDENING, *self.mounts()]
        command += [f"--user={self.facts['Config']['User']}", "--log-driver=none"]
        command += ["--entrypoint=python", image, "-c", _AS_JSON, self.flag("config.file")]
        done = run(command, timeout=120)
        if done.returncode:
            raise StackError(
                f"Alertmanager's configuration cannot be read:\n{last_lines(done.stderr)}"
            )
        read: Mapping[str, Any] = json.loads(done.stdout)
        return read


def _source(mount: Mapping[str, Any]) -> str:
    return str(mount["Name"] if mount["Type"] == "volume" else mount["Source"])


def live(part: Part) -> Live:
    """Look at the Alertmanager that runs in a container."""
    return Live(part, facts(part.id))


def facts(container: str) -> Mapping[str, Any]:
    """Return what `docker inspect` says of a container. Raises StackError."""
    done = run(["docker", "inspect", container], timeout=60)
    if done.returncode:
        raise StackError(f"the container has gone: {done.stderr.strip()}")
    found: Mapping[str, Any] = json.loads(done.stdout)[0]
    return found


@dataclass
class Trial:
    """The second Alertmanager, while it runs.

    Attributes:
        container: name of its container.
        lines: what it writes; None at the end.
        seen: the last lines, for an error message.
    """

    container: str
    lines: queue.Queue[str | None] = field(default_factory=queue.Queue)
    seen: list[str] = field(default_factory=list)

    def next_line(self, seconds: float) -> str | None:
        """Return the next line of its log, or None when none came within that time.

        Raises:
            StackError: it has ended.
        """
        try:
            line = self.lines.get(timeout=max(seconds, 0.01))
        except queue.Empty:
            return None
        if line is None:
            text = last_lines("\n".join(self.seen), 4)
            raise StackError(f"the Alertmanager of the test ended; its last lines:\n{text}")
        self.seen = [*self.seen[-20:], line]
        return line

    def post(self, labels: Mapping[str, str], notes: Mapping[str, str], *more: str) -> None:
        """Post an alert, from inside its container; waits until it answers."""
        command = ["docker", "exec", self.container, "amtool", f"--alertmanager.url={API}"]
        command += ["alert", "add", *more, *(f"--annotation={n}={t}" for n, t in notes.items())]
        command += [f"{name}={text}" for name, text in labels.items()]
        deadline = time.monotonic() + START_SECONDS
        while (done := run(command, timeout=30)).returncode:
            if time.monotonic() > deadline:
                raise StackError(
                    f"the alert could not be posted:\n{last_lines(done.stderr or done.stdout)}"
                )
            time.sleep(0.2)

    def wait_until_it_listens(self) -> None:
        """Wait for the first word of its API. Raises StackError."""
        deadline = time.monotonic() + START_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if "Listening on" in (self.next_line(left) or ""):
                return
        raise StackError(f"the Alertmanager of the test did not start in {START_SECONDS:.0f} s")


@contextmanager
def trial(found: Live, project: str, configuration: Mapping[str, Any]) -> Iterator[Trial]:
    """Run a second Alertmanager while the body runs, and leave nothing of it.

    Args:
        found: the one that it is like.
        project: of Compose; `make down` finds the container by it, should we be killed.
        configuration: what it reads, handed over by a pipe.

    Raises:
        StackError: it cannot be made.
    """
    trial = Trial(f"{project}-test-alert-{os.getpid()}")
    client: subprocess.Popen[str] | None = None
    try:
        _create(trial.container, found, project)
        client = subprocess.Popen(
            ["docker", "start", "--attach", "--interactive", trial.container],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=_listen, args=(client, trial), daemon=True).start()
        _hand_over(client, configuration)
        trial.wait_until_it_listens()
        yield trial
    finally:
        run(["docker", "rm", "--force", trial.container], timeout=60)
        if client is not None:
            client.terminate()
            client.wait(timeout=30)


def _create(name: str, found: Live, project: str) -> None:
    first, *others = found.facts["NetworkSettings"]["Networks"]
    config, host = found.facts["Config"], found.facts["HostConfig"]
    command = ["docker", "create", "--interactive", f"--name={name}", f"--network={first}"]
    command += [*_HARDENING, "--pids-limit=128", "--memory=256m", "--log-driver=none"]
    # In memory, where the live one has its data: the image would have a volume made there.
    storage = found.flag("storage.path")
    command += [f"--tmpfs={storage}:size=16m,mode=1777", f"--user={config['User']}"]
    command += found.mounts()
    for label in (f"project={project}", "service=test-alert", "oneoff=True"):
        command.append(f"--label=com.docker.compose.{label}")
    command += [f"--env={text}" for text in config["Env"] or ()]
    command += [f"--add-host={text}" for text in host["ExtraHosts"] or ()]
    command += [found.facts["Image"], "--config.file=/dev/stdin", f"--storage.path={storage}"]
    command += ["--cluster.listen-address=", "--log.level=debug", "--log.format=json"]
    command += [f"--web.external-url={found.flag('web.external-url')}", "--web.route-prefix=/"]
    steps = [command, *(["docker", "network", "connect", other, name] for other in others)]
    for step in steps:
        if (done := run(step, timeout=120)).returncode:
            raise StackError(
                f"the Alertmanager of the test cannot be made:\n{last_lines(done.stderr)}"
            )


def _hand_over(client: subprocess.Popen[str], configuration: Mapping[str, Any]) -> None:
    try:
        if client.stdin:
            with client.stdin as pipe:
                # JSON is YAML, as long as no character is written as two halves.
                json.dump(configuration, pipe, ensure_ascii=False)
    except BrokenPipeError:
        return  # it has ended, and its log says why


def _listen(client: subprocess.Popen[str], trial: Trial) -> None:
    for line in client.stdout or ():
        trial.lines.put(line)
    trial.lines.put(None)
