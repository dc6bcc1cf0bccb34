"""Files of events -> a delivery, and how far each was read into its store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from actions_engine.cli.events import Chunk, read_events
from actions_engine.cli.pipe import read_pipe
from actions_engine.delivery.delivery import Delivery

#: Calls that may be pending at every destination before reading waits: enough to keep each busy.
MOST_PENDING = 20_000
#: Messages about unreadable lines that are kept; all of them are counted.
MOST_MESSAGES = 100
_POLL = 0.3


@dataclass(slots=True)
class Feed:
    """What was read.

    Attributes:
        unreadable: Lines that are no event.
        messages: Which, and why: the first of them.
    """

    unreadable: int = 0
    messages: list[str] = field(default_factory=list)

    def complain(self, message: str) -> None:
        """Count an unreadable line."""
        self.unreadable += 1
        if len(self.messages) < MOST_MESSAGES:
            self.messages.append(message)


class _Position(msgspec.Struct):
    """How far a file was read: lines, and a digest of the first, by which another file of its name is told."""

    lines: int = 0
    first: str = ""


async def feed(delivery: Delivery, files: tuple[str, ...], *, follow: bool, fed: Feed) -> None:
    """Accept the events of files, each from where it was left; with `follow`, what is appended to them too."""
    for path in files:
        if path == "-":
            await _accept_all(delivery, "-", read_pipe(), _Position(), fed)
    plain = [path for path in files if path != "-"]
    positions = {path: await _position(delivery, path) for path in plain}
    while True:
        for path in plain:
            await _accept_all(delivery, path, _chunks(path), positions[path], fed)
        if not follow or not plain:
            return
        await asyncio.sleep(_POLL)


async def _position(delivery: Delivery, path: str) -> _Position:
    written = await delivery.position(_name(path))
    if written is None:
        return _Position()
    try:
        position = msgspec.json.decode(written, type=_Position)
    except msgspec.DecodeError:
        return _Position()
    # A file that starts with another line is another file: it is read from its beginning.
    return position if position.first == _first_line(path) else _Position()


def _name(path: str) -> str:
    return str(Path(path).resolve())


def _first_line(path: str) -> str:
    chunk = next(read_events(path, lambda _count: None), None)
    return "" if chunk is None else _digest(chunk.lines[0])


def _digest(line: bytes) -> str:
    return hashlib.sha256(line.strip()).hexdigest()[:16]


async def _chunks(path: str) -> AsyncIterator[Chunk]:
    """Read in a thread: a slow disk must not hold up what is being delivered."""
    chunks: Iterator[Chunk] = read_events(path, lambda _count: None)
    while True:
        chunk = await asyncio.to_thread(next, chunks, None)
        if chunk is None:
            return
        yield chunk


async def _accept_all(
    delivery: Delivery, path: str, chunks: AsyncIterator[Chunk], position: _Position, fed: Feed
) -> None:
    shown = "stdin" if path == "-" else path
    async for chunk in chunks:
        last = chunk.first + len(chunk.lines) - 1
        if last <= position.lines:
            continue
        lines = chunk.lines[max(0, position.lines - chunk.first + 1) :]
        first = last - len(lines) + 1
        is_cut = not lines[-1].endswith(b"\n") and not _is_event(lines[-1])
        if is_cut and path != "-" and await _grows(path):
            # Somebody is still writing this line: it is taken when it is whole.
            lines, last = lines[:-1], last - 1
        events, numbers = [], []
        for number, line in enumerate(lines, start=first):
            if line.strip():
                event = _read(line, f"{shown}:{number}", fed)
                if event is not None:
                    events.append(event)
                    numbers.append(number)
        if chunk.first == 1 and chunk.lines:
            position.first = _digest(chunk.lines[0])
        position.lines = last
        kept = None if path == "-" else (_name(path), msgspec.json.encode(position).decode())
        receipt = await delivery.accept(events, position=kept)
        for refusal in receipt.refused:
            fed.complain(f"{shown}:{numbers[refusal.number]}: {refusal.reason}")
        while delivery.backlog() > MOST_PENDING:
            await asyncio.sleep(0.02)


async def _grows(path: str) -> bool:
    size = Path(path).stat().st_size
    await asyncio.sleep(_POLL)
    return Path(path).stat().st_size != size


def _is_event(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False


def _read(line: bytes, place: str, fed: Feed) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        fed.complain(f"{place}: not JSON: {reason.removeprefix('JSON is malformed: ')}")
    return None
