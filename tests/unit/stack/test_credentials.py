"""Secrets: made once, strong, closed to others, readable for the containers."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tools.stack import credentials


@pytest.fixture
def who() -> credentials.Owner:
    uid, gid = os.geteuid(), os.getegid()
    return credentials.Owner(uid, uid, gid)


def test_every_secret_is_generated_once_and_kept(tmp_path: Path, who: credentials.Owner) -> None:
    first = credentials.ensure(tmp_path, who)
    texts = [path.read_text() for path in first]

    assert list(credentials.GENERATED) == [str(path.relative_to(tmp_path)) for path in first]
    assert [] == credentials.ensure(tmp_path, who)
    assert texts == [path.read_text() for path in first]


def test_secrets_are_long_and_all_different(tmp_path: Path, who: credentials.Owner) -> None:
    texts = {path.read_text().strip() for path in credentials.ensure(tmp_path, who)}

    assert len(credentials.GENERATED) == len(texts)
    assert all(len(text) >= 43 for text in texts)


def test_files_are_600_and_folders_700_also_those_written_by_hand(
    tmp_path: Path, who: credentials.Owner
) -> None:
    by_hand = tmp_path / "alertmanager" / "slack_api_url"
    by_hand.parent.mkdir()
    by_hand.write_text("https://hooks.invalid/x\n")
    by_hand.chmod(0o644)

    credentials.ensure(tmp_path, who)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files}
    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in folders}


def test_an_emptied_secret_is_generated_again(tmp_path: Path, who: credentials.Owner) -> None:
    credentials.ensure(tmp_path, who)
    token = tmp_path / "push" / "token"
    token.write_text("\n")

    assert [token] == credentials.ensure(tmp_path, who)
    assert len(token.read_text().strip()) >= 43


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_under_root_the_secrets_belong_to_the_user_of_the_containers(tmp_path: Path) -> None:
    who = credentials.Owner(10000, 10000, 10000)

    credentials.ensure(tmp_path, who)

    assert {10000} == {path.stat().st_uid for path in tmp_path.rglob("*")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works on another's stack")
@pytest.mark.parametrize(
    ("owner_of_folder", "sudo", "expected"),
    [
        (None, {}, (10000, 10000)),
        (None, {"SUDO_UID": "1234", "SUDO_GID": "2345"}, (1234, 2345)),
        (None, {"SUDO_UID": "0", "SUDO_GID": "0"}, (10000, 10000)),
        (None, {"SUDO_UID": "me"}, (10000, 10000)),
        ((1234, 2345), {}, (1234, 2345)),
        ((1234, 2345), {"SUDO_UID": "77", "SUDO_GID": "77"}, (1234, 2345)),
        ((10001, 10001), {"SUDO_UID": "77", "SUDO_GID": "77"}, (10000, 10000)),
        ((10000, 10000), {"SUDO_UID": "77", "SUDO_GID": "77"}, (10000, 10000)),
        ((0, 0), {}, (10000, 10000)),
    ],
)
def test_root_leaves_a_stack_to_the_person_whose_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner_of_folder: tuple[int, int] | None,
    sudo: dict[str, str],
    expected: tuple[int, int],
) -> None:
    for name in ("SUDO_UID", "SUDO_GID"):
        monkeypatch.delenv(name, raising=False)
    for name, text in sudo.items():
        monkeypatch.setenv(name, text)
    folder = tmp_path / "secrets"
    if owner_of_folder:
        folder.mkdir()
        os.chown(folder, *owner_of_folder)

    who = credentials.owner(folder)

    assert expected == (who.inside, who.group)
