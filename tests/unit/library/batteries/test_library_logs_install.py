"""`logs.install()` counts, and whoever looks for handlers finds what he would find without it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRELUDE = """
import logging, logging.config, logging.handlers, sys, threading
from dreamos_metrics import logs, testing

def counted(**labels):
    return testing.value("dreamos_log_records_total", labels)

"""


def run(code: str, folder: Path) -> tuple[str, str]:
    """Return what a program of its own writes to its output and to its error output."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("order", ["install first", "configure first"])
def test_basic_config_writes_as_without_it(order: str, tmp_path: Path) -> None:
    steps = ['logs.install("")', 'logging.basicConfig(format="%(levelname)s|%(message)s")']
    steps = steps if order == "install first" else steps[::-1]
    code = "\n".join([*steps, 'logging.getLogger("app.child").warning("disk is full")'])
    _, written = run(code + "\nassert 1 == counted(logger='app.child')", tmp_path)
    assert "WARNING|disk is full\n" == written


def test_the_handler_of_last_resort_still_writes(tmp_path: Path) -> None:
    _, written = run(
        """
        logs.install()
        logging.getLogger("app").error("nobody set anything up")
        logging.error("nor for the root: this sets it up")
        assert 1 == counted(logger="app", level="ERROR")
        assert 1 == counted(logger="root", level="ERROR")
        """,
        tmp_path,
    )
    assert "nobody set anything up\nERROR:root:nor for the root: this sets it up\n" == written


def test_a_dict_config_neither_loses_the_count_nor_is_disturbed_by_it(tmp_path: Path) -> None:
    _, written = run(
        """
        old = logging.getLogger("old")
        logs.install()
        logging.config.dictConfig({
            "version": 1, "disable_existing_loggers": True,
            "formatters": {"short": {"format": "%(name)s:%(message)s"}},
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "short"}},
            "root": {"handlers": ["console"], "level": "WARNING"},
            "loggers": {"quiet": {"level": "CRITICAL"}, "apart": {"propagate": False}},
        })
        old.error("a disabled logger says nothing")
        logging.getLogger("quiet").error("below its level")
        logging.getLogger("apart").error("no handler hears this")
        logging.getLogger("new").error("heard")
        assert 0 == counted(logger="old") + counted(logger="quiet")
        assert 1 == counted(logger="new") == counted(logger="apart")
        assert 2 == counted()
        """,
        tmp_path,
    )
    assert "new:heard" in written
    assert "disabled" not in written


def test_a_dict_config_may_name_the_handler_and_a_record_still_counts_once(tmp_path: Path) -> None:
    run(
        """
        logs.install()
        logging.config.dictConfig({
            "version": 1,
            "handlers": {"metrics": {"class": "dreamos_metrics.logs.MetricsHandler"},
                         "console": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["metrics", "console"]},
        })
        logging.getLogger("app").error("once")
        assert 1 == counted()
        """,
        tmp_path,
    )


def test_flask_gives_its_logger_the_handler_that_it_gives_it(tmp_path: Path) -> None:
    _, written = run(
        """
        logs.install()
        from flask import Flask
        app = Flask("shop")

        @app.get("/")
        def broken():
            raise RuntimeError("out of stock")

        assert 500 == app.test_client().get("/").status_code
        assert 1 == len(app.logger.handlers)
        assert 1 == counted(logger="shop", level="ERROR")
        """,
        tmp_path,
    )
    assert 1 == written.count("RuntimeError: out of stock")


def test_uvicorns_configuration_is_what_it_is_and_its_loggers_count(tmp_path: Path) -> None:
    _, written = run(
        """
        logs.install()
        import uvicorn.config
        logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
        logging.getLogger("uvicorn.error").error("application startup failed")
        logging.getLogger("app").warning("and the last resort")
        assert [] == logging.getLogger().handlers
        assert 1 == counted(logger="uvicorn.error") == counted(logger="app")
        """,
        tmp_path,
    )
    assert 1 == written.count("application startup failed")
    assert 1 == written.count("and the last resort")


def test_a_named_logger_counts_what_is_below_it_and_nothing_else(tmp_path: Path) -> None:
    run(
        """
        logs.install("app")
        apart = logging.getLogger("app.db.pool")
        apart.propagate = False
        for name in ("app", "app.db", "app.db.pool", "apple", "other"):
            logging.getLogger(name).error("x")
        assert 3 == counted()
        logs.uninstall("app")
        logging.getLogger("app").error("x")
        logs.uninstall("never installed")
        assert 3 == counted()
        """,
        tmp_path,
    )


def test_filters_and_levels_hold_the_loggers_own_and_those_of_what_counts(tmp_path: Path) -> None:
    run(
        """
        counter = logs.install()
        counter.setLevel(logging.ERROR)
        counter.addFilter(lambda record: "health" not in record.getMessage())
        noisy = logging.getLogger("noisy")
        noisy.addFilter(lambda record: False)
        noisy.error("filtered")
        logging.getLogger("app").warning("below the level")
        logging.getLogger("app").error("health check")
        logging.getLogger("app").error("counted")
        assert 1 == counted()

        def broken(record):
            raise RuntimeError("somebody's filter")
        counter.addFilter(broken)
        logging.getLogger("app").error("goes on")
        assert {"log_record": 1} == testing.errors()
        """,
        tmp_path,
    )


def test_threads_lose_and_double_nothing(tmp_path: Path) -> None:
    run(
        """
        logs.install()
        logging.basicConfig(stream=open("log", "w"))
        def work(name):
            for number in range(500):
                logging.getLogger(name).error("x")
        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert 4000 == counted()
        """,
        tmp_path,
    )


def test_a_queue_counts_where_the_record_was_made_only(tmp_path: Path) -> None:
    run(
        """
        import queue
        logs.install()
        line = queue.Queue()
        logging.getLogger().addHandler(logging.handlers.QueueHandler(line))
        logging.getLogger("app").error("x")
        listener = logging.handlers.QueueListener(line, logs.MetricsHandler())
        listener.start()
        listener.stop()
        assert 1 == counted()
        """,
        tmp_path,
    )
