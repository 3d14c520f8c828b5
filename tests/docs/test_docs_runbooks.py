"""What a runbook tells a tired person to paste works: commands parse, queries are answered."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.dashboards.catalogue import documented
from tests.docs.documents import ROOT, code
from tests.rules import unit
from tests.rules.live import Prometheus, figures, prometheus
from tests.rules.tooling import promtool

RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
PROGRAMS = set(
    """
    awk certbot chronyc curl df dmesg docker du ethtool fsck getent ionice iotop ip journalctl kill
    last ls lsof make openssl ps py-spy pytest python3 renice smartctl ss stat sysctl systemctl
    timedatectl timeout top umount uptime
    """.split()  # noqa: SIM905
)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_BY_COMPONENTS = re.compile(r"(up|ALERTS|scrape_\w+|prometheus_\w+|alertmanager_\w+|grafana_\w+)$")


@cache
def known() -> frozenset[str]:
    """Return every metric that a query may name."""
    recorded = {rule["record"] for rule in unit.rules() if "record" in rule}
    return frozenset(documented() | recorded)


def names(text: str) -> set[str]:
    """Return the metrics that a piece of code names."""
    bare = re.sub(r'"[^"]*"', "", text)
    found = set(_NAME.findall(bare))
    return {
        name
        for name in found
        if re.sub(r"_(bucket|count|sum)$", "", name) in known()
        or name in known()
        or _BY_COMPONENTS.fullmatch(name)
    }


def is_command(text: str) -> bool:
    return text.split()[0] in PROGRAMS if text.strip() else False


def queries(path: Path) -> Iterator[str]:
    """Yield what is to be asked of Prometheus: whatever names a metric and is no command."""
    for text in code(path):
        if not is_command(text) and (names(text) or text.startswith("{")):
            yield text


def commands(path: Path) -> Iterator[str]:
    for text in code(path):
        if is_command(text):
            yield text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with figures() as shown:
        folder = tmp_path_factory.mktemp("asked")
        with prometheus(promtool(), folder, shown, {}) as started:
            yield started


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_prometheus_answers_every_query(running: Prometheus, path: Path) -> None:
    asked = list(queries(path))

    assert asked
    for text in asked:
        running.query(text)  # an answer that is an error raises


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_shell_takes_every_command(path: Path) -> None:
    for text in commands(path):
        done = subprocess.run(
            ["bash", "-n", "-c", text], capture_output=True, text=True, check=False
        )
        assert (0, "") == (done.returncode, done.stderr), text


def test_the_queries_name_only_what_is_exported() -> None:
    unknown = {
        f"{path.stem}: {name}"
        for path in RUNBOOKS
        for text in queries(path)
        for name in _NAME.findall(re.sub(r'"[^"]*"|\[[^\]]*\]', "", text))
        if re.match(r"(dreamos|node|file|process)_|\w+:", name)
        and name not in names(text) | _labels(text)
    }

    assert set() == unknown


def _labels(text: str) -> set[str]:
    return set(re.findall(r"(\w+)\s*(?:=|!)", text)) | {
        name for group in re.findall(r"(?:by|on) \(([^)]*)\)", text) for name in group.split(", ")
    }


def test_most_runbooks_have_a_command_and_all_have_queries() -> None:
    with_commands = [path for path in RUNBOOKS if list(commands(path))]

    assert len(with_commands) > len(RUNBOOKS) / 2
