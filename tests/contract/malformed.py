"""Bodies that are wrong, each with the answer that is due: reason, line, and what is wrong."""

from __future__ import annotations

from typing import NamedTuple

OM = "application/openmetrics-text; version=1.0.0"
TEXT = "text/plain; version=0.0.4"


class Bad(NamedTuple):
    """A body and its answer.

    Args:
        name: of the case.
        body: is sent as it is.
        reason: why it is refused.
        line: the line that is to blame.
        kind: content type.
    """

    name: str
    body: str | bytes
    reason: str
    line: int
    kind: str = TEXT


HISTOGRAM = "# TYPE h histogram\n"

CORPUS = [
    Bad("no newline at the end", "a 1\nb 2", "parse", 2),
    Bad("carriage return", "a 1\r\n", "value", 1),
    Bad("no value", "a\n", "parse", 1),
    Bad("no value after labels", 'a{x="1"}\n', "parse", 1),
    Bad("no blank before the value", 'a{x="1"}1\n# EOF\n', "parse", 1, OM),
    Bad("value that a float64 does not hold", "a 1e400\n", "value", 1),
    Bad("a sign before NaN", "a +NaN\n", "value", 1),
    Bad("name that is too long", "a" * 300 + " 1\n", "name", 1),
    Bad("byte order mark", b"\xef\xbb\xbfa 1\n", "utf8", 1),
    Bad("UTF-16", "a 1\n".encode("utf-16-be"), "utf8", 1),
    Bad("UTF-16 with its mark", "a 1\n".encode("utf-16"), "utf8", 1),
    Bad("JSON", '{"a": 1}\n', "parse", 1),
    Bad("one line out of two, as curl -d sends it", "# TYPE a gaugea 1", "parse", 1),
    Bad("Windows line ends in a TYPE", "# TYPE a gauge\r\na 1\r\n", "type", 1),
    Bad("OpenMetrics with Windows line ends", "a 1\r\n# EOF\r\n", "parse", 2, OM),
    Bad("name of Prometheus' own", "up 0\n", "reserved", 1),
    Bad("name of an alert", 'ALERTS{alertname="x"} 1\n', "reserved", 1),
    Bad("name of a recording rule", "a:b 1\n", "reserved", 1),
    Bad("name of the machine's figures", "# TYPE node_load1 gauge\nnode_load1 1\n", "reserved", 1),
    Bad("name of the service's figures", "dreamos_ingest_pushes_total 1\n", "reserved", 1),
    Bad("value is a word", "a one\n", "value", 1),
    Bad("value with an underscore", "a 1_000\n", "value", 1),
    Bad("value in hex", "a 0x10\n", "value", 1),
    Bad("value with a comma", "a 1,5\n", "value", 1),
    Bad("name begins with a digit", "1a 1\n", "parse", 1),
    Bad("name with a dash", "a-b 1\n", "parse", 1),
    Bad("name with a dot", "a.b 1\n", "parse", 1),
    Bad("no name", "{} 1\n", "parse", 1),
    Bad("name in quotes", '{"a.b"} 1\n', "parse", 1),
    Bad("quote does not end", 'a{x="1} 1\n', "parse", 1),
    Bad("brace does not end", 'a{x="1" 1\n', "parse", 1),
    Bad("label without quotes", "a{x=1} 1\n", "label", 1),
    Bad("label name is a number", 'a{1="1"} 1\n', "label", 1),
    Bad("label name with a colon", 'a{x:y="1"} 1\n', "label", 1),
    Bad("reserved label name", 'a{__name__="b"} 1\n', "label", 1),
    Bad("the same label twice", 'a{x="1",x="2"} 1\n', "label", 1),
    Bad("no comma between labels", 'a{x="1"y="2"} 1\n', "label", 1),
    Bad("two commas", 'a{x="1",,y="2"} 1\n', "label", 1),
    Bad("only a comma", "a{,} 1\n", "label", 1),
    Bad("unknown escape", 'a{x="\\t"} 1\n', "parse", 1),
    Bad("label value is too long", 'a{x="' + "y" * 3000 + '"} 1\n', "label", 1),
    Bad("too many labels", "a{" + ",".join(f'l{i}="1"' for i in range(40)) + "} 1\n", "label", 1),
    Bad("not UTF-8", b'a 1\nb{x="\xff\xfe"} 1\n', "utf8", 2),
    Bad("a surrogate in UTF-8", b'a{x="\xed\xa0\x80"} 1\n', "utf8", 1),
    Bad("a null byte as the value", b"a \x00\n", "value", 1),
    Bad("duplicate series", 'a{x="1",y="2"} 1\nb 1\na{y="2",x="1"} 2\n', "duplicate", 3),
    Bad("duplicate series side by side", 'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n', "duplicate", 2),
    Bad("duplicate by an empty label", 'a 1\na{x=""} 2\n', "duplicate", 2),
    Bad("a second TYPE", "# TYPE a counter\n# TYPE a counter\na 1\n", "duplicate", 2),
    Bad("a second HELP", "# HELP a one\n# HELP a two\na 1\n", "duplicate", 2),
    Bad("TYPE after the samples", "a 1\n# TYPE a counter\n", "parse", 2),
    Bad("unknown type", "# TYPE a ratio\na 1\n", "type", 1),
    Bad("type of the other format", "# TYPE a info\na 1\n", "type", 1),
    Bad("OpenMetrics, TYPE without a type", "# TYPE a\na 1\n# EOF\n", "type", 1, OM),
    Bad("OpenMetrics, TYPE without a name", "# TYPE\na 1\n# EOF\n", "parse", 1, OM),
    Bad("HELP of a bad name", "# HELP 1a text\n", "parse", 1),
    Bad("help with an unknown escape", "# HELP a x\\qy\na 1\n", "parse", 1),
    Bad("negative counter", "# TYPE a counter\na -1\n", "value", 2),
    Bad("counter is not a number", "b 1\n# TYPE a counter\na NaN\n", "value", 3),
    Bad("endless counter", "# TYPE a counter\na +Inf\n", "value", 2),
    Bad("timestamp", "a 1 1700000000000\n", "timestamp", 1),
    Bad("timestamp is a word", "a 1 now\n", "value", 1),
    Bad("something after the timestamp", "a 1 1 1\n", "parse", 1),
    Bad("exemplar in the text format", 'a 1 # {x="y"} 1\n', "parse", 1),
    Bad("bucket without le", HISTOGRAM + 'h_bucket{x="1"} 1\n', "type", 2),
    Bad("le is a word", HISTOGRAM + 'h_bucket{le="big"} 1\n', "type", 2),
    Bad("le is NaN", HISTOGRAM + 'h_bucket{le="NaN"} 1\n', "type", 2),
    Bad("histogram sample by its bare name", HISTOGRAM + "h 1\n", "type", 2),
    Bad("no +Inf", HISTOGRAM + 'h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n', "type", 1),
    Bad("buckets fall", HISTOGRAM + 'h_bucket{le="+Inf"} 1\nh_bucket{le="1"} 2\n', "value", 2),
    Bad(
        "bound in two spellings",
        HISTOGRAM + 'h_bucket{le="1"} 1\nh_bucket{le="1.0"} 1\nh_bucket{le="+Inf"} 1\n',
        "duplicate",
        1,
    ),
    Bad(
        "count is not the last bucket", HISTOGRAM + 'h_bucket{le="+Inf"} 1\nh_count 2\n', "value", 3
    ),
    Bad("half an observation", HISTOGRAM + 'h_bucket{le="+Inf"} 1.5\n', "value", 2),
    Bad("info that is not 0 or 1", "# TYPE i info\ni_info 2\n# EOF\n", "value", 2, OM),
    Bad("state that is not 0 or 1", '# TYPE s stateset\ns{s="a"} 0.5\n# EOF\n', "value", 2, OM),
    Bad("negative bucket", HISTOGRAM + 'h_bucket{le="+Inf"} -1\n', "value", 2),
    Bad("summary without quantile", "# TYPE s summary\ns 1\n", "type", 2),
    Bad("quantile above 1", '# TYPE s summary\ns{quantile="1.5"} 1\n', "type", 2),
    Bad(
        "two families claim a name",
        HISTOGRAM + 'h_bucket{le="+Inf"} 1\n# TYPE h_sum gauge\nh_sum{x="1"} 1\n',
        "type",
        3,
    ),
    Bad("bad aggregate", "# dreamos:aggregate a mean\na 1\n", "parse", 1),
    Bad("aggregate after the samples", "a 1\n# dreamos:aggregate a max\n", "parse", 2),
    Bad("OpenMetrics without its end", "a 1\n", "parse", 1, OM),
    Bad("OpenMetrics goes on after its end", "a 1\n# EOF\nb 1\n# EOF\n", "parse", 3, OM),
    Bad("OpenMetrics with an empty line", "a 1\n\n# EOF\n", "parse", 2, OM),
    Bad("OpenMetrics with a free comment", "# hello\na 1\n# EOF\n", "parse", 1, OM),
    Bad("OpenMetrics with two spaces", "a  1\n# EOF\n", "parse", 1, OM),
    Bad("OpenMetrics with a tab", "a\t1\n# EOF\n", "parse", 1, OM),
    Bad("OpenMetrics, space between labels", 'a{x="1", y="2"} 1\n# EOF\n', "parse", 1, OM),
    Bad("OpenMetrics, comma at the end", 'a{x="1",} 1\n# EOF\n', "parse", 1, OM),
    Bad("OpenMetrics counter without _total", "# TYPE a counter\na 1\n# EOF\n", "type", 2, OM),
    Bad("OpenMetrics, type of the text format", "# TYPE a untyped\na 1\n# EOF\n", "type", 1, OM),
    Bad("OpenMetrics, interleaved", 'a 1\nb 1\na{x="1"} 1\n# EOF\n', "parse", 3, OM),
    Bad("OpenMetrics, unit not in the name", "# UNIT a seconds\n# EOF\n", "type", 1, OM),
    Bad("OpenMetrics timestamp", "a 1 1700000000\n# EOF\n", "timestamp", 1, OM),
    Bad("OpenMetrics stateset without its label", "# TYPE a stateset\na 1\n# EOF\n", "type", 2, OM),
    Bad(
        "exemplar that is too long",
        '# TYPE a counter\na_total 1 # {x="' + "y" * 130 + '"} 1\n# EOF\n',
        "parse",
        2,
        OM,
    ),
    Bad("exemplar without labels", "# TYPE a counter\na_total 1 # 1\n# EOF\n", "parse", 2, OM),
    Bad("exemplar without value", '# TYPE a counter\na_total 1 # {x="y"}\n# EOF\n', "parse", 2, OM),
]

FINE: list[tuple[str, str, str]] = [
    ("no blank before the value", 'a{x="1"}1\n', TEXT),
    ("families whose lines do not stand together", 'a{x="1"} 1\nb 1\na{x="2"} 2\n', TEXT),
    ("help after the samples", "a 1\n# HELP a text\n", TEXT),
    ("comments that end early", "# TYPE\n# TYPE a\n# HELP\n# HELP a\na 1\n", TEXT),
    ("comments without a blank, with tabs", "#TYPE\ta\tGauge\n#\tHELP a  text\na 1\n", TEXT),
    ("the type in capitals", "# TYPE a COUNTER\na 1\n", TEXT),
    ("what prometheus_client says of its text", "a 1\n", "text/plain; version=1.0.0"),
    ("any content type", "a 1\n", "application/json"),
    ("the last bucket by another word", HISTOGRAM + 'h_bucket{le="Infinity"} 1\n', TEXT),
    ("nothing at all", "", TEXT),
    ("only comments", "# hello\n#\n\n# TYPE a counter\n", TEXT),
    ("blanks and tabs wherever they may be", '  \n a\t{ x = "1" , } \t 2 \n', TEXT),
    ("every form of a number", "a 1.\nb .5\nc +1e-3\nd -Inf\ne nan\nf 1E5\ng infinity\n", TEXT),
    ("braces and commas in a label", 'a{x="},{\\"\\\\\\n",y="="} 1\n', TEXT),
    ("a very long line", 'a{x="' + "y" * 2000 + '",z="' + "ü" * 2000 + '"} 1\n', TEXT),
    ("a gauge that is not a number", "# TYPE a gauge\na NaN\n", TEXT),
    ("buckets in any order", HISTOGRAM + 'h_bucket{le="+Inf"} 2\nh_bucket{le="1"} 1\n', TEXT),
    (
        "help before and after type",
        "# HELP a x\n# TYPE a gauge\n# TYPE b gauge\n# HELP b x\na 1\n",
        TEXT,
    ),
    ("OpenMetrics with nothing", "# EOF\n", OM),
    ("OpenMetrics without a last newline", "a 1\n# EOF", OM),
    (
        "OpenMetrics with everything",
        '# HELP a_seconds some \\"help\\"\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n'
        'a_seconds_total{x="1"} 1 # {trace="t"} 0.5 1700000000.5\n'
        'a_seconds_created{x="1"} 1700000000\n'
        '# TYPE i info\ni_info{v="1"} 1\n# TYPE s stateset\ns{s="a"} 1\n# TYPE u unknown\nu 1\n'
        '# TYPE gh gaugehistogram\ngh_bucket{le="+Inf"} 1\ngh_gcount 1\ngh_gsum -1\n# EOF\n',
        OM,
    ),
]
