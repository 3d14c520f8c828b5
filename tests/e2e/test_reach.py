"""The table in docs/security.md, tried: each part from its own place, against everything there is."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.sinks import HttpSink
from tests.e2e.stack import ROOT, Stack, http
from tools.waiting import eventually

pytestmark = pytest.mark.stack

SECRETS = ("push/token", "read/token", "observer/token", "grafana/admin_password")
RECEIVERS = ("slack_api_url", "pagerduty_routing_key", "webhook_url", "watchdog_webhook_url")
INNER = {"metrics": 8000, "observer": 8000, "prometheus": 9090, "alertmanager": 9093}
PARTS = ("secrets", "mounts", "observer", "metrics", "prometheus", "alertmanager", "grafana")
# Runs in a container that shares user, mounts and network with the part; says what it could do
PROGRAM = r"""
import json, os, pathlib, socket, sys
asked = json.load(sys.stdin)
found = {"secrets": [], "reached": [], "written": [], "opened": [], "spied": []}
def holds(path):
    try:
        text = pathlib.Path(path).read_text().strip()
    except (OSError, ValueError):
        return
    found["secrets"] += [name for name, secret in asked["secrets"].items() if secret == text]
for place in asked["places"]:
    for folder, _, files in os.walk(place):
        for file in files:
            holds(os.path.join(folder, file))
for path in asked["files"]:
    holds(path)
for name, path in asked["markers"].items():
    try:
        pathlib.Path(path).read_bytes()
        found["opened"].append(name)
    except OSError:
        pass
for name, (host, port) in asked["targets"].items():
    try:
        socket.create_connection((host, port), 3).close()
        found["reached"].append(name)
    except OSError:
        pass
for folder in asked["folders"]:
    try:
        path = os.path.join(folder, ".reach")
        open(path, "x").close()
        os.unlink(path)
        found["written"].append(folder)
    except OSError:
        pass
def first(path):
    with open(path, "rb") as file:
        file.read(1)
LOOKS = {"environ": first, "mem": first, "root/etc": os.listdir, "fd": os.listdir}
own = os.getuid()
for pid in (os.listdir("/host/proc") if os.path.isdir("/host/proc") else []):
    if not pid.isdecimal():
        continue
    try:
        if os.stat(f"/host/proc/{pid}").st_uid == own:
            continue
        for name, look in LOOKS.items():
            try:
                look(f"/host/proc/{pid}/{name}")
                found["spied"].append(f"{pid}/{name}")
            except OSError:
                pass
    except OSError:
        pass
print(json.dumps({key: sorted(set(value)) for key, value in found.items()}))
"""


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    user: str
    secrets: str
    host: str
    writes: str
    reaches: str


def table() -> dict[str, Row]:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and re.fullmatch(r"`\w+`", cells[0]):
            rows[cells[0].strip("`")] = Row(*cells[1:])
    return rows


ROWS = table()


def inspect(stack: Stack, part: str) -> dict[str, Any]:
    container = stack.compose("ps", "--quiet", part).stdout.strip()
    if not container:
        pytest.skip(f"{part} does not run here")
    shown = subprocess.run(
        ["docker", "inspect", container], text=True, capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(shown.stdout)[0]
    return found


@dataclass(frozen=True)
class Tried:
    """What a part could do."""

    secrets: set[str]
    reached: set[str]
    written: set[str]
    opened: set[str]
    spied: set[str]


@pytest.fixture(scope="module")
def marker() -> Iterator[Path]:
    """A file that everybody on this machine may read."""
    path = Path("/var/tmp/dreamos-reach-marker")
    path.write_text("readable\n")
    path.chmod(0o644)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def outside(stack: Stack, gateway: str, sink: HttpSink) -> tuple[str, int]:
    """An address outside the stack: this machine's, on the engine's own bridge."""
    if gateway:
        return gateway, sink.port
    # Docker 20.10 does not tell it before the bridge is used: a container on the bridge sees it
    program = "print(open('/proc/net/route').read().split()[13])"
    command = ["docker", "run", "--rm", "--entrypoint=python", f"dreamos/metrics:{stack.project}"]
    shown = subprocess.run([*command, "-c", program], text=True, capture_output=True, check=True)
    return socket.inet_ntoa(bytes.fromhex(shown.stdout.strip())[::-1]), sink.port


@pytest.fixture(scope="module")
def tried(stack: Stack, outside: tuple[str, int], marker: Path) -> dict[str, Tried]:
    return {
        part: attempt(stack, part, outside, marker)
        for part in PARTS
        if stack.compose("ps", "--quiet", part).stdout.strip()
    }


def attempt(stack: Stack, part: str, outside: tuple[str, int], marker: Path) -> Tried:
    """Stand where the part stands, and try everything."""
    own = inspect(stack, part)
    mounted = [mount["Destination"] for mount in own["Mounts"]]
    wide = {"/host/root", "/host/proc", "/host/sys"}
    secrets = {name: stack.secret(name) for name in SECRETS}
    secrets |= {f"alertmanager/{n}": stack.secret(f"alertmanager/{n}") for n in RECEIVERS}
    here = {str(path) for path in stack.secrets.rglob("*") if path.is_file()}
    question = {
        "secrets": secrets,
        "places": [place for place in mounted if place not in wide],
        "files": [*here, *(f"/host/root{path}" for path in (*here, *kept(stack, secrets)))],
        "markers": {"/": f"/host/root{marker}", "/proc": "/host/proc/1/mountinfo",
                    "/sys": "/host/sys/class/net/lo/mtu"},
        "targets": {**{name: (name, port) for name, port in INNER.items()},
                    "outside": outside},
        "folders": ["/", "/app", "/etc", "/usr", *mounted, *copies(mounted)],
    }  # fmt: skip
    command = ["docker", "run", "--rm", "--interactive", "--read-only", "--cap-drop=ALL"]
    command += ["--security-opt=no-new-privileges", f"--user={own['Config']['User']}"]
    command += [f"--group-add={group}" for group in own["HostConfig"]["GroupAdd"] or ()]
    command += [f"--volumes-from={own['Id']}", f"--network=container:{own['Id']}"]
    command += ["--entrypoint=python", f"dreamos/metrics:{stack.project}", "-c", PROGRAM]
    answer = subprocess.run(
        command,
        input=json.dumps(question),
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert 0 == answer.returncode, answer.stderr
    return Tried(**{key: set(value) for key, value in json.loads(answer.stdout).items()})


def kept(stack: Stack, secrets: Mapping[str, str]) -> list[str]:
    """Return where the engine keeps the copies of the secrets on this machine."""
    root = "/var/lib/docker/volumes"
    volumes = [f"{root}/{stack.project}_secrets-{part}/_data" for part in PARTS]
    return [f"{volume}/{name}" for volume in volumes for name in secrets]


def copies(mounted: list[str]) -> list[str]:
    """Return the folders inside the copies of secrets, where a part could change a token."""
    return [f"{place}/{name}" for place in mounted for name in ("push", "read", "observer")]


def marked(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def test_the_table_has_every_lasting_part(stack: Stack) -> None:
    services = json.loads(stack.compose("config", "--format", "json").stdout)["services"]
    lasting = {name for name, service in services.items() if service.get("restart") != "no"}

    assert set(PARTS) == set(ROWS) == lasting


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_the_user_of_the_table_and_no_other_part_has_it(
    stack: Stack, part: str
) -> None:
    user = inspect(stack, part)["Config"]["User"].partition(":")[0]

    assert ROWS[part].user == user
    assert 1 == [row.user for row in ROWS.values()].count(user)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_reads_the_secrets_of_the_table_and_no_others(
    stack: Stack, tried: dict[str, Tried], part: str
) -> None:
    inspect(stack, part)
    every = {*SECRETS, *(f"alertmanager/{name}" for name in RECEIVERS)}
    cell = ROWS[part].secrets
    expected = every if cell == "all" else marked(cell) & every
    expected |= {n for n in every if n.startswith("alertmanager/") and "`alertmanager/*`" in cell}

    assert expected == tried[part].secrets


@pytest.mark.parametrize("part", PARTS)
def test_each_part_sees_of_the_host_what_the_table_says(
    stack: Stack, tried: dict[str, Tried], part: str
) -> None:
    binds = {m["Source"] for m in inspect(stack, part)["Mounts"] if m["Type"] == "bind"}
    names = {
        "/": "/", "/proc": "/proc", "/sys": "/sys", str(stack.secrets): "SECRETS_DIR",
        str(stack.env_file.parent / "workspace"): "WORKSPACE_DIR",
        str(ROOT / "deploy/metrics/none"): "OBSERVED_DIR",
    }  # fmt: skip
    seen = {names.get(source, str(Path(source)).removeprefix(f"{ROOT}/")) for source in binds}
    seen = {re.sub(r"^(deploy/\w+)/.*", r"\1", name) for name in seen}

    assert marked(ROWS[part].host) == seen
    assert {n for n in marked(ROWS[part].host) if n in ("/", "/proc", "/sys")} == tried[part].opened


@pytest.mark.parametrize("part", PARTS)
def test_no_part_sees_into_a_process_of_another_user(
    stack: Stack, tried: dict[str, Tried], part: str
) -> None:
    inspect(stack, part)

    assert set() == tried[part].spied


@pytest.mark.parametrize("part", PARTS)
def test_each_part_reaches_whom_the_table_says(
    stack: Stack, tried: dict[str, Tried], part: str
) -> None:
    inspect(stack, part)
    cell = re.sub(r" \(asks .*?\)", "", ROWS[part].reaches)
    expected = {"nobody": set(), "the inner network, outside": {*INNER, "outside"}}[cell]

    assert expected == tried[part].reached


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_told_to_ask_those_of_the_table_and_no_others(stack: Stack, part: str) -> None:
    told = " ".join(inspect(stack, part)["Config"]["Env"] or ())

    assert marked(ROWS[part].reaches) == set(re.findall(r"=http://([a-z]+):", told)) & set(INNER)


def test_the_status_page_knows_from_alertmanager_what_fires(stack: Stack) -> None:
    def known() -> bool:
        page = http("GET", stack.url("metrics", "/"), headers=stack.read_headers()).text
        return 'id="alerts"' in page and "alerts are not known" not in page

    # Watchdog arrives within a few evaluations; until then the page says that nothing is known.
    eventually(known, within=180)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_writes_where_the_table_says(
    stack: Stack, tried: dict[str, Tried], part: str
) -> None:
    inspect(stack, part)
    copied = {place for place in tried[part].written if place.startswith("/parts")}

    assert marked(ROWS[part].writes) == tried[part].written - copied
    assert ("copies" in ROWS[part].writes) is bool(copied)


@pytest.mark.parametrize("part", ["secrets", "mounts", "observer"])
def test_what_sees_the_host_is_not_published(stack: Stack, part: str) -> None:
    assert {} == {k: v for k, v in inspect(stack, part)["NetworkSettings"]["Ports"].items() if v}


def test_a_rotated_push_token_works_without_a_restart(stack: Stack) -> None:
    token = stack.secrets / "push" / "token"
    old = token.read_text()
    token.write_text("rotated-for-a-while\n" + old)
    try:
        url, body = stack.url("metrics", "/metrics/job/rotated"), b"# TYPE r gauge\nr 1\n"
        for secret in ("rotated-for-a-while", old.strip()):
            headers = {"Authorization": f"Bearer {secret}", "Content-Type": "text/plain"}
            eventually(partial(accepted, url, body, headers), within=60)
    finally:
        token.write_text(old)


def accepted(url: str, body: bytes, headers: dict[str, str]) -> bool:
    return 200 == http("PUT", url, body=body, headers=headers).status


def test_rotating_what_prometheus_reads_with_costs_no_scrape(stack: Stack) -> None:
    tokens = [stack.secrets / kind / "token" for kind in ("read", "observer")]
    old = [token.read_text() for token in tokens]
    for number, token in enumerate(tokens):
        token.write_text(f"new-token-{number}\n{old[number]}")
    began = stack.value("time()")
    assert began is not None
    again = stack.tool("up")
    assert 0 == again.returncode, again.stdout + again.stderr
    for number, token in enumerate(tokens):
        token.write_text(f"new-token-{number}\n")

    scraped = 'min(timestamp(up{job=~"dreamos-.*"}) - 20) > bool '
    eventually(lambda: stack.value(f"{scraped} {began}"), within=90)
    wrong = 'count_over_time((up{job=~"dreamos-.*"} == 0)[60s:1s])'
    assert [] == stack.query(wrong)


def test_copies_outlive_the_keeper(stack: Stack) -> None:
    keeper = inspect(stack, "secrets")["Id"]
    subprocess.run(["docker", "restart", "--time=1", keeper], check=True, capture_output=True)

    eventually(
        lambda: inspect(stack, "secrets")["State"]["Health"]["Status"] == "healthy", within=60
    )
    answer = http("GET", stack.url("metrics", "/metrics"), headers=stack.read_headers())
    assert 200 == answer.status
