"""What is checked before anything is touched: the settings and the ports."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.render import variables

from .compose import ROOT
from .console import StackError, run, say

PORTS: Mapping[str, str] = {
    "metrics": "METRICS_PORT",
    "prometheus": "PROMETHEUS_PORT",
    "alertmanager": "ALERTMANAGER_PORT",
    "grafana": "GRAFANA_PORT",
}
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


@dataclass(frozen=True)
class Settings:
    """The settings of one stack.

    Attributes:
        file: the env file they come from.
        values: what the file and, over it, this process's environment say.
    """

    file: Path
    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """Return a setting, or its default."""
        return variables.value(self.values, name)

    def links(self) -> dict[str, str]:
        """Return the addresses that people open, by variable (`GRAFANA_URL`, ...)."""
        return variables.links(self.values)


def read_env(path: Path) -> dict[str, str]:
    """Read a file of `NAME=value` lines, as Compose does: comments, quotes and `export` are allowed.

    Raises:
        StackError: with the line number of the first line that is none of these.
    """
    values: dict[str, str] = {}
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise StackError(
                f"{path}, line {number}: {line!r} is not a setting; write NAME=value, for example METRICS_PORT=8000"
            )
        values[match[1]] = _unquote(match[2])
    return values


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()


def settings(path: Path, example: Path) -> Settings:
    """Read and check the settings; the first time, put the commented example where the file belongs.

    Args:
        path: the env file.
        example: what it starts from.

    Raises:
        StackError: with a line for each wrong setting: its name, what is wrong, an example of what is right.
    """
    if not path.exists():
        shutil.copyfile(example, path)
        say(f"  {path.name} written from {example.name}: every setting at its default")
    written = read_env(path)
    values = {**written, **variables.known(os.environ)}
    problems = [str(problem) for problem in variables.check(values)] + _missing_paths(values)
    if problems:
        lines = "\n".join(f"    {problem}" for problem in problems)
        raise StackError(f"{path} cannot be used as it is:\n{lines}")
    return Settings(path, values)


def _missing_paths(values: Mapping[str, str]) -> list[str]:
    # Docker would make an empty folder in the place of a path that does not exist.
    problems = []
    for name, kind, there in (
        ("WORKSPACE_DIR", "folder", Path.is_dir),
        ("OBSERVED_DIR", "folder", Path.is_dir),
        ("PROBES_FILE", "file", Path.is_file),
    ):
        text = variables.value(values, name)
        if text and not there(ROOT / text):
            example = variables.BY_NAME[name].example
            problems.append(f"{name}: there is no {kind} {text!r}; for example {name}={example}")
    return problems


def enabled(settings: Settings, name: str) -> bool:
    """Tell whether a setting that is a flag is switched on."""
    return variables.flag(settings.values, name)


def warnings(settings: Settings) -> list[str]:
    """Return what is allowed but should be known."""
    address = settings["BIND_ADDRESS"]
    if address.startswith("127.") or address in {"::1", "localhost"}:
        return []
    return [
        f"BIND_ADDRESS={address} opens Prometheus and Alertmanager, which ask for no password, to other "
        "machines; put a proxy with TLS and log-in in front, or keep 127.0.0.1."
    ]


def check_ports(settings: Settings, ours: Mapping[str, int]) -> None:
    """Make sure that every port can be opened.

    Args:
        settings: address and ports.
        ours: ports that containers of this very stack have open now, by service.

    Raises:
        StackError: naming each port in use and the variable that moves it.
    """
    address = settings["BIND_ADDRESS"]
    taken = []
    for service, variable in PORTS.items():
        port = int(settings[variable])
        if ours.get(service) == port or not _in_use(address, port):
            continue
        taken.append(
            f"    port {port} on {address} ({service}) is in use{_by(port)}; "
            f"move ours with {variable}, for example {variable}={port + 10000 if port < 50000 else port - 1}"
        )
    if taken:
        raise StackError(
            f"some ports are taken; set other ones in {settings.file}:\n" + "\n".join(taken)
        )


def _in_use(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise StackError(
                f"BIND_ADDRESS: {address} port {port} cannot be opened ({error.strerror}); "
                "for example BIND_ADDRESS=127.0.0.1"
            ) from None
    return False


def _by(port: int) -> str:
    listing = run(["ss", "-Hltnp", f"sport = :{port}"]).stdout
    match = re.search(r'\(\("([^"]+)",pid=(\d+)', listing)
    return f" by {match[1]} (pid {match[2]})" if match else ""
