"""Where Debian packages come from: this machine's own sources, whatever form they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.stack.console import StackError
from tools.stack.provision import packages


def test_the_mirror_is_read_from_a_deb822_file(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://mirror.invalid/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main\n\n"
        "Types: deb\nURIs: http://mirror.invalid/debian-security\nSuites: bookworm-security\n"
    )

    assert "http://mirror.invalid/debian" == packages.debian_mirror(tmp_path)


def test_the_mirror_is_read_from_a_one_line_file_with_options(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# deb http://old.invalid/debian bookworm main\n"
        "deb [signed-by=/k.gpg arch=amd64] http://mirror.invalid/debian bookworm main\n"
    )

    assert "http://mirror.invalid/debian" == packages.debian_mirror(tmp_path)


def test_a_third_party_source_is_not_taken_for_the_archive(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "vendor.list").write_text(
        "deb http://vendor.invalid/apt stable main\n"
    )

    with pytest.raises(StackError, match="name no Debian archive"):
        packages.debian_mirror(tmp_path)


def test_install_0_forbids_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INSTALL", "0")

    with pytest.raises(StackError, match=r"^Docker engine is missing .*INSTALL=0 .*: install it$"):
        packages.require("Docker engine", "the stack runs in containers", "install it")


def test_os_release_is_read_with_and_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('ID=debian\nVERSION_ID="12"\n')

    assert {"ID": "debian", "VERSION_ID": "12"} == packages.distribution(str(path))
