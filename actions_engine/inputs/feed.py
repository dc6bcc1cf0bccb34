"""Files of events -> a delivery, and how far each was read into its store."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from actions_engine.delivery.delivery import Delivery
from actions_engine.errors import InputError
from actions_engine.inputs.events import Chunk, is_pipe, shown_path
from actions_engine.inputs.line import decode_event
from actions_engine.inputs.pipe import read_pipe
from actions_engine.inputs.tail import Tail
from actions_engine.wording import counted

logger = logging.getLogger("actions_engine.inputs")

#: Calls that may be pending at every destination before reading waits: enough to keep each busy.
MOST_PENDING = 20_000
#: Messages about unreadable lines that are kept; all of them are counted.
MOST_MESSAGES = 100
_POLL = 0.3


@dataclass(slots=True)
class Feed:
    """What was read.

    Attributes:
        unreadable: Lines that are no event; the ledger accounts for them.
        unnamed: Events without a `messageId`.
        failed: Inputs that could not be read to their end.
        messages: Which, and why: the first of them.
    """

    unreadable: int = 0
    unnamed: int = 0
    failed: int = 0
    messages: list[str] = field(default_factory=list)

    def tell(self, message: str) -> None:
        """Keep a message, if it is among the first."""
        if len(self.messages) < MOST_MESSAGES:
            self.messages.append(message)


class _Position(msgspec.Struct):
    """How far a file was read: lines, and digests of the first and the last, by which another of its name is told.

    `generation` counts the files that had the name: lines of two of them are never taken for one.
    """

    lines: int = 0
    first: str = ""
    last: str = ""
    generation: int = 0


class _AnotherFileError(Exception):
    """The file is not the one whose position is known."""


@dataclass(slots=True)
class _Input:
    """A file, and how far its events were accepted."""

    path: str
    position: _Position = field(default_factory=_Position)


async def feed(delivery: Delivery, files: tuple[str, ...], *, follow: bool, fed: Feed) -> None:
    """Accept the events of files, each from where it was left; with `follow`, what is appended to them too.

    An input that cannot be read to its end is told, what is whole of it is accepted, and the others are read.
    """
    tails: dict[str, Tail] = {}
    for path in files:
        if path == "-" or is_pipe(path):
            with _told(fed):
                await _accept_all(delivery, pipe := _Input(path), read_pipe(path), fed)
                _tell_end(pipe)
        else:
            tails[path] = Tail(path)
    ended: set[str] = set()
    inputs = {path: _Input(path, await _position(delivery, path)) for path in tails}
    try:
        while True:
            for path, tail in list(tails.items()):
                failed = fed.failed
                with _told(fed):
                    await _read_on(delivery, inputs[path], tail, fed, follow=follow)
                    if path not in ended:
                        ended.add(path)
                        _tell_end(inputs[path])
                if fed.failed > failed:
                    tails.pop(path).close()
            if not follow or not tails:
                return
            await asyncio.sleep(_POLL)
    finally:
        for tail in tails.values():
            tail.close()


def _tell_end(source: _Input) -> None:
    lines, name = source.position.lines, shown_path(source.path)
    logger.info("%s is read to its end: %s", name, counted(lines, "line"), extra={"path": name, "lines": lines})


@contextlib.contextmanager
def _told(fed: Feed) -> Iterator[None]:
    """Keep why an input cannot be read in place of raising it."""
    try:
        yield
    except InputError as error:
        fed.failed += 1
        fed.tell(str(error))


async def _read_on(delivery: Delivery, source: _Input, tail: Tail, fed: Feed, *, follow: bool) -> None:
    try:
        await _accept_all(delivery, source, _chunks(tail), fed, tail=tail, follow=follow)
    except _AnotherFileError:
        source.position = _Position(generation=source.position.generation + 1)
        tail.close()
        await _accept_all(delivery, source, _chunks(tail), fed, tail=tail, follow=follow)


async def _position(delivery: Delivery, path: str) -> _Position:
    written = await delivery.position(_name(path))
    try:
        return _Position() if written is None else msgspec.json.decode(written, type=_Position)
    except msgspec.DecodeError:
        return _Position()


def _name(path: str) -> str:
    return str(Path(path).resolve())


def _identity(source: _Input, number: int, line: bytes) -> str:
    """Return an id for the line of a file, the same whenever it is read."""
    place = f"{_name(source.path)}\n{source.position.generation}\n{number}\n{_digest(line)}"
    return hashlib.sha256(place.encode(errors="backslashreplace")).hexdigest()[:32]


def _digest(line: bytes) -> str:
    return hashlib.sha256(line.strip()).hexdigest()[:16]


async def _chunks(tail: Tail) -> AsyncIterator[Chunk]:
    """Read in a thread: a slow disk must not hold up what is being delivered."""
    chunks: Iterator[Chunk] = tail.read()
    while True:
        chunk = await asyncio.to_thread(next, chunks, None)
        if chunk is None:
            return
        yield chunk


async def _accept_all(
    delivery: Delivery,
    source: _Input,
    chunks: AsyncIterator[Chunk],
    fed: Feed,
    *,
    tail: Tail | None = None,
    follow: bool = False,
) -> None:
    shown = shown_path(source.path)
    position, reached = source.position, None
    async for chunk in chunks:
        lines, reached = chunk.lines, chunk.first + len(chunk.lines) - 1
        if chunk.first == 1 and position.lines and _digest(lines[0]) != position.first:
            raise _AnotherFileError
        if chunk.first <= position.lines <= reached and _digest(lines[position.lines - chunk.first]) != position.last:
            raise _AnotherFileError
        lines = lines[max(0, position.lines - chunk.first + 1) :]
        if not lines:
            continue
        is_cut = not lines[-1].endswith(b"\n") and not _is_event(lines[-1])
        if is_cut and tail is not None and (follow or await _grows(source.path)):
            # Somebody is still writing this line: it is taken when it is whole.
            tail.unread(lines.pop())
            reached -= 1
        if not lines:
            continue
        first = reached - len(lines) + 1
        events: list[Any] = []
        ids: list[str] = []
        for number, line in enumerate(lines, start=first):
            if not line.strip():
                continue
            # An event without a messageId is known by where it stands: read again, it is the same one.
            ids.append(uuid.uuid4().hex if tail is None else _identity(source, number, line))
            try:
                events.append(decode_event(line))
            except InputError as error:
                fed.unreadable += 1
                fed.tell(f"{shown}:{number}: {error}")
                events.append(InputError(f"{shown}:{number}: {error}", error.code))
        if first == 1:
            position.first = _digest(lines[0])
        position.lines, position.last = reached, _digest(lines[-1])
        kept = None if tail is None else (_name(source.path), msgspec.json.encode(position).decode())
        receipt = await delivery.accept(events, position=kept, ids=ids)
        fed.unnamed += receipt.unnamed
        while delivery.backlog() > MOST_PENDING:
            await asyncio.sleep(0.02)
    if reached is not None and reached < position.lines:
        # It ends before the line that was read last.
        raise _AnotherFileError


async def _grows(path: str) -> bool:
    size = Path(path).stat().st_size
    await asyncio.sleep(_POLL)
    return Path(path).stat().st_size != size


def _is_event(line: bytes) -> bool:
    try:
        decode_event(line)
    except InputError:
        return False
    return True
