"""Metrics from log records, and a formatter that keeps what they are read from.

    from dreamos_metrics import logs

    logs.install()                     # counts what any logger of this process handles
    logging.basicConfig()              # before or after: the one does not see the other
    logging.getLogger().handlers[0].setFormatter(logs.JSONFormatter())

Counted are the file events (`dreamos_metrics.instrumentation.log_events` has the table) and every
record from WARNING up, by logger and level, in `dreamos_log_records_total`. Nothing of a message
becomes a label.

The standard format prints a record's message and drops its `extra` fields, so file metrics can not
be rebuilt from a log file. They are read inside the process; `JSONFormatter` writes them down for
those who collect logs.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timezone

from dreamos_metrics.instrumentation import log_events
from dreamos_metrics.instrumentation.capped_label import CappedLabel
from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import record_error

__all__ = ["JSONFormatter", "MetricsHandler", "install", "uninstall"]

_RECORDS = Counter(
    "dreamos_log_records_total",
    "Log records of level WARNING and above, by logger and level",
    ["logger", "level"],
)
_logger_name = CappedLabel("logger", cap=100)
_SEEN = "_dreamos_seen"


class MetricsHandler(logging.Handler):
    """Turns log records into metrics. It writes nothing anywhere and never raises.

    `install` needs no handler of yours. Attach one yourself where a configuration names handlers
    (`logging.config.dictConfig`, a `QueueListener`). Attach it to as many loggers as you like: a
    record that is offered several times is counted once. A record of the file tools, which count
    for themselves, is not counted again.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record."""
        try:
            if not record.__dict__.get(_SEEN):
                record.__dict__[_SEEN] = True
                _count(record)
        except Exception as error:  # noqa: BLE001 - a log call must not fail for its metrics
            record_error("log_record", type(error).__name__)


_installed: dict[logging.Logger, MetricsHandler] = {}


def install(
    logger: logging.Logger | str | None = None, *, level: int | None = None
) -> MetricsHandler:
    """Count what a logger (default: root) and all loggers below it handle; twice is once.

    Nothing is added to any logger: `logging.basicConfig`, Flask and the handler of last resort look
    for handlers, and would keep quiet beside one that writes nothing. So loggers that do not
    propagate are counted as well. What a logger's level or filter stops is not counted, nor what a
    disabled logger is told.

    Args:
        logger: a logger or its name.
        level: set the logger's level too. The seed's success events are INFO records, which a
            logger at its default level WARNING drops.

    Returns:
        What counts. It takes a level and filters as every handler does.
    """
    target = _logger(logger)
    if level is not None:
        target.setLevel(level)
    _look_into_loggers()
    return _installed.setdefault(target, MetricsHandler())


def uninstall(logger: logging.Logger | str | None = None) -> None:
    """Count no longer for this logger; one without `install` is ignored."""
    _installed.pop(_logger(logger), None)


def _logger(logger: logging.Logger | str | None) -> logging.Logger:
    return logger if isinstance(logger, logging.Logger) else logging.getLogger(logger)


@functools.cache
def _look_into_loggers() -> None:
    """Let every logger offer its records, once in a process."""
    call_handlers = logging.Logger.callHandlers

    @functools.wraps(call_handlers)
    def offer_and_call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if _installed:
            _offer(self, record)
        call_handlers(self, record)

    # The place behind levels, filters and `disabled`, and before any handler; error trackers look
    # into loggers here too.
    logging.Logger.callHandlers = offer_and_call_handlers  # type: ignore[method-assign]


def _offer(logger: logging.Logger, record: logging.LogRecord) -> None:
    try:
        above: logging.Logger | None = logger
        while above is not None:
            handler = _installed.get(above)
            if handler is not None and record.levelno >= handler.level:
                handler.handle(record)
            above = above.parent
    except Exception as error:  # noqa: BLE001 - somebody's filter; see `MetricsHandler.emit`
        record_error("log_record", type(error).__name__)


def _count(record: logging.LogRecord) -> None:
    if record.levelno >= logging.WARNING:
        _RECORDS.labels(_logger_name(record.name), _level(record.levelno)).inc()
    event = record.msg
    if type(event) is str:
        log_events.count(event, record)


def _level(number: int) -> str:
    if number >= logging.CRITICAL:
        return "CRITICAL"
    return "ERROR" if number >= logging.ERROR else "WARNING"


_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "asctime",
    "message",
    "taskName",
}


class JSONFormatter(logging.Formatter):
    """Write a record as one line of JSON: timestamp, level, logger, message and every extra field.

    The timestamp is UTC in ISO 8601. An extra field with one of these names is kept as
    `extra.<name>`; a value that JSON does not know is written as its text. `exception` and `stack`
    hold what was logged with the record. The line is ASCII, whatever is in the fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for one record."""
        fields: dict[str, object] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        for name, value in vars(record).items():
            if name not in _STANDARD and name != _SEEN:
                fields[f"extra.{name}" if name in fields else name] = value
        return _dump(fields)


def _timestamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the message; keep the line
        return f"{record.msg!s} {record.args!r}"


def _dump(fields: Mapping[str, object]) -> str:
    try:
        return json.dumps(fields, allow_nan=False, default=_plain)
    except Exception:  # noqa: BLE001 - NaN, keys that are no text, cycles: find the field
        return json.dumps({name: _safe(value) for name, value in fields.items()}, default=_plain)


def _safe(value: object) -> object:
    try:
        json.dumps(value, allow_nan=False, default=_plain)
    except Exception:  # noqa: BLE001 - as above
        return _plain(value)
    return value


def _plain(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the value's own __str__ may do anything
        return f"<{type(value).__name__}>"
