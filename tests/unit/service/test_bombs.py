"""Bodies made to blow the service up: refused in little memory, and others do not notice."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from services.metrics.errors import Rejected
from services.metrics.exposition.messages import sized, varint
from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.parsing.protobuf import to_text
from services.metrics.parsing.size import check_size, max_comments, max_line_bytes
from services.metrics.parsing.text import parse
from services.metrics.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
LIMITS = Settings()
MAX_GROWTH_MB = 160
"""Of the process, the body of 16 MiB and its decompressed copy included."""
PRELUDE = """
import resource, sys
from services.metrics.errors import Rejected
from services.metrics.parsing.protobuf import to_text
from services.metrics.parsing.size import check_size
from services.metrics.parsing.text import parse
from services.metrics.settings import Settings
MIB = 1024 * 1024
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = used()
"""
ATTEMPT = """
for lenient in (False, True):
    reason = "taken"
    try:
        check_size(body, Settings())
        parse(body, False, lenient=lenient)
    except Rejected as refusal:
        reason = refusal.reason
    print(reason)
print(used() - before)
"""
BODIES = {
    "one label of 16 MiB": ("label", """body = b'a{x="' + b"y" * (16 * MIB - 9) + b'"} 1\\n'"""),
    "one label of escapes": ("label", """body = b'a{x="' + b"\\\\\\\\" * (8 * MIB - 9) + b'"} 1\\n'"""),
    "one label that does not end": ("label", """body = b'a{x="' + b"y" * (16 * MIB - 9) + b"\\n" """),
    "labels without end": ("label", """body = b'a{' + b'x="y",' * (2 * MIB) + b'} 1\\n'"""),
    "nothing but quotes": ("label", """body = b'a{' + b'"' * (16 * MIB - 9) + b"\\n" """),
    "one long name": ("label", """body = b"a" * (16 * MIB - 9) + b" 1\\n" """),
    "one long value": ("label", """body = b"a " + b"1" * (16 * MIB - 9) + b"\\n" """),
    "one long help": ("parse", """body = b"# HELP a " + b"1" * (16 * MIB - 19) + b"\\n" """),
    "comments": ("too_large", """body = b"#\\n#x\\n" * (3 * MIB)"""),
    "comments behind too many series": (
        "too_large", """body = b"a 1\\n" * 20_000 + b"#\\n#x\\n" * (3 * MIB)"""
    ),
    "empty lines": ("too_large", """body = b"\\n" * (16 * MIB)"""),
    "lines of blanks": ("too_large", """body = b" \\n" * (8 * MIB)"""),
    "samples behind a blank": ("too_large", """body = b" a 1\\n" * (3 * MIB)"""),
    "series": ("too_many_series", """body = b"a 1\\n" * (4 * MIB)"""),
}  # fmt: skip


def run(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script],
        capture_output=True, text=True, cwd=ROOT, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize("name", BODIES)
def test_a_body_of_16_mib_is_refused_in_little_memory(name: str) -> None:
    reason, body = BODIES[name]
    strict, lenient, megabytes = run(body + ATTEMPT)
    # Of a snapshot only the family of a label that is too long is left out.
    assert (reason, "taken" if reason == "label" else reason) == (strict, lenient)
    assert int(megabytes) < MAX_GROWTH_MB


@pytest.mark.parametrize(
    "content",
    [
        'b"\\x22\\x02\\x12\\x00" * (4 * MIB)',
        'b"\\x20\\x00" * (8 * MIB)',
        'b"\\x0a\\x02xx" * (4 * MIB)',
    ],
    ids=["gauges", "numbers", "names"],
)
def test_a_message_of_16_mib_is_refused_in_little_memory(content: str) -> None:
    reason, megabytes = run(f"""
from services.metrics.exposition.messages import varint
head = b"\\x0a\\x01a\\x18\\x01"
rest = {content}
body = varint(len(head) + len(rest)) + head + rest
reason = "taken"
try:
    to_text(body)
except Rejected as refusal:
    reason = refusal.reason
print(reason, used() - before)
""")
    assert reason in ("too_large", "too_many_series")
    assert int(megabytes) < MAX_GROWTH_MB


def test_a_message_of_many_series_is_refused() -> None:
    gauge = sized(b"\x12", b"\x09" + bytes(8))
    metrics = b"".join(
        sized(b"\x22", sized(b"\x0a", b"\x0a\x01n" + sized(b"\x12", b"%d" % n)) + gauge)
        for n in range(101)
    )
    content = b"\x0a\x01a\x18\x01" + metrics
    body = varint(len(content)) + content
    assert 101 == to_text(body, 101).count(b"\na{")
    with pytest.raises(Rejected, match="more than 10 series"):
        to_text(body, 10)


def test_the_longest_line_that_the_limits_allow_is_taken() -> None:
    value = "𝄞" * LIMITS.max_label_value
    labels = ",".join(
        f'{f"l{n:02}".ljust(LIMITS.max_label_name, "x")}="{value}"'
        for n in range(LIMITS.max_labels)
    )
    line = f"{'m' * LIMITS.max_metric_name}{{{labels}}} -1.2345678901234567e-300\n".encode()
    assert len(line) <= max_line_bytes(LIMITS)
    assert 1 == len(parse(line, False).series)


def test_as_many_comments_as_series_can_need_are_taken() -> None:
    one = (
        "# HELP m{0} x\n# TYPE m{0} counter\n# dreamos:aggregate m{0} sum\nm{0}_total {0}\n"
        "# TYPE m{0}_created gauge\nm{0}_created 1\n\n"
    )
    body = "".join(one.format(n) for n in range(LIMITS.max_series // 2)).encode()
    check_size(body, LIMITS)
    assert body.count(b"\n#") + body.count(b"\n\n") < max_comments(LIMITS)


def test_what_a_template_keeps_is_bounded() -> None:
    body = b"".join(b'a{x="%d",y="%s"} 1\n' % (n, b"z" * 2_000) for n in range(8_000))
    template = BodyTemplate(parse(body, False))
    assert len(body) - 2 * 8_000 < template.bytes < 2 * len(body)
    assert template.match(body) is not None


def test_a_bomb_in_gzip_is_refused_by_its_size() -> None:
    from services.metrics.protocol.headers import decode

    bomb = gzip.compress(b'a{x="' + b"y" * (64 * 1024 * 1024) + b'"} 1\n', 9)
    assert len(bomb) < 80_000
    with pytest.raises(Rejected, match="after decompression"):
        decode(bomb, "gzip", LIMITS.max_body_bytes)
