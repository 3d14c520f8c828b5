"""What survives the death of the service, by real kills of a real process."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable

from tests.contract.conftest import Running
from tools.waiting import eventually, eventually_equal

FINAL = {"Dreamos_Final": "1"}


def counter(value: float) -> str:
    return f"# TYPE t_total counter\nt_total {value}\n"


def test_what_was_acknowledged_as_final_survives_a_kill(launch: Callable[..., Running]) -> None:
    service = launch()
    for process in range(20):
        reply = service.push(f"j/agent/A/incarnation/{process}", counter(1), **FINAL)
        assert 200 == reply.status
    service.kill()
    service.start()
    assert 20 == service.value("t_total", job="j", agent="A")
    assert 20 == service.value("dreamos_agent_incarnations_ended_total", end="clean")
    assert 1 == service.value("dreamos_agent_state", state="ended")


def test_an_ended_process_stays_ended_after_a_kill(launch: Callable[..., Running]) -> None:
    service = launch()
    path = "j/agent/A/incarnation/a"
    service.push(path, counter(3), Dreamos_Sequence="1", **FINAL)
    service.kill()
    service.start()
    reply = service.push(path, counter(3), Dreamos_Sequence="2", **FINAL)
    assert (200, "stale") == (reply.status, reply.headers["dreamos-result"])
    assert 3 == service.value("t_total", job="j")


def test_what_a_scrape_has_shown_survives_a_kill(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_FLUSH_INTERVAL="3600")
    for value in range(1, 4):
        path = "j/agent/A/incarnation/a"
        service.push(path, counter(value), Dreamos_Sequence=str(value))
        assert value == service.value("t_total", job="j")
        service.kill()
        service.start()
        assert value == service.value("t_total", job="j")
        assert 1 == service.value("dreamos_agent_state", state="running")


def test_everything_else_is_on_disk_soon_after(launch: Callable[..., Running]) -> None:
    service = launch(METRICS_FLUSH_INTERVAL="0.05")
    for value in (8, 9):
        before = _on_disk(service)
        service.push("j", f"# TYPE g gauge\ng {value}\n")
        eventually(lambda: _on_disk(service) != before)  # noqa: B023 - asked within this round
    service.kill()
    service.start()
    assert 9 == service.value("g", job="j")


def test_a_process_that_was_lost_before_a_kill_replaces_what_was_folded(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    path = "j/agent/A/incarnation/a"
    service.push(path, counter(3), Dreamos_TTL="0.1", Dreamos_Sequence="1")
    eventually_equal(1, lambda: service.value("dreamos_agent_state", state="lost"))
    service.kill()
    service.start()
    assert 3 == service.value("t_total", job="j")
    service.push(path, counter(5), Dreamos_Sequence="2")
    assert 5 == service.value("t_total", job="j")
    assert 1 == service.value("dreamos_agent_incarnations_ended_total", end="lost")


def test_a_damaged_file_is_put_aside_and_the_service_starts(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    service.push("j/agent/A/incarnation/a", counter(3), **FINAL)
    service.stop()
    file = service.folder / "data" / "metrics.db"
    file.write_bytes(b"this is no data file" * 500)
    service.start()
    assert None is service.value("t_total", job="j")
    assert 1 == len(list(file.parent.glob("metrics.db.damaged-*")))
    assert "was damaged" in service.log
    assert 200 == service.push("j/agent/A/incarnation/a", counter(3)).status


def test_a_second_service_in_the_same_folder_does_not_start(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    other = Running(service.folder)
    try:
        other.start()
    except AssertionError as error:
        assert "another service uses the data folder" in str(error)  # noqa: PT017
    else:
        raise AssertionError("it started")
    finally:
        other.kill()


def test_counters_never_fall_and_end_exact_while_the_service_is_killed(
    launch: Callable[..., Running],
) -> None:
    service = launch()
    stop = threading.Event()
    counted = [0] * 4

    def agent(number: int) -> None:
        process = sequence = 0
        while True:
            last = stop.is_set()
            for final in (False, True):
                value = (1 + sequence) if final else sequence
                sequence += 1
                headers = {"Dreamos_Sequence": str(sequence), **(FINAL if final else {})}
                path = f"j/agent/A{number}/incarnation/{process}"
                _deliver(service, path, counter(value), headers)
            counted[number] += 2
            process, sequence = process + 1, 0
            if last:
                return

    threads = [threading.Thread(target=agent, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    seen: dict[int, float] = {}
    chance = random.Random(7)
    for _ in range(6):
        for _ in range(5):
            _never_falls(service, seen)
            time.sleep(chance.random() * 0.1)
        service.kill()
        service.start()
    stop.set()
    for thread in threads:
        thread.join(60)
    _never_falls(service, seen)
    assert {n: float(total) for n, total in enumerate(counted)} == seen


def _on_disk(service: Running) -> str:
    """What another process finds in the data file; a scrape would have it written first."""
    file = f"file:{service.folder}/data/metrics.db?mode=ro"
    with contextlib.closing(sqlite3.connect(file, uri=True)) as connection:
        return "\n".join(connection.iterdump())


def _deliver(service: Running, path: str, body: str, headers: dict[str, str]) -> None:
    eventually(lambda: service.push(path, body, **headers).status == 200, within=300, every=0.02)


def _never_falls(service: Running, seen: dict[int, float]) -> None:
    for line in service.scrape().splitlines():
        if line.startswith("t_total{"):
            number = int(line.partition('agent="A')[2].partition('"')[0])
            value = float(line.rpartition(" ")[2])
            assert value >= seen.get(number, 0.0)
            seen[number] = value
