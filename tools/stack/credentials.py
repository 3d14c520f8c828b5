"""Passwords and tokens: made once, mode 600, owned by the user that the secret keeper runs as."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from . import engine
from .console import StackError, say

# Under root the keeper runs as a user of its own, so that root's files stay root's.
KEEPER_USER = 10000
PART_USERS = range(10001, 10007)
"""Users of the parts; root's secrets belonged to the first of them once."""

GENERATED = ("push/token", "read/token", "observer/token", "grafana/admin_password")
FOLDERS = ("push", "read", "observer", "grafana", "alertmanager")


@dataclass(frozen=True)
class Owner:
    """User and group of what reads a person's own files, and its uid as this machine sees it.

    A bind-mounted secret keeps the owner and mode it has here, so a container can read a file of
    mode 600 only when it runs as its owner: the secret keeper does, which hands each part its own.
    """

    inside: int
    outside: int
    group: int

    def environment(self) -> dict[str, str]:
        """Return the variables that docker-compose.yml takes the user from."""
        return {"STACK_UID": str(self.inside), "STACK_GID": str(self.group)}


def owner(folder: Path) -> Owner:
    """Choose the user: anyone's secrets are that person's, root's belong to a user of their own.

    Where root works on a stack that is another's already (`sudo make up`), it stays that person's.

    Args:
        folder: the secrets, as they are now.
    """
    uid, gid = os.geteuid(), os.getegid()
    if engine.is_rootless():
        return Owner(inside=0, outside=uid, group=0)
    if uid != 0:
        return Owner(uid, uid, gid)
    if folder.is_dir() and (found := folder.stat()).st_uid != 0:
        if found.st_uid in PART_USERS:
            return Owner(KEEPER_USER, KEEPER_USER, KEEPER_USER)
        return Owner(found.st_uid, found.st_uid, found.st_gid)
    uid, gid = _person() or (KEEPER_USER, KEEPER_USER)
    return Owner(uid, uid, gid)


def belongs_to_user(*paths: Path) -> None:
    """Give what root made in a person's folder to that person: who typed `sudo`, else its owner."""
    for path in paths:
        folder = path.parent.stat()
        person = _person() or (folder.st_uid, folder.st_gid)
        if os.geteuid() == 0 and path.stat().st_uid == 0 != person[0]:
            os.chown(path, *person)


def _person() -> tuple[int, int] | None:
    """Return who typed `sudo`, or None where nobody did."""
    uid, gid = (os.environ.get(name, "") for name in ("SUDO_UID", "SUDO_GID"))
    if os.geteuid() != 0 or not (uid.isdecimal() and gid.isdecimal()) or uid == "0":
        return None
    return int(uid), int(gid)


def ensure(folder: Path, who: Owner) -> list[Path]:
    """Generate what is missing and check that every secret can be read by the keeper and by nobody else.

    Args:
        folder: where the secrets lie; made when missing.
        who: the user that must be able to read them.

    Returns:
        The files that were generated now.

    Raises:
        StackError: when a file belongs to somebody else and we may not change that.
    """
    made: list[Path] = []
    for path in (folder, *(folder / name for name in FOLDERS)):
        path.mkdir(parents=True, exist_ok=True)
        _settle(path, 0o700, who)
    for name in GENERATED:
        path = folder / name
        if not path.exists() or not path.read_text(encoding="utf-8").strip():
            _write_private(path, secrets.token_urlsafe(32) + "\n")
            made.append(path)
    for path in sorted(folder.glob("*/*")):
        if path.is_file():
            _settle(path, 0o600, who)
    for path in made:
        say(f"    generated {path}")
    return made


def check_readable(folder: Path) -> None:
    """Make sure that containers of other users can read what is mounted from the checkout.

    Raises:
        StackError: a file or folder is closed to others, as a umask of 077 makes it.
    """
    for path in (folder, *folder.rglob("*")):
        needed = 0o005 if path.is_dir() else 0o004
        if path.stat().st_mode & needed != needed:
            raise StackError(
                f"{path} is closed to other users, and the containers run as users of their own: "
                f"`chmod -R go+rX {folder}`"
            )


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _settle(path: Path, mode: int, who: Owner) -> None:
    found = path.stat()
    try:
        if found.st_uid != who.outside:
            os.chown(path, who.outside, who.group)
        if stat.S_IMODE(found.st_mode) != mode:
            path.chmod(mode)
    except PermissionError:
        raise StackError(
            f"{path} belongs to uid {found.st_uid}, so the secret keeper (uid {who.outside}) could not read it: "
            f"`sudo chown -R {who.outside}:{who.group} {path.parent}`"
        ) from None
