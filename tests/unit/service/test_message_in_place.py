"""A message that is changed in place is, byte for byte, the one that would be made anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.exposition.body import Body
from services.metrics.exposition.layout import Layout
from services.metrics.exposition.protobuf import ProtobufRenderer
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.settings import Settings
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    disk = SqliteStorage(tmp_path)
    made = Store(Settings(), disk)
    yield made
    made.close()
    disk.close()


class Scrapes:
    """Scrapes a store by changing one message, and compares it with a new one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout: Layout | None = None
        self._renderer = ProtobufRenderer()
        self.layouts = 0
        store.on_list = self._renderer.prepare

    def scrape(self) -> tuple[Body, bytes]:
        """Return the body, and what is to be in it."""
        views = self._store.views()
        if self._layout is None or not self._layout.fits(views):
            self._layout = Layout(views, self._layout)
            self.layouts += 1
        body = self._renderer.render(self._layout, views)
        return body, ProtobufRenderer().render(Layout(views), views).take()


def body_of(chance: random.Random) -> str:
    lines = []
    for family in sorted(chance.sample(range(8), chance.randrange(1, 8))):
        rows = chance.sample(range(12), chance.randrange(1, 12))
        if family % 3 == 0:
            lines.append(f"# HELP c{family}_total {'h' * chance.choice([0, 3, 200])}")
            lines.append(f"# TYPE c{family}_total counter")
            lines += [f'c{family}_total{{n="{n}"}} {chance.randrange(10**9)}' for n in rows]
            lines.append(f"# TYPE c{family}_created gauge")
            lines += [f'c{family}_created{{n="{n}"}} 1700000000.{n}' for n in rows]
        elif family % 3 == 1:
            lines += [f'g{family}{{n="{n}",long="{"x" * n}"}} {chance.random()}' for n in rows]
        else:
            lines.append(f"# TYPE h{family} histogram")
            for n in rows:
                count = chance.randrange(1_000)
                lines.append(f'h{family}_bucket{{n="{n}",le="1"}} {count // 2}')
                lines.append(f'h{family}_bucket{{n="{n}",le="+Inf"}} {count}')
                if chance.random() < 0.7:
                    lines += [
                        f'h{family}_sum{{n="{n}"}} 1.5',
                        f'h{family}_count{{n="{n}"}} {count}',
                    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(12))
def test_through_any_changes(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    bodies = [body_of(chance).encode() for _ in range(6)]
    scrapes = Scrapes(store)
    lent: list[tuple[Body, bytes]] = []
    for _ in range(120):
        what = chance.random()
        target = parse_path(
            f"/metrics/job/j/agent/A{chance.randrange(6)}/incarnation/{chance.randrange(3)}"
        )
        if what < 0.70:
            text = chance.choice(bodies) if what < 0.5 else body_of(chance).encode()
            store.push(Push(target, text, replace=True, final=chance.random() < 0.05))
        elif what < 0.75:
            store.delete(parse_path(f"/metrics/job/j/agent/A{chance.randrange(6)}"))
        elif lent and what < 0.85:
            body, expected = lent.pop(chance.randrange(len(lent)))
            assert expected == body.take()
        else:
            body, expected = scrapes.scrape()
            if chance.random() < 0.3:
                lent.append((body, expected))
            else:
                assert expected == body.take()
    for body, expected in lent:
        assert expected == body.take()
    assert scrapes.layouts > 5


def test_a_family_that_grows_and_shrinks_for_ever_takes_no_more_room(store: Store) -> None:
    scrapes = Scrapes(store)
    sizes = []
    for number in range(300):
        rows = "".join(f'g{{n="{n}"}} {number}\n' for n in range(10 + number % 50))
        more = f"{rows}new_{number} 1\n".encode()
        store.push(Push(parse_path("/metrics/job/a"), more, replace=True))
        store.push(Push(parse_path(f"/metrics/job/b{number % 7}"), rows.encode(), replace=True))
        found, expected = scrapes.scrape()
        with found:
            assert expected == b"".join(found.pieces)
            buffer = memoryview(found.pieces[0]).obj
            assert isinstance(buffer, bytearray)
            sizes.append(len(buffer))
    assert max(sizes[100:]) <= 4 * max(sizes[:100])
    assert max(sizes) < 40 * len(expected)
