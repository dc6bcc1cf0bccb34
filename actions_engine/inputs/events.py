"""Files of events -> chunks of lines: JSON, JSON Lines, either compressed with gzip."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from actions_engine.errors import InputError
from actions_engine.inputs.line import BOM, MAX_BYTES

#: Lines that are routed together: enough to make a worker's while worth its message, few enough to show progress.
CHUNK_LINES = 500
CHUNK_BYTES = 4_000_000
#: Bytes of one JSON document, which is held in memory as a whole.
MAX_DOCUMENT = 1_000_000_000
# Where /dev/zero, /dev/random and their like live: https://www.kernel.org/doc/html/latest/admin-guide/devices.html
_MEMORY_DEVICES = 1
#: What gzip starts with.
GZIP = b"\x1f\x8b"


class Chunk(NamedTuple):
    """Some lines of a file, each an event as JSON.

    Attributes:
        path: The file, `-` for standard input.
        first: The number of the first line, from 1.
        lines: Their bytes.
    """

    path: str
    first: int
    lines: list[bytes]


def read_events(path: str, advance: Callable[[int], None]) -> Iterator[Chunk]:
    """Yield a file's events in chunks; `advance` hears how many bytes of the file were read.

    A file that starts with `[`, or with an object that goes on beyond its first line, is one JSON document: an event
    or a list of events. Anything else is JSON Lines.

    Raises:
        InputError: it cannot be read, or decompressed.
    """
    if path == "-" and sys.stdin is None:
        raise InputError("stdin is closed: there is nothing to read")
    if path != "-":
        is_pipe(path)
    try:
        with _Counting(path, advance) as raw:
            # A reader that is also a member of io's family is buffered once, below the decompression.
            buffered = io.BufferedReader(cast(io.RawIOBase, raw), 1 << 20)
            compressed = buffered.peek(2)[:2] == GZIP
            stream = cast(BinaryIO, gzip.open(buffered) if compressed else buffered)  # noqa: SIM115 - what it reads from is closed
            yield from chunks_of(path, stream)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None


def is_pipe(path: str) -> bool:
    """Whether a path is read as a pipe is, once and to its end: a named pipe, a terminal.

    Raises:
        InputError: it is a device that never ends, or is not there.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from None
    if stat.S_ISCHR(status.st_mode) and status.st_rdev != os.stat(os.devnull).st_rdev:
        if os.major(status.st_rdev) == _MEMORY_DEVICES:
            raise InputError(f"{path}: it is a device and no file of events")
        return True
    return stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)


def unreadable(path: str, error: Exception) -> InputError:
    """Return the error that says why an input cannot be read."""
    return InputError(f"{shown_path(path)}: {getattr(error, 'strerror', None) or error}")


def shown_path(path: str) -> str:
    """Return what messages call an input."""
    return "stdin" if path == "-" else path


def chunks_of(path: str, stream: BinaryIO) -> Iterator[Chunk]:
    """Yield the events of an open file in chunks; `path` is what they are told to come from."""
    lines = bounded_lines(stream)
    first = next(lines, b"")
    document = _document(first, stream)
    yield from chunked(path, document if document is not None else _chain(first, lines))


def bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines; of one that is too long to be an event only so much that the decoder says so."""
    while line := stream.readline(MAX_BYTES + 1):
        yield line
        while len(line) > MAX_BYTES and not line.endswith(b"\n"):
            line = stream.readline(MAX_BYTES)


def chunked(path: str, lines: Iterable[bytes], first: int = 1) -> Iterator[Chunk]:
    """Yield lines, of which the first has a number, in chunks."""
    chunk, size = Chunk(path, first, []), 0
    try:
        for number, line in enumerate(lines, start=first):
            chunk.lines.append(line)
            size += len(line)
            if len(chunk.lines) >= CHUNK_LINES or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = Chunk(path, number + 1, []), 0
    except (OSError, EOFError, zlib.error):
        # What was whole before the damage is taken.
        if chunk.lines:
            yield chunk
        raise
    if chunk.lines:
        yield chunk


def _document(first: bytes, stream: BinaryIO) -> list[bytes] | None:
    """Return the events of a file that is one JSON document, None where it is JSON Lines."""
    start = first.removeprefix(BOM).lstrip()[:1]
    if start not in (b"[", b"{") or (start == b"{" and is_json(first)):
        return None
    text = (first + stream.read(MAX_DOCUMENT)).removeprefix(BOM)
    if len(text) > MAX_DOCUMENT:
        raise InputError(
            f"one JSON document of more than {MAX_DOCUMENT:,} bytes: write its events as JSON Lines, one a line"
        )
    try:
        if start == b"{":
            return [bytes(msgspec.json.decode(text, type=msgspec.Raw))]
        return [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, RecursionError):
        # Broken JSON, or JSON Lines with a broken first line: line by line, the messages are the most useful.
        return text.splitlines()


def is_json(line: bytes) -> bool:
    """Whether a line is JSON by itself."""
    try:
        msgspec.json.decode(line.removeprefix(BOM), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first.removeprefix(BOM)
    yield from rest


class _Counting(io.RawIOBase):
    """Reads a file, or standard input, and tells how far it has come."""

    def __init__(self, path: str, advance: Callable[[int], None]) -> None:
        self._file = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 - see close()
        self._owned = path != "-"
        self._advance = advance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's buffers are wider
        count: int = self._file.readinto(buffer)  # type: ignore[union-attr]  # both of the files have it
        self._advance(count)
        return count

    def close(self) -> None:
        if self._owned:
            self._file.close()
        super().close()
