"""What is wrong is refused with the line that is wrong, and changes nothing."""

from __future__ import annotations

import gzip
import http.client

import pytest

from tests.contract.conftest import Running, ask
from tests.contract.malformed import CORPUS, FINE, TEXT, Bad

WITNESS = "# TYPE witness_total counter\nwitness_total 1\n"


@pytest.fixture(scope="module")
def witnessed(shared: Running) -> Running:
    shared.push("bad/agent/A/incarnation/1", WITNESS)
    shared.push("bad", "# TYPE witness gauge\nwitness 2\n")
    return shared


OF_THE_BODY = ("parse", "utf8", "too_large")
"""Reasons for which a snapshot is refused as a whole; for others single families are left out."""


@pytest.mark.parametrize("bad", CORPUS, ids=lambda bad: bad.name)
def test_it_is_refused_with_its_line_and_changes_nothing(witnessed: Running, bad: Bad) -> None:
    counted = f'dreamos_ingest_rejected_total{{reason="{bad.reason}"}}'
    before = _line(witnessed, counted)
    reply = witnessed.push("bad", bad.body, Content_Type=bad.kind)
    assert reply.text.startswith(f"{bad.reason}: line {bad.line}: "), reply.text
    assert 400 == reply.status
    assert before + 1 == _line(witnessed, counted)
    assert (1, 2) == (witnessed.value("witness_total"), witnessed.value("witness"))
    assert None is witnessed.value("a")


@pytest.mark.parametrize("bad", CORPUS, ids=lambda bad: bad.name)
def test_of_a_snapshot_the_family_is_left_out_and_the_rest_is_taken(
    witnessed: Running, bad: Bad
) -> None:
    path = "bad/agent/A/incarnation/1"
    reply = witnessed.push(path, bad.body, Content_Type=bad.kind)
    if bad.reason in OF_THE_BODY and reply.status == 400:
        assert reply.text.startswith(f"{bad.reason}: line {bad.line}: "), reply.text
    else:
        assert 200 == reply.status, reply.text
    assert None is witnessed.value("a", agent="A")
    assert 1 == witnessed.value("witness_total")
    good = "# TYPE kept gauge\nkept 7\n"
    body = bad.body if isinstance(bad.body, bytes) else bad.body.encode()
    if reply.status == 200:
        whole = good.encode() + body
        assert 200 == witnessed.push(path, whole, Content_Type=bad.kind).status
        assert 7 == witnessed.value("kept", agent="A")
    assert 200 == witnessed.push(path, WITNESS).status


def _line(service: Running, start: str) -> float:
    lines = service.scrape().splitlines()
    return float(next(line for line in lines if line.startswith(start)).rpartition(" ")[2])


@pytest.mark.parametrize(("name", "body", "kind"), FINE, ids=[case[0] for case in FINE])
def test_what_is_unusual_but_right_is_taken(
    shared: Running, name: str, body: str, kind: str
) -> None:
    for path in ("fine/agent/A/incarnation/1", "fine"):
        assert 200 == shared.push(path, body, Content_Type=kind).status
        assert shared.scrape(Accept=kind)
        shared.push("fine", method="DELETE")
        shared.push("fine/agent/A", method="DELETE")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (415, {"Content_Type": "application/vnd.google.protobuf"}),
        (415, {"Content_Type": "application/vnd.google.protobuf; proto=x; encoding=delimited"}),
        (415, {"Content_Encoding": "br"}),
        (400, {"Content_Encoding": "gzip"}),
        (400, {"Dreamos_Sequence": "0"}),
        (400, {"Dreamos_Sequence": "-1"}),
        (400, {"Dreamos_Sequence": "1.5"}),
        (400, {"Dreamos_Sequence": "9" * 30}),
        (400, {"Dreamos_TTL": "0"}),
        (400, {"Dreamos_TTL": "nan"}),
        (400, {"Dreamos_TTL": "soon"}),
        (400, {"Dreamos_Final": "yes"}),
        (400, {"Content_Type": "application/vnd.dreamos.values"}),
    ],
)
def test_headers_that_mean_nothing_are_refused(
    witnessed: Running, status: int, headers: dict[str, str]
) -> None:
    reply = witnessed.push("bad/agent/A/incarnation/1", WITNESS.replace("1\n", "9\n"), **headers)
    assert status == reply.status
    assert 1 == witnessed.value("witness_total")


@pytest.mark.parametrize(
    "path",
    [
        "job",
        "job/",
        "job@base64/=",
        "nojob/x",
        "agent/x/job/y",
        "job/x/y",
        "job/x/1y/z",
        "job/x/y-z/1",
        "job/x/__y/z",
        "job/x/y/1/y/2",
        "job/x/y//z/1",
        "job/x/y@base64/***",
        "job/x/y@base64/_w",
        "job/x/y/%ff",
        "job/x/incarnation/1",
        "job/x/agent/A/incarnation/" + "i" * 65,
        "job/x/" + "/".join(f"l{i}/v" for i in range(40)),
        "job/x/y/" + "v" * 3000,
        "job/x/" + "n" * 300 + "/1",
        "job/x/le/0.5",
        "job/x/quantile/0.5",
        "job/x/quantile@base64/MC41",
        "job/x/metrics",
        "metrics/job/x",
        "metrics",
    ],
)
def test_urls_that_name_no_group_are_refused(witnessed: Running, path: str) -> None:
    reply = ask(f"{witnessed.url}/metrics/{path}", WITNESS.encode(), "PUT")
    assert 400 == reply.status
    assert reply.text.startswith(("url: ", "label: ", "utf8: "))


def test_a_body_over_the_limit_is_refused_compressed_or_not(witnessed: Running) -> None:
    line = b"# " + b"x" * 1022 + b"\n"
    bomb = gzip.compress(line * 20_000, 9)
    assert len(bomb) < 200_000
    assert 413 == witnessed.push("bad", bomb, Content_Encoding="gzip").status
    assert 413 == witnessed.push("bad", line * 20_000).status
    assert 2 == witnessed.value("witness")


def test_a_chunked_body_has_the_same_limit(witnessed: Running) -> None:
    def chunks(count: int) -> list[bytes]:
        return [b"# " + b"x" * 65_533 + b"\n"] * count

    for count, status in ((3, 200), (400, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", witnessed.port, timeout=60)
        try:
            connection.request(
                "PUT",
                "/metrics/job/chunked",
                iter(chunks(count)),
                {"Content-Type": TEXT, "Transfer-Encoding": "chunked"},
                encode_chunked=True,
            )
            assert status == connection.getresponse().status
        except BrokenPipeError:
            assert status == 413
        finally:
            connection.close()


def test_a_gzip_body_that_is_cut_off_or_goes_on_is_refused(witnessed: Running) -> None:
    body = gzip.compress(WITNESS.encode() * 1)
    for damaged in (body[:-4], body + b"more", body[:10]):
        assert 400 == witnessed.push("bad", damaged, Content_Encoding="gzip").status
