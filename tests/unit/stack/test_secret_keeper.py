"""The secret keeper: each part gets its own secrets, closed to the others, and the new ones at once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools.secret_keeper import MAX_SECRET_BYTES, PARTS, SecretKeeper
from tools.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs in a container only")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("push/token", "read/token", "observer/token", "grafana/admin_password"):
        path = tmp_path / "secrets" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{name}\n")
        path.chmod(0o600)
    (tmp_path / "secrets" / "alertmanager").mkdir()
    return tmp_path / "secrets"


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    for part in PARTS:
        folder = tmp_path / "parts" / part
        folder.mkdir(parents=True)
        folder.chmod(0o2750)
    return tmp_path / "parts"


def held(parts: Path) -> dict[str, set[str]]:
    return {
        part: {str(f.relative_to(parts / part)) for f in (parts / part).glob("*/*")}
        for part in PARTS
    }


def test_each_part_gets_its_own_secrets_and_no_others(source: Path, parts: Path) -> None:
    (source / "alertmanager" / "slack_api_url").write_text("https://hooks.invalid/x\n")

    SecretKeeper(source, parts).copy()

    assert {
        "metrics": {"push/token", "read/token", "observer/token"},
        "prometheus": {"read/token", "observer/token"},
        "alertmanager": {"alertmanager/slack_api_url"},
        "grafana": {"grafana/admin_password"},
        "observer": {"observer/token"},
    } == held(parts)
    assert "push/token\n" == (parts / "metrics" / "push" / "token").read_text()


def test_copies_are_readable_to_owner_and_group_only_and_written_by_nobody(
    source: Path, parts: Path
) -> None:
    SecretKeeper(source, parts).copy()

    copies = [path for path in parts.rglob("*") if path.is_file()]
    folders = [path for part in PARTS for path in (parts / part).iterdir()]
    assert {0o440} == {stat.S_IMODE(path.stat().st_mode) for path in copies}
    assert {0} == {stat.S_IMODE(path.stat().st_mode) & 0o007 for path in folders}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another group")
def test_a_copy_gets_the_group_of_its_parts_folder_without_any_privilege(
    source: Path, parts: Path
) -> None:
    for path in (source, *source.rglob("*"), parts, *parts.iterdir()):
        os.chown(path, 10_000, 10_000)
    for number, part in enumerate(sorted(PARTS)):
        os.chown(parts / part, 10_000, 20_000 + number)
        (parts / part).chmod(0o2750)
    for place in (source.parent, *source.parent.parents):
        place.chmod(place.stat().st_mode | 0o011)
    keeper = SecretKeeper(source, parts)

    child = os.fork()
    if not child:  # an ordinary user, in no group but its own
        os.setgroups([])
        os.setgid(10_000)
        os.setuid(10_000)
        keeper.copy()
        os._exit(0)
    assert (child, 0) == os.waitpid(child, 0)

    for number, part in enumerate(sorted(PARTS)):
        groups = {path.stat().st_gid for path in (parts / part).rglob("*")}
        assert groups <= {20_000 + number}, part
    assert (parts / "metrics" / "push" / "token").stat().st_gid == 20_000 + sorted(PARTS).index(
        "metrics"
    )


def test_a_rotated_secret_arrives_and_one_that_is_gone_goes(source: Path, parts: Path) -> None:
    keeper = SecretKeeper(source, parts)
    keeper.copy()
    copy = parts / "metrics" / "push" / "token"
    (source / "push" / "token").write_text("new\n")
    (source / "grafana" / "admin_password").unlink()

    keeper.copy()

    assert "new\n" == copy.read_text()
    assert set() == held(parts)["grafana"]


def test_a_copy_that_somebody_removed_comes_back(source: Path, parts: Path) -> None:
    keeper = SecretKeeper(source, parts)
    keeper.copy()
    (parts / "metrics" / "read" / "token").unlink()

    keeper.copy()

    assert "read/token\n" == (parts / "metrics" / "read" / "token").read_text()


def test_prometheus_gets_the_first_token_of_several(source: Path, parts: Path) -> None:
    (source / "read" / "token").write_text("# since today\nname=prom token=new\nold\n")

    SecretKeeper(source, parts).copy()

    assert "new" == (parts / "prometheus" / "read" / "token").read_text()
    assert (
        "# since today\nname=prom token=new\nold\n"
        == (parts / "metrics" / "read" / "token").read_text()
    )


def test_a_secret_that_cannot_be_copied_keeps_its_last_copy_and_is_said_once(
    source: Path, parts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = SecretKeeper(source, parts)
    keeper.copy()
    (source / "push" / "token").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))

    keeper.copy()
    keeper.copy()

    assert "push/token\n" == (parts / "metrics" / "push" / "token").read_text()
    assert [f"push/token: is larger than {MAX_SECRET_BYTES} bytes"] == caplog.messages


def test_a_folder_of_secrets_that_is_gone_takes_nothing_away(source: Path, parts: Path) -> None:
    keeper = SecretKeeper(source, parts)
    keeper.copy()
    before = held(parts)
    source.rename(source.with_name("elsewhere"))

    with pytest.raises(FileNotFoundError):
        keeper.copy()

    assert before == held(parts)


def test_it_says_that_it_is_ready_and_follows_until_it_is_stopped(
    source: Path, parts: Path, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "tools.secret_keeper", "--source", str(source)]
    process = subprocess.Popen([*command, "--parts", str(parts), "--ready", str(ready)], cwd=ROOT)
    copy = parts / "prometheus" / "read" / "token"
    try:
        eventually(ready.exists, hopeless=process.poll)
        assert "read/token" == copy.read_text()
        (source / "read" / "token").write_text("rotated\n")
        eventually(lambda: "rotated" == copy.read_text())
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(60)
    finally:
        process.kill()
        process.wait()
