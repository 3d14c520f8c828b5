"""`start()` and the calls of metrics: wrong ones are said and counted, and raise only when asked to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dreamos_metrics.push.settings import read_settings
from tests.unit.library.core.test_core_survival import environment
from tests.unit.library.core.wire import Receiver

SECRET = "s3cret-tok\u20acen"


def run(code: str, url: str, spool: Path, **more: str) -> subprocess.CompletedProcess[str]:
    clean = environment(url, spool, **more)
    if "DREAMOS_METRICS_AGENT" not in more:
        del clean["DREAMOS_METRICS_AGENT"]
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


WRONG = """
import dreamos.core.metrics as metrics
from dreamos_metrics.metrics.errors import error_counts
tasks = metrics.Counter("tasks_total", "Tasks")
agent = metrics.start(ARGUMENTS)
tasks.inc(); agent.heartbeat()
with agent.task("review"): pass
print(tasks.value, error_counts().get("wrong_setting"), metrics.flush(1))
"""
SETTINGS = {
    "agent='A', interval='5s'": "interval",
    "agent='A', interval='soon'": "interval",
    "agent='A', interval=0": "interval",
    "agent='A', interval=float('nan')": "interval",
    "agent='A', interval=[5]": "interval",
    "agent='A', interval=1e-300": "interval",
    "agent='\U0001f600' * 1000": "agent",
    "agent='A', url='127.0.0.1:8000'": "url",
    "agent='A', url='localhost'": "url",
    "agent='A', url='ftp://x'": "url",
    "agent='A', url='http://[::1'": "url",
    "agent='A', url='http://x:99999'": "url",
    "agent='A', url='http://x y'": "url",
    "agent='A', url=5": "url",
    "agent='A', stalled_after='5m'": "stalled_after",
    "agent='A', stalled_after=-1": "stalled_after",
    "agent='A', spool=5": "str, bytes or os.PathLike",
    "agent='A', job='a\\nb'": "job",
    "agent='A', token=5": "token",
    "agent='A', token='two words'": "token",
    "agent=''": "agent",
    "agent=5": "agent",
    "agent='Agent\\n7'": "agent",
    "agent='Agent\\x007'": "agent",
    "agent='Agent\\ud800'": "agent",
    "agent='A' * 1001": "agent",
    "": "agent",
}


@pytest.mark.parametrize("arguments", SETTINGS)
def test_a_wrong_setting_is_said_and_counted_and_the_agent_goes_on(
    receiver: Receiver, tmp_path: Path, arguments: str
) -> None:
    done = run(WRONG.replace("ARGUMENTS", arguments), receiver.url, tmp_path)
    assert (0, "1.0 1.0 False\n") == (done.returncode, done.stdout), done.stderr
    assert 1 == done.stderr.count("wrong_setting")
    assert SETTINGS[arguments] in done.stderr
    assert [] == receiver.pushes


@pytest.mark.parametrize("arguments", SETTINGS)
def test_strict_raises(receiver: Receiver, tmp_path: Path, arguments: str) -> None:
    strict = ", ".join(filter(None, [arguments, "strict=True"]))
    done = run(WRONG.replace("ARGUMENTS", strict), receiver.url, tmp_path)
    assert 1 == done.returncode
    assert "Error: " in done.stderr.splitlines()[-1]


def test_a_token_file_that_is_missing_is_named_and_the_agent_goes_on(
    receiver: Receiver, tmp_path: Path
) -> None:
    path = str(tmp_path / "nowhere")
    code = WRONG.replace("ARGUMENTS", "agent='A'")
    done = run(code, receiver.url, tmp_path / "spool", DREAMOS_METRICS_TOKEN_FILE=path)
    assert (0, "1.0 1.0 False\n") == (done.returncode, done.stdout)
    assert path in done.stderr


@pytest.mark.parametrize("form", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_token_that_no_header_can_hold_is_named_and_never_shown(
    receiver: Receiver, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "token"
    token = SECRET if form != "latin-1" else "s3cret-tok\u00e9n"
    path.write_bytes(token.encode(form))
    code = WRONG.replace("ARGUMENTS", "agent='A'")
    done = run(code, receiver.url, tmp_path / "spool", DREAMOS_METRICS_TOKEN_FILE=str(path))
    assert (0, "1.0 1.0 False\n") == (done.returncode, done.stdout)
    assert "TOKEN" in done.stderr
    assert "s3cret" not in done.stderr
    assert "tok" not in done.stderr.replace("token", "")


def test_a_byte_order_mark_before_a_token_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    given = {"DREAMOS_METRICS_AGENT": "A", "DREAMOS_METRICS_TOKEN_FILE": str(path)}
    assert "s3cret" == read_settings(given).token


def test_a_password_in_an_address_is_not_shown(receiver: Receiver, tmp_path: Path) -> None:
    for url in ("http://u:s3cret@x", "u:s3cret@x:8000", "http//u:s3cret@x"):
        code = WRONG.replace("ARGUMENTS", f"agent='A', url={url!r}")
        done = run(code, receiver.url, tmp_path)
        assert 0 == done.returncode
        assert "wrong_setting" in done.stderr
        assert "s3cret" not in done.stderr


def test_an_answer_that_repeats_the_token_does_not_bring_it_into_the_log(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda push: (401, {}, f"not {push.headers['authorization']}")
    code = WRONG.replace("ARGUMENTS", "agent='A', token='s3cret-word'")
    done = run(code, receiver.url, tmp_path)
    assert "push_refused" in done.stderr
    assert "s3cret-word" not in done.stderr


@pytest.mark.parametrize(
    "name", ["Agent 7", "a/b", "..", ".", "ünicode 🙂", "%2F", "a?b#c", "a\\b"]
)
def test_any_other_name_works(receiver: Receiver, tmp_path: Path, name: str) -> None:
    from urllib.parse import unquote

    from services.metrics.protocol.grouping_key import parse_path

    code = f"import dreamos.core.metrics as m; m.start(agent={name!r}, strict=True)"
    assert 0 == run(code, receiver.url, tmp_path).returncode
    path = receiver.pushes[-1].path
    assert name == parse_path(path).agent, unquote(path)


def test_psutil_that_cannot_see_the_process_does_not_matter(
    receiver: Receiver, tmp_path: Path
) -> None:
    code = "import psutil; psutil.PROCFS_PATH = '/nowhere'\n" + WRONG.replace(
        "ARGUMENTS", "agent='A', strict=True"
    ).replace("flush(1)", "flush(60)")
    done = run(code, receiver.url, tmp_path)
    assert (0, "1.0 None True\n") == (done.returncode, done.stdout), done.stderr
    assert 1 == receiver.pushes[-1].value("tasks_total")


@pytest.mark.parametrize(
    ("arguments", "variable", "seconds"),
    [("stalled_after=300", "", 300), ("", "120", 120), ("stalled_after=300", "120", 300)],
)
def test_the_time_after_which_an_agent_is_stalled_is_exported(
    receiver: Receiver, tmp_path: Path, arguments: str, variable: str, seconds: float
) -> None:
    code = (
        f"import dreamos.core.metrics as m; m.start(agent='A'{', ' * bool(arguments)}{arguments})"
    )
    more = {"DREAMOS_METRICS_STALLED_AFTER": variable} if variable else {}
    assert 0 == run(code, receiver.url, tmp_path, **more).returncode
    last = receiver.pushes[-1]
    assert seconds == last.value("dreamos_agent_stalled_after_seconds")
    assert "# dreamos:aggregate dreamos_agent_stalled_after_seconds max" in last.text


def test_an_agent_that_says_nothing_exports_no_such_time(
    receiver: Receiver, tmp_path: Path
) -> None:
    assert (
        0
        == run(
            "import dreamos.core.metrics as m; m.start(agent='A')", receiver.url, tmp_path
        ).returncode
    )
    assert "stalled_after" not in receiver.pushes[-1].text


CALLS = """
import dreamos.core.metrics as m
from dreamos_metrics.metrics.errors import error_counts
COUNTER = m.Counter("c_total", "C", ["k"])
u, g, h = m.Counter("u_total", "U"), m.Gauge("g", "G", ["k"]), m.Histogram("h", "H", ["k"])
s, i, x = m.Summary("s", "S"), m.Info("i", "I"), m.Gauge("x", "X")
"""
WRONG_CALLS = [
    "COUNTER.inc(k='v')", "COUNTER.inc(1, k='v')",
    "COUNTER.inc(amount=1, label='v')", "u.inc(k='v')", "u.inc(2, k='v')",
    "g.set(1, k='v')", "g.set()", "x.set()", "x.set(1, 2, 3, 4)", "g.inc(k='v')", "g.dec(k='v')",
    "h.observe(1, k='v')", "h.observe()", "s.observe(1, k='v')", "s.observe()",
    "i.info()", "i.info({}, k='v')", "COUNTER.remove(k='v')",
]  # fmt: skip


@pytest.mark.parametrize("lock", ["", "1"])
def test_a_call_with_labels_as_keywords_is_counted_and_not_raised(
    tmp_path: Path, receiver: Receiver, lock: str
) -> None:
    body = "".join(
        f"{call}\nassert {n} == sum(error_counts().values()), ({call!r}, error_counts())\n"
        for n, call in enumerate(WRONG_CALLS, 1)
    )
    more = {"DREAMOS_METRICS_LOCK": lock} if lock else {}
    end = "assert 0 == u.value + x.value + s.count, (u.value, x.value, s.count)\n"
    done = run(CALLS + body + end, receiver.url, tmp_path, **more)
    assert 0 == done.returncode, done.stderr
    assert "tags={...}" in done.stderr


def test_each_metric_that_is_used_wrongly_is_named_once(receiver: Receiver, tmp_path: Path) -> None:
    code = CALLS + "for _ in range(3): COUNTER.inc(-1); u.inc(-1); COUNTER.labels(1, 2).inc()\n"
    done = run(code, receiver.url, tmp_path)
    said = [line.split(": ")[1:3] for line in done.stderr.splitlines()]
    named = sorted((reason, detail.split("{")[0].split(" ")[-1]) for reason, detail in said)
    assert [("wrong_labels", "c"), ("wrong_value", "c"), ("wrong_value", "u")] == named


@pytest.mark.parametrize("kind", ["silent pipe", "endless", "folder"])
def test_a_token_file_that_never_ends_holds_up_nobody(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "token"
    if kind == "silent pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path = Path("/dev/zero")
    else:
        path.mkdir()
    given = {"DREAMOS_METRICS_AGENT": "A", "DREAMOS_METRICS_TOKEN_FILE": str(path)}
    with pytest.raises((ValueError, OSError), match=re.escape(str(path))):
        read_settings(given)


def test_a_token_may_come_out_of_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "token"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("right\n",))
    writer.start()
    given = {"DREAMOS_METRICS_AGENT": "A", "DREAMOS_METRICS_TOKEN_FILE": str(path)}
    token = read_settings(given).token
    writer.join(60)
    assert "right" == token
