"""Token files: what a line may say, in which form, and what counts when it changes."""

from __future__ import annotations

import codecs
import time
from pathlib import Path

import pytest

from services.metrics import tokens
from services.metrics.auth import Authenticator, check_rights
from services.metrics.errors import Rejected
from services.metrics.tokens import Token, TokenFile, TokenFileError

LABELS = (("agent", "build-7"), ("job", "ci-nightly"))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def found(path: Path, secret: bytes = b"s3cret") -> Token | None:
    return TokenFile(path).find(secret)


def test_a_token_alone_may_do_everything(tmp_path: Path) -> None:
    token = found(write(tmp_path / "t", "# ours\n\n  s3cret  \n"))
    assert token is not None
    for right in ("push", "delete"):
        check_rights(token, LABELS, right)
        check_rights(token, (("job", "any"),), right)
    assert "line 3" == token.name


@pytest.mark.parametrize(
    "raw",
    [
        codecs.BOM_UTF8 + b"s3cret\r\n",
        b"s3cret\r\nother\r\n",
        codecs.BOM_UTF16_LE + "s3cret\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "s3cret\n".encode("utf-16-be"),
        b"s3cret",
        b"\r\n\r\ns3cret\r",
    ],
)
def test_marks_and_line_ends_of_other_systems_are_no_part_of_a_token(
    tmp_path: Path, raw: bytes
) -> None:
    assert found(write(tmp_path / "t", raw)) is not None


def test_a_bound_token_is_good_for_its_jobs_and_agents_only(tmp_path: Path) -> None:
    line = "name=ci jobs=ci-*,nightly agents=build-? token=s3cret\n"
    token = found(write(tmp_path / "t", line))
    assert token is not None
    assert "ci" == token.name
    check_rights(token, LABELS, "push")
    for labels, what in (
        ((("agent", "build-7"), ("job", "web")), "job 'web'"),
        ((("agent", "build-77"), ("job", "ci-x")), "agent 'build-77'"),
        ((("agent", "Build-7"), ("job", "ci-x")), "agent 'Build-7'"),
        ((("job", "ci-x"),), "a group without agent"),
    ):
        with pytest.raises(Rejected, match=f"this token may not push for {what}") as refused:
            check_rights(token, labels, "push")
        assert (403, "forbidden") == (refused.value.status, refused.value.reason)


def test_deleting_is_a_right_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "t", "name=a token=pusher\nname=b rights=push,delete token=both\n")
    pusher, both = found(path, b"pusher"), found(path, b"both")
    assert pusher is not None
    assert both is not None
    check_rights(both, LABELS, "delete")
    with pytest.raises(Rejected, match="may not delete"):
        check_rights(pusher, LABELS, "delete")


def test_a_token_expires_without_a_restart(tmp_path: Path) -> None:
    lines = ["expires=2000-01-01 token=old", "expires=2999-01-01T12:00Z token=new"]
    auth = Authenticator(write(tmp_path / "t", "\n".join(lines)), None)
    assert auth.admits("push", "Bearer new") is not None
    assert auth.admits("push", "Bearer old") is None
    with pytest.raises(Rejected, match="has expired"):
        auth.check("push", "Bearer old", "::1")


def test_a_token_that_is_taken_out_no_longer_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "RECHECK_SECONDS", 0.0)
    told: list[tuple[str, str, str]] = []
    path = write(tmp_path / "t", "name=a token=one\nname=b token=two\n")
    auth = Authenticator(path, None, on_reload=lambda *what: told.append(what))
    assert auth.admits("push", "Bearer one") is not None
    write(path, "name=b token=two\n")
    assert auth.admits("push", "Bearer one") is None
    assert auth.admits("push", "Bearer two") is not None
    assert [("push", "accepted", "1 in the file")] == told
    write(path, "rights=all token=three\n")
    assert auth.admits("push", "Bearer two") is not None
    assert ("push", "failed") == told[-1][:2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rights=everything token=x", "line 1 .*: rights are push and delete"),
        ("expires=tomorrow token=x", "line 1 .*: expires is a date like 2027-01-31T12:00Z"),
        ("nmae=x token=x", "line 1 .*: nmae is twice there or not one of"),
        ("name=a name=b token=x", "name is twice there"),
        ("# nothing", "holds no token"),
        ("", "holds no token"),
    ],
)
def test_a_wrong_line_stops_the_start_with_its_number(
    tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(TokenFileError, match=message):
        TokenFile(write(tmp_path / "t", line))


def test_a_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="is not text"):
        TokenFile(write(tmp_path / "t", b"\xff\xff\xfe\x00"))


@pytest.mark.parametrize("secret", ["a=b", "abc==", "token", "Ünïcode", "with space", "x=1 y=2"])
def test_what_has_no_field_named_token_is_a_token_as_it_stands(tmp_path: Path, secret: str) -> None:
    assert found(write(tmp_path / "t", secret + "\n"), secret.encode()) is not None


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    file = TokenFile(write(tmp_path / "t", "name=ci token=s3cret\n"))
    assert "s3cret" not in repr(file.find(b"s3cret"))
    assert "I am [token]" == file.redact("I am s3cret")


def test_an_expiry_without_a_zone_is_utc(tmp_path: Path) -> None:
    token = found(write(tmp_path / "t", "expires=2027-01-31 token=s3cret"))
    assert token is not None
    assert 1801353600.0 == token.expires
    assert token.expired() == (time.time() >= 1801353600.0)


@pytest.mark.parametrize(
    "line",
    ["s3cret expires=2027-01-31", "jobs=ci-* s3cret", "s3cret\tagents=x", "jobs=ci-* rights=push"],
)
def test_fields_beside_a_bare_token_are_no_part_of_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(TokenFileError, match="token="):
        TokenFile(write(tmp_path / "t", line))
