"""What is checked before anything is touched: the settings, the secrets and the ports."""

from __future__ import annotations

import errno
import re
import shutil
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from tools.render import foreign, secrets, variables

from .compose import ROOT
from .console import StackError, run, say
from .credentials import FOLDERS, belongs_to_user
from .settings import PORTS, Settings, read

OVERRIDES = ("docker-compose.override.yml", "docker-compose.override.yaml")


def settings(path: Path, example: Path) -> Settings:
    """Read and check the settings; the first time, put the commented example where the file belongs.

    Args:
        path: the env file.
        example: what it starts from.

    Raises:
        StackError: with a line for each wrong setting: its name, what is wrong, an example of what is right.
    """
    if not path.exists():
        try:
            shutil.copyfile(example, path)
        except OSError as error:
            raise StackError(f"{path} cannot be written ({error.strerror})") from None
        belongs_to_user(path)
        say(f"  {path.name} written from {example.name}: every setting at its default")
    found = read(path)
    problems = [
        str(problem)
        for problem in variables.check({**found.others, **found.values}, _mentioned(found.others))
    ]
    problems += [*_missing_paths(found), *_wrong_secrets_folder(found), *_wrong_certificates(found)]
    if problems:
        lines = "\n".join(f"    {problem}" for problem in problems)
        raise StackError(f"{path} cannot be used as it is:\n{lines}")
    return found


def _wrong_secrets_folder(found: Settings) -> list[str]:
    # Its mode becomes 700 and its owner the containers' user: never do that to somebody's home.
    folder = found.secrets_folder()
    if folder.is_dir():
        others = {path.name for path in folder.iterdir()} - set(FOLDERS)
        wrong = "holds other things" if others and not (folder / "push").is_dir() else ""
    else:
        wrong = "is no folder" if folder.exists() else ""
    if folder in {ROOT, *ROOT.parents, Path.home(), *Path.home().parents}:
        wrong = "is not for secrets alone"
    example = "for example SECRETS_DIR=./secrets"
    return [f"SECRETS_DIR: {folder} {wrong}; {example}"] if wrong else []


def _wrong_certificates(found: Settings) -> list[str]:
    path = found.path("ALERT_CA_FILE")
    if path is None or not path.is_file():
        return []  # a missing file is told by its name already
    try:
        ssl.create_default_context().load_verify_locations(cafile=str(path))
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror
        example = variables.BY_NAME["ALERT_CA_FILE"].example
        return [
            f"ALERT_CA_FILE: {path} holds no certificates in PEM ({reason}); "
            f"for example ALERT_CA_FILE={example}"
        ]
    return []


def _mentioned(others: Mapping[str, str]) -> set[str]:
    """Return the names that the user's own additions to docker-compose.yml use."""
    texts = [
        path.read_text(errors="replace") for name in OVERRIDES if (path := ROOT / name).exists()
    ]
    words = set(re.findall(r"\w+", "\n".join(texts)))
    return words & others.keys()


def _missing_paths(found: Settings) -> list[str]:
    # Docker would make an empty folder in the place of a path that does not exist.
    problems = []
    for name, kind, there in (
        ("WORKSPACE_DIR", "folder", Path.is_dir),
        ("OBSERVED_DIR", "folder", Path.is_dir),
        ("PROBES_FILE", "file", Path.is_file),
        ("ALERT_CA_FILE", "file", Path.is_file),
    ):
        text = found[name]
        if text and not there(found.path(name) or ROOT):
            example = variables.BY_NAME[name].example
            problems.append(f"{name}: there is no {kind} {text!r}; for example {name}={example}")
    return problems


def check_secrets(settings: Settings) -> None:
    """Refuse secret files that hold something else than they should, or have a wrong name.

    Raises:
        StackError: with a line for each; never with a secret.
    """
    folder = settings.secrets_folder()
    _, problems = secrets.read(folder, settings.values)
    if problems:
        lines = "\n".join(f"    {problem}" for problem in problems)
        raise StackError(f"{folder}/alertmanager cannot be used as it is:\n{lines}")


def warnings(settings: Settings) -> list[str]:
    """Return what is allowed but should be known."""
    notes = []
    address = settings["BIND_ADDRESS"]
    if not (address.startswith("127.") or address == "::1"):
        notes.append(
            f"BIND_ADDRESS={address} opens Prometheus and Alertmanager, which ask for no password, "
            "to other machines; put a proxy with TLS and log-in in front, or keep 127.0.0.1."
        )
    places: dict[str, list[str]] = {}
    for name in sorted(settings.others):
        places.setdefault(foreign.place(name), []).append(name)
    nobody = [name for name in places.pop("", []) if name not in _mentioned(settings.others)]
    if passed := "; ".join(f"{', '.join(names)} to {where}" for where, names in places.items()):
        notes.append(f"passed on from {settings.file.name}: {passed}.")
    if nobody:
        notes.append(f"in {settings.file.name}, read by no part of the stack: {', '.join(nobody)}.")
    return notes


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
        if port in ours.values() or not _in_use(address, port):
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
