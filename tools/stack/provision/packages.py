"""Debian and Ubuntu packages: may we install, and how."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.stack.console import StackError, last_lines, run, say, step, watch

KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)
_updated = False


def distribution(os_release: str = "/etc/os-release") -> Mapping[str, str]:
    """Return the fields of os-release (`ID`, `VERSION_ID`, ...); empty where there is no such file."""
    try:
        text = Path(os_release).read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, _, value in pairs}


def is_debian_like() -> bool:
    """Tell whether this is Debian or Ubuntu with apt on the path."""
    return distribution().get("ID") in {"debian", "ubuntu"} and shutil.which("apt-get") is not None


def may_install() -> tuple[bool, str]:
    """Tell whether we may install packages, and if not, why not."""
    if os.environ.get("INSTALL", "1") in {"0", "no", "false"}:
        return False, "INSTALL=0 forbids installing it"
    if not is_debian_like():
        return False, "only on Debian and Ubuntu can it be installed from here"
    if os.geteuid() != 0:
        return False, "installing it needs root"
    return True, ""


def require(what: str, why: str, by_hand: str) -> None:
    """Name a missing part and stop, unless it may be installed.

    Args:
        what: the part, for example "Docker engine".
        why: what it is needed for.
        by_hand: the one instruction for someone who installs it.

    Raises:
        StackError: when nothing may be installed here; one line that says what to install.
    """
    allowed, reason = may_install()
    if not allowed:
        raise StackError(f"{what} is missing ({why}), and {reason}: {by_hand}")
    say(f"  Missing: {what}. {why[0].upper()}{why[1:]}. Installing it (INSTALL=0 forbids this).")


def install(*names: str) -> None:
    """Install packages with apt, without questions and without starting what we do not need.

    Raises:
        StackError: with apt's last lines when it fails.
    """
    global _updated
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if not _updated:
        with step("Refreshing the package lists"):
            _apt(["apt-get", "update", "-q"], env)
        _updated = True
    with step(f"Installing {', '.join(names)}"):
        _apt(["apt-get", "install", "-q", "-y", "--no-install-recommends", *names], env)


def _apt(command: list[str], env: Mapping[str, str]) -> None:
    code, output = watch(command, env=env, silence=600, show=_tells_progress)
    if code:
        raise StackError(f"`{' '.join(command)}` failed:\n{last_lines(output)}")


def _tells_progress(line: str) -> bool:
    return line.startswith(("Setting up", "E:", "Err:"))


def available(name: str) -> bool:
    """Tell whether apt knows a package of that name that can be installed."""
    result = run(["apt-cache", "policy", name])
    return bool(re.search(r"Candidate: (?!\(none\))", result.stdout))


def download(suite: str, names: tuple[str, ...], folder: Path) -> list[Path]:
    """Download packages of another Debian suite without touching this machine's own package lists.

    Args:
        suite: for example "testing".
        names: packages.
        folder: where the .deb files are put.

    Returns:
        The downloaded files, in the order of `names`.

    Raises:
        StackError: when the suite or a package cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="dreamos-apt-") as state:
        options = _separate_state(Path(state), suite)
        with step(f"Looking {' and '.join(names)} up in Debian {suite}"):
            _apt(["apt-get", *options, "update", "-q"], os.environ)
            for name in names:
                command = ["apt-get", *options, "download", "-q", name]
                result = run(command, cwd=str(folder), timeout=900)
                if result.returncode:
                    raise StackError(
                        f"Debian {suite} gave no {name}:\n{last_lines(result.stdout + result.stderr)}"
                    )
    return [next(folder.glob(f"{name}_*.deb")) for name in names]


def _separate_state(state: Path, suite: str) -> list[str]:
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    keyring = next((path for path in KEYRINGS if Path(path).exists()), None)
    signed = f"[signed-by={keyring}] " if keyring else ""
    sources = state / "sources.list"
    sources.write_text(f"deb {signed}{debian_mirror()} {suite} main\n", encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": str(state / "lists"),
        "Dir::Cache": str(state / "cache"),
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def debian_mirror(root: Path = Path("/etc/apt")) -> str:
    """Return the address of the Debian archive that this machine already uses.

    Raises:
        StackError: when apt's sources name none.
    """
    for uri, suites in _sources(root):
        plain = [suite for suite in suites if re.fullmatch(r"[a-z]+", suite)]
        if uri.rstrip("/").endswith("/debian") and plain:
            return uri
    raise StackError("apt's sources name no Debian archive (looked in /etc/apt/sources.list*)")


def _sources(root: Path) -> Iterator[tuple[str, list[str]]]:
    for path in [root / "sources.list", *sorted((root / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from _deb822(text) if path.suffix == ".sources" else _one_line(text)


def _deb822(text: str) -> Iterator[tuple[str, list[str]]]:
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = {
            key.strip().lower(): value.split()
            for key, _, value in (li.partition(":") for li in lines)
        }
        if "deb" in fields.get("types", []):
            for uri in fields.get("uris", []):
                yield uri, fields.get("suites", [])


def _one_line(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)", line.strip())
        if match:
            yield match[1], [match[2]]
