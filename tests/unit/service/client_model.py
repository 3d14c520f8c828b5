"""The messages of `io.prometheus.client`, declared here for the official protobuf library.

Field numbers and types are those of metrics.proto of prometheus/client_model, which no package on
PyPI ships. So the library that everybody uses, not a reader of ours, judges what the service sends.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

_PACKAGE = "io.prometheus.client"
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "double": _Field.TYPE_DOUBLE,
    "int64": _Field.TYPE_INT64,
    "uint64": _Field.TYPE_UINT64,
    "int32": _Field.TYPE_INT32,
    "sint32": _Field.TYPE_SINT32,
    "uint32": _Field.TYPE_UINT32,
    "sint64": _Field.TYPE_SINT64,
    "string": _Field.TYPE_STRING,
}
_MESSAGES = {
    "LabelPair": "1 string name, 2 string value",
    "Time": "1 int64 seconds, 2 int32 nanos",
    "Gauge": "1 double value",
    "Exemplar": "1 *LabelPair label, 2 double value, 3 Time timestamp",
    "Counter": "1 double value, 2 Exemplar exemplar, 3 Time created_timestamp",
    "Quantile": "1 double quantile, 2 double value",
    "Summary": (
        "1 uint64 sample_count, 2 double sample_sum, 3 *Quantile quantile, 4 Time created_timestamp"
    ),
    "Untyped": "1 double value",
    "BucketSpan": "1 sint32 offset, 2 uint32 length",
    "Bucket": (
        "1 uint64 cumulative_count, 4 double cumulative_count_float, 2 double upper_bound,"
        " 3 Exemplar exemplar"
    ),
    "Histogram": (
        "1 uint64 sample_count, 4 double sample_count_float, 2 double sample_sum, 3 *Bucket bucket,"
        " 15 Time created_timestamp, 5 sint32 schema, 6 double zero_threshold, 7 uint64 zero_count,"
        " 8 double zero_count_float, 9 *BucketSpan negative_span, 10 *sint64 negative_delta,"
        " 11 *double negative_count, 12 *BucketSpan positive_span, 13 *sint64 positive_delta,"
        " 14 *double positive_count"
    ),
    "Metric": (
        "1 *LabelPair label, 2 Gauge gauge, 3 Counter counter, 4 Summary summary, 5 Untyped untyped,"
        " 7 Histogram histogram, 6 int64 timestamp_ms"
    ),
    "MetricFamily": "1 string name, 2 string help, 3 int32 type, 4 *Metric metric, 5 string unit",
}
COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)


def _declare() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(
        name="io/prometheus/client/metrics.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split(","):
            number, kind, field = text.split()
            label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            added = message.field.add(name=field, number=int(number), label=label)
            if kind in _TYPES:
                added.type = _TYPES[kind]
            else:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{_PACKAGE}.MetricFamily")
    return message_factory.GetMessageClass(found)


MetricFamily: Any = _declare()


def families(body: bytes) -> list[Any]:
    """Return the families of a delimited body."""
    stream = io.BytesIO(body)
    found = []
    while (family := parse_length_prefixed(MetricFamily, stream)) is not None:
        found.append(family)
    return found


def delimited(messages: Iterable[Any]) -> bytes:
    """Write families as a push has them."""
    stream = io.BytesIO()
    for message in messages:
        serialize_length_prefixed(message, stream)
    return stream.getvalue()


def family(name: str, kind: int, **metric: Any) -> Any:
    """Return a family with one metric, for example ``family("g", GAUGE, gauge={"value": 1})``."""
    return MetricFamily(name=name, type=kind, metric=[metric])
