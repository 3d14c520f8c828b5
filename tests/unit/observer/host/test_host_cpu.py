from __future__ import annotations

from pathlib import Path

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.cpu import Cpu, pressure
from services.metrics.observer.host.source import Source
from tests.unit.observer.reading import value, values


def read(cpu: Cpu, proc: Path, line: str) -> dict[str, float]:
    (proc / "stat").write_text(f"cpu  0\n{line}\nctxt 5\nbtime 7\n")
    out = MetricBuilder()
    cpu.collect(Source(proc=str(proc)), out)
    return values(out.list(), "node_cpu_seconds_total", "mode")


def test_time_that_steps_back_a_little_is_held_at_its_highest(tmp_path: Path) -> None:
    cpu = Cpu()
    read(cpu, tmp_path, "cpu0 100 0 0 5000 700 0 0 0 0 0")
    after = read(cpu, tmp_path, "cpu0 101 0 0 4990 699 0 0 0 0 0")
    assert 50.0 == after["idle"]
    assert 7.0 == after["iowait"]
    assert 1.01 == after["user"]


def test_a_cpu_that_came_back_starts_anew(tmp_path: Path) -> None:
    cpu = Cpu()
    read(cpu, tmp_path, "cpu0 100 0 0 5000 700 0 0 0 0 0")
    assert 1.0 == read(cpu, tmp_path, "cpu0 1 0 0 100 0 0 0 0 0 0")["idle"]


def test_the_used_share_counts_everything_but_idle_and_iowait(tmp_path: Path) -> None:
    cpu = Cpu()
    read(cpu, tmp_path, "cpu0 0 0 0 0 0 0 0 0 0 0")
    before = cpu.snapshot()
    read(cpu, tmp_path, "cpu0 100 50 50 600 200 0 0 0 0 0")
    assert 0.2 == cpu.used_ratio(before)


def test_the_used_share_is_unknown_when_no_time_has_passed() -> None:
    assert Cpu().used_ratio({}) is None


def test_old_kernels_with_fewer_columns_are_read(tmp_path: Path) -> None:
    assert {"user": 1.0, "nice": 2.0, "system": 3.0, "idle": 4.0} == read(
        Cpu(), tmp_path, "cpu0 100 200 300 400"
    )


def test_pressure_is_told_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "pressure").mkdir()
    line = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 total={}\n"
    for resource, some, full in (("cpu", 1, 0), ("io", 2_500_000, 1_000_000), ("memory", 3, 4)):
        (tmp_path / "pressure" / resource).write_text(line.format(some, full))
    out = MetricBuilder()
    pressure(Source(proc=str(tmp_path)), out)
    assert 2.5 == value(out.list(), "node_pressure_io_waiting_seconds_total")
    assert 1.0 == value(out.list(), "node_pressure_io_stalled_seconds_total")
    assert value(out.list(), "node_pressure_cpu_stalled_seconds_total") is None
