"""A wrong rule, template or probe: told in its tool's own words, before anything live has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import checkout
from tests.e2e.conftest import describe
from tests.e2e.sinks import HttpSink, Mailbox
from tests.e2e.stack import Stack, docker
from tools.waiting import eventually

pytestmark = pytest.mark.stack
ALERTS = "deploy/prometheus/alerts"
RULE = "groups:\n- name: mine\n  rules:\n  - alert: Mine\n    expr: up == 0\n"

REFUSED = {
    "an expression": (
        f"{ALERTS}/mine.yml",
        RULE.replace("up == 0", "up =="),
        f'{ALERTS}/mine.yml: 5:11: group "mine", rule 1, "Mine": could not parse expression',
    ),
    "an expression in .yaml": (
        f"{ALERTS}/mine.yaml",
        RULE.replace("up == 0", "rate(up"),
        f'{ALERTS}/mine.yaml: 5:11: group "mine"',
    ),
    "no YAML": (f"{ALERTS}/mine.yml", "groups: [\n", f"{ALERTS}/mine.yml: yaml: line 1"),
    "a list": (f"{ALERTS}/mine.yml", "- a\n", f"{ALERTS}/mine.yml"),
    "a text": (f"{ALERTS}/mine.yml", "hello\n", f"{ALERTS}/mine.yml"),
    "groups that are none": (f"{ALERTS}/mine.yml", "groups: 7\n", f"{ALERTS}/mine.yml"),
    "a template in an annotation": (
        f"{ALERTS}/mine.yml",
        RULE + "    annotations: {summary: '{{ $labels.x'}\n",
        "template",
    ),
    "a recording rule": (
        "deploy/prometheus/rules/mine.yml",
        "groups:\n- name: mine\n  rules:\n  - record: a\n    expr: sum(\n",
        "deploy/prometheus/rules/mine.yml",
    ),
    "a message template": (
        "deploy/alertmanager/templates/mine.tmpl",
        '{{ define "mine" }}{{ .Alerts ',
        "mine.tmpl",
    ),
    "a template that nobody wrote": (
        "deploy/alertmanager/templates/mine.tmpl",
        '{{ define "mine" }}{{ template "yours" . }}{{ end }}',
        "templates/mine.tmpl uses a template that nothing defines: yours",
    ),
    "Prometheus' file": (
        "deploy/prometheus/prometheus.yml",
        "global: 7\n",
        "parsing YAML file deploy/prometheus/prometheus.yml",
    ),
    "Alertmanager's receivers": (
        "deploy/alertmanager/alertmanager.yml",
        "route: {receiver: nobody}\nreceivers: 7\n",
        "cannot unmarshal",
    ),
    "the stack's own probes": ("deploy/metrics/probes.yml", "probes: 7\n", "another shape"),
    "an empty one": ("deploy/prometheus/prometheus.yml", "", "prometheus.yml holds no settings"),
    "Alertmanager's file": (
        "deploy/alertmanager/alertmanager.yml",
        "route: {receiver: warning}\nreceivers: [{name: warning}]\n",
        "deploy/alertmanager/alertmanager.yml has no route to `critical`",
    ),
    "a dashboard": ("deploy/grafana/dashboards/mine.json", "{", "deploy/grafana/dashboards/mine"),
    "a dashboard without a name": (
        "deploy/grafana/dashboards/mine.json",
        "{}",
        "mine.json is no dashboard: it needs a uid and a title",
    ),
    "a data source": (
        "deploy/grafana/provisioning/datasources/mine.yml",
        "datasources: [\n",
        "deploy/grafana/provisioning/datasources/mine.yml",
    ),
    "a probe": ("mine.yml", "probes: [{name: a, kind: icmp}]\n", "PROBES_FILE: probe a: kind must"),
    "no list of probes": ("mine.yml", "", "PROBES_FILE: the probes file must hold a list"),
    "probes that are no YAML": ("mine.yml", "probes: [\n", "PROBES_FILE: the probes file is not"),
}
TAKEN = {
    "an empty file": (f"{ALERTS}/mine.yml", ""),
    "a comment": (f"{ALERTS}/mine.yml", "# nothing yet\n"),
    "no groups": (f"{ALERTS}/mine.yml", "groups:\n"),
    "a group without rules": (f"{ALERTS}/mine.yml", "groups:\n- name: mine\n"),
    "rules that are null": (f"{ALERTS}/mine.yml", "groups:\n- name: mine\n  rules:\n"),
    "annotations that are null": (f"{ALERTS}/mine.yml", RULE + "    annotations:\n"),
    "a .yaml": (f"{ALERTS}/mine.yaml", RULE),
}


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, sink: HttpSink
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("refused")
    stack = describe(folder, f"dreamos-refused-{os.getpid()}", mailbox, sink)
    stack.root = checkout.copy(folder / "checkout")
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def put(running: Stack) -> Iterator[list[Path]]:
    """Files to take away, or put back, after a test."""
    files: list[Path] = []
    yield files
    for path in files:
        kept = path.with_name(path.name + ".kept")
        kept.replace(path) if kept.exists() else path.unlink()


def write(stack: Stack, name: str, text: str, put: list[Path]) -> None:
    path = stack.root / name
    if path.exists():
        path.rename(path.with_name(path.name + ".kept"))
    path.write_text(text)
    put.append(path)


def live(stack: Stack) -> str:
    """Return a digest of every file that the parts read."""
    list_them = "find /generated -type f | sort | xargs sha256sum"
    readers = ("prometheus", "alertmanager", "observer")
    found = [docker("exec", stack.container(name), "sh", "-c", list_them) for name in readers]
    assert all("/generated/" in listed for listed in found)
    return "".join(found)


def state(stack: Stack) -> list[str]:
    shape = "{{.Id}} {{.State.StartedAt}}"
    return [stack.inspect(name, shape) for name in ("metrics", "prometheus", "alertmanager")]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_told_and_nothing_live_has_it(
    running: Stack, put: list[Path], name: str
) -> None:
    path, text, said = REFUSED[name]
    before = live(running), state(running)
    write(running, path, text, put)
    # A setting that would replace Prometheus' container, were it not for what is wrong.
    running.change(RETENTION_TIME="17d", PROBES_FILE=str(put[0]) if path == "mine.yml" else "")

    refused = running.tool("up")
    running.change(RETENTION_TIME="15d", PROBES_FILE="")

    assert 1 == refused.returncode, refused.stdout + refused.stderr
    assert said in refused.stderr
    assert "nothing that runs was changed" in refused.stderr
    assert "SUCCESS" not in refused.stderr
    assert "Traceback" not in refused.stderr
    assert before == (live(running), state(running))


@pytest.mark.parametrize("name", TAKEN)
def test_what_prometheus_takes_is_taken(running: Stack, put: list[Path], name: str) -> None:
    path, text = TAKEN[name]
    write(running, path, text, put)

    running.up()

    assert Path(path).name in live(running)


def test_an_earlier_refusal_is_not_told_again(running: Stack, put: list[Path]) -> None:
    write(running, f"{ALERTS}/one.yml", RULE.replace("up == 0", "one(up)"), put)
    assert "one(up)" in running.tool("up").stderr or "one" in running.tool("up").stderr
    put.pop().unlink()
    write(running, f"{ALERTS}/two.yml", RULE.replace("up == 0", "two(up)"), put)

    refused = running.tool("up")

    assert "two.yml" in refused.stderr
    assert "one.yml" not in refused.stderr


def test_after_refusals_a_restart_of_prometheus_reads_what_was_accepted(running: Stack) -> None:
    docker("restart", running.container("prometheus"))

    eventually(lambda: running.healthy("prometheus"), within=120)
