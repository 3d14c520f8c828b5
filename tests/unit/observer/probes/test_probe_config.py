from __future__ import annotations

from pathlib import Path

import pytest

from services.metrics.observer.probes.config import KINDS, Probe, ProbeFileError, load

GOOD = """
probes:
  - name: prometheus
    kind: http
    target: http://prometheus:9090/-/healthy
    interval: 30s
    timeout: 500ms
    critical: true
    expect_status: [200, 204]
    headers: {X-Scope: team}
  - {name: redis, kind: tcp, target: "redis:6379", send: "PING\\r\\n", expect: PONG}
  - {name: model-api, kind: dns, target: api.example, server: 192.0.2.53, record: aaaa}
  - {name: backup, kind: file, target: /backup/last, max_age: 26h}
  - {name: disk, kind: command, command: [smartctl, -H, /dev/sda], interval: 1h}
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "probes.yml"
    file.write_text(text)
    return file


def test_every_kind_is_read_with_its_own_keys(tmp_path: Path) -> None:
    http, tcp, dns, file, command = load(written(tmp_path, GOOD))
    assert list(KINDS) == [p.kind for p in (http, tcp, dns, file, command)]
    assert (30.0, 0.5, True, (200, 204)) == (
        http.interval, http.timeout, http.critical, http.expect_status,
    )  # fmt: skip
    assert "PING\r\n" == tcp.send
    assert ("AAAA", "192.0.2.53") == (dns.record, dns.server)
    assert 26 * 3600 == file.max_age
    assert ("smartctl", "-H", "/dev/sda") == command.command


def test_headers_do_not_show_in_a_printed_probe() -> None:
    assert "s3cret" not in repr(Probe("it", "http", headers={"Authorization": "s3cret"}))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("probes: [", "not YAML (line 1)"),
        ("- just\n- a list", "a list under the key probes"),
        ("probes: [3]", "probe 1: must be a mapping"),
        ("probes: [{name: 'a b', kind: tcp}]", "probe 1: name must be like"),
        ("probes: [{name: a, kind: ping}]", "probe a: kind must be one of http"),
        ("probes: [{name: a, kind: tcp}]", "probe a: target is missing"),
        ("probes: [{name: a, kind: tcp, target: redis}]", "must be host:port, like redis:6379"),
        ("probes: [{name: a, kind: http, target: prometheus}]", "target must be like http://"),
        ("probes: [{name: a, kind: http, target: 'ftp://x/'}]", "target must be like http://"),
        ("probes: [{name: a, kind: http, target: 'http://x:99999/'}]", "target must be like"),
        ("probes: [{name: a, kind: tcp, target: 'x:1', max_age: 3}]", "unknown key max_age; tcp takes"),
        ("probes: [{name: a, kind: tcp, target: 'x:1', timeout: soon}]", "timeout must be seconds"),
        ("probes: [{name: a, kind: tcp, target: 'x:1', interval: 0}]", "interval must be seconds"),
        ("probes: [{name: a, kind: tcp, target: 'x:1', critical: 1}]", "critical must be true or false"),
        ("probes: [{name: a, kind: tcp, target: 'x:1', expect: '('}]", "expect is no regular expression"),
        ("probes: [{name: a, kind: http, target: 'http://x/', expect_status: ok}]", "must be a status like 200"),
        ("probes: [{name: a, kind: http, target: 'http://x/', method: EAT}]", "method must be GET, HEAD"),
        ("probes: [{name: a, kind: command}]", "probe a: command is missing"),
        ("probes: [{name: a, kind: command, command: ls -l}]", "command must be a list"),
        ("probes: [{name: a, kind: dns, target: x, server: 'y:dns'}]", "must be host:port"),
        ("probes: [{name: a, kind: file, target: x}, {name: a, kind: file, target: y}]", "the name is used twice"),
        ("probes: [" + "{}," * 201 + "]", "201 probes are too many"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_probe_and_the_key(
    tmp_path: Path, text: str, names: str
) -> None:
    with pytest.raises(ProbeFileError) as caught:
        load(written(tmp_path, text))
    assert names in str(caught.value)


def test_a_file_that_is_not_there_is_said_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(ProbeFileError, match="cannot be read: No such file") as caught:
        load(tmp_path / "gone.yml")
    assert str(tmp_path) not in str(caught.value)


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    with pytest.raises(ProbeFileError, match="not YAML"):
        load(written(tmp_path, "probes: !!python/object/apply:os.system [true]"))
