"""Files of events on their way into a store: read on, rewritten, rotated, cut."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from actions_engine import Engine
from actions_engine.delivery.delivery import Delivery
from actions_engine.inputs.feed import Feed, feed


def lines(*numbers: int) -> bytes:
    """Return events as JSON Lines."""
    return b"".join(
        json.dumps({"type": "track", "event": "A", "messageId": f"m{number}"}).encode() + b"\n" for number in numbers
    )


@pytest.fixture
def delivery(tmp_path: Path) -> Callable[[], Delivery]:
    """Return a function that opens the same store again, accepting only."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text("destination: webhook\nsettings: {url: 'http://127.0.0.1:9/'}\npresets: all\n")
    engine = Engine.load(mapping, environ={})
    return lambda: Delivery(engine, str(tmp_path / "calls.db"), deliver=False)


def run(delivery: Callable[[], Delivery], path: Path) -> tuple[int, int, Feed]:
    """Feed a file once; return how many calls and duplicates there are in all, and what was complained of."""

    async def go() -> tuple[int, int, Feed]:
        fed = Feed()
        async with delivery() as opened:
            await feed(opened, (str(path),), follow=False, fed=fed)
            rows = await opened.ledger()
            return sum(row.accepted for row in rows), opened.metrics.duplicates, fed

    return asyncio.run(go())


def follow(delivery: Callable[[], Delivery], path: Path, steps: list[tuple[Callable[[], object], int]]) -> None:
    """Follow a file while it changes; after each step wait until so many calls are accepted in all."""

    async def go() -> None:
        fed = Feed()
        async with delivery() as opened:
            feeding = asyncio.create_task(feed(opened, (str(path),), follow=True, fed=fed))
            for step, expected in steps:
                step()
                async with asyncio.timeout(5):
                    while opened.metrics.total("accepted") != expected:
                        assert not feeding.done(), feeding.exception()
                        await asyncio.sleep(0.02)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            assert not opened.metrics.duplicates, "a line was read twice"
            assert not fed.messages

    asyncio.run(go())


def append(path: Path, text: bytes) -> None:
    """Write to the end of a file."""
    with path.open("ab") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("name", "write"),
    [("e.jsonl", bytes), ("e.jsonl.gz", gzip.compress), ("e.json", lambda text: b"[" + b",".join(text.split(b"\n")[:-1]) + b"]")],
)  # fmt: skip
def test_a_file_is_read_on(delivery: Callable[[], Delivery], tmp_path: Path, name: str, write: object) -> None:
    """A second run takes what was added since, and nothing twice, whatever the file's form."""
    assert callable(write)
    path = tmp_path / name
    path.write_bytes(write(lines(*range(700))))
    assert run(delivery, path)[:2] == (700, 0)
    path.write_bytes(write(lines(*range(900))))
    assert run(delivery, path)[:2] == (900, 0)
    assert run(delivery, path)[:2] == (900, 0)


@pytest.mark.parametrize(
    "other",
    [(0, 5, 6), (0,), (0, *range(11, 30)), tuple(range(11, 30))],
    ids=["shorter, same first line", "one line", "longer, same first line", "longer"],
)
def test_another_file_of_the_same_name_is_read_whole(
    delivery: Callable[[], Delivery], tmp_path: Path, other: tuple[int, ...]
) -> None:
    """A file that was rewritten is told by its last known line, and no event of it is left out."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 1, 2, 3))
    run(delivery, path)
    path.write_bytes(lines(*other))
    assert run(delivery, path)[0] == 4 + len(set(other) - {0})


def test_an_emptied_file_is_another(delivery: Callable[[], Delivery], tmp_path: Path) -> None:
    """Nothing is in it, then what comes is new."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0, 1, 2, 3))
    run(delivery, path)
    path.write_bytes(b"")
    assert run(delivery, path)[0] == 4
    path.write_bytes(lines(7))
    assert run(delivery, path)[0] == 5


def test_a_followed_file_is_read_as_it_grows(delivery: Callable[[], Delivery], tmp_path: Path) -> None:
    """Lines are taken when they are whole, from an empty file on, each once."""
    path, whole = tmp_path / "e.jsonl", lines(3)
    path.write_bytes(b"")
    follow(
        delivery,
        path,
        [
            (lambda: append(path, lines(0, 1)), 2),
            (lambda: append(path, lines(2) + whole[:9]), 3),
            (lambda: append(path, whole[9:]), 4),
            (lambda: append(path, lines(4).rstrip()), 5),
            (lambda: append(path, b"\n" + lines(5)), 6),
        ],
    )


def test_a_rotated_file_is_read_to_its_end(delivery: Callable[[], Delivery], tmp_path: Path) -> None:
    """What was written before the rename, unseen, comes before the new file's lines; a copied and cut one likewise."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0))

    def rotate() -> None:
        append(path, lines(1, 2))
        path.rename(tmp_path / "e.jsonl.1")
        path.write_bytes(lines(3))

    follow(
        delivery,
        path,
        [
            (lambda: None, 1),
            (rotate, 4),
            (lambda: append(path, lines(4)), 5),
            (lambda: path.write_bytes(lines(6)), 6),
            (lambda: path.write_bytes(lines(7, 8, 9, 10, 11)), 11),
            (lambda: append(path, lines(12)), 12),
        ],
    )


def test_a_broken_line_is_told_with_its_number(delivery: Callable[[], Delivery], tmp_path: Path) -> None:
    """It is counted once, also by a second run, is in the ledger, and hinders nothing."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(lines(0) + b"{broken\n" + b"[1]\n" + lines(1))
    accepted, _, fed = run(delivery, path)
    assert (accepted, fed.unreadable) == (4, 2)
    assert [message.partition(": ")[0] for message in fed.messages] == [f"{path}:2", f"{path}:3"]
    assert run(delivery, path)[2].unreadable == 0
