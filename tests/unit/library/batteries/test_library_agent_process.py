"""The handle of the agent, and what its own process uses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import prometheus_client
import psutil
import pytest
from prometheus_client import REGISTRY

from dreamos.core.metrics import testing
from dreamos_metrics.instrumentation.process import ProcessFigures, open_files, watch_process
from dreamos_metrics.metrics import snapshot_hooks

value = testing.value


class TestOwnProcess:
    def test_threads_are_those_of_the_system(self) -> None:
        watch_process()
        inside, leave = threading.Event(), threading.Event()

        def stay() -> None:
            inside.set()
            leave.wait(60)

        thread = threading.Thread(target=stay)
        before = psutil.Process().num_threads()
        thread.start()
        inside.wait(60)
        snapshot_hooks.run_hooks()
        shown = value("dreamos_agent_threads")
        leave.set()
        thread.join()
        assert before + 1 == shown

    def test_psutil_says_what_prometheus_client_says_where_both_can(self) -> None:
        ours = {family.name: family.samples[0].value for family in ProcessFigures().collect()}
        assert value("process_start_time_seconds") == pytest.approx(
            ours["process_start_time_seconds"], abs=1
        )
        assert ours["process_open_fds"] == pytest.approx(value("process_open_fds"), abs=2)
        assert ours["process_cpu_seconds"] == pytest.approx(
            value("process_cpu_seconds_total"), abs=0.5
        )
        assert ours["process_resident_memory_bytes"] == pytest.approx(
            value("process_resident_memory_bytes"), rel=0.2
        )

    def test_where_prometheus_client_shows_the_process_it_is_not_shown_twice(self) -> None:
        watch_process()
        names = [family.name for family in REGISTRY.collect()]
        assert 1 == names.count("process_start_time_seconds")

    def test_where_nobody_shows_the_process_psutil_does_once(self) -> None:
        REGISTRY.unregister(prometheus_client.PROCESS_COLLECTOR)
        try:
            watch_process()
            watch_process()
            ours = [c for c in REGISTRY._collector_to_names if isinstance(c, ProcessFigures)]
            started = value("process_start_time_seconds")
            for collector in ours:
                REGISTRY.unregister(collector)
        finally:
            REGISTRY.register(prometheus_client.PROCESS_COLLECTOR)
        assert 1 == len(ours)
        assert psutil.Process().create_time() == pytest.approx(started, abs=1)

    def test_a_process_that_is_gone_has_no_count_of_files(self) -> None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        gone = psutil.Process(child)
        os.waitpid(child, 0)
        assert open_files(gone) is None


class TestHandle:
    @staticmethod
    def output(code: str, **more: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DREAMOS_METRICS_SPOOL": "",
                 "DREAMOS_METRICS_URL": "http://127.0.0.1:9", **more},
        )  # fmt: skip
        return done.stdout.split()

    def test_start_returns_the_handle_of_the_process_also_the_second_time(self) -> None:
        code = (
            "from dreamos.core.metrics import Agent, current_agent, start\n"
            "before = current_agent()\n"
            "print(before.name)\n"
            "agent = start(agent='Agent-1')\n"
            "print(isinstance(agent, Agent), agent is before is start(agent='Agent-1'), agent.name)"
        )
        assert ["None", "True", "True", "Agent-1"] == self.output(code)

    def test_the_environment_alone_names_the_agent_and_shows_its_process(self) -> None:
        code = (
            "import sys\n"
            "from dreamos.core.metrics import current_agent, testing\n"
            "print(current_agent().name, testing.value('dreamos_agent_info', python=sys.version.split()[0]))"
        )
        assert ["Agent-2", "1.0"] == self.output(code, DREAMOS_METRICS_AGENT="Agent-2")
