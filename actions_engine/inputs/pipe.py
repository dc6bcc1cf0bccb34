"""Standard input -> chunks of lines as they come: a slow pipe is read without waiting for more than it has."""

from __future__ import annotations

import asyncio
import io
import os
import select
import zlib
from collections.abc import AsyncIterator

from actions_engine.inputs.events import GZIP, Chunk, chunks_of, is_json, unreadable
from actions_engine.inputs.line import BOM

# Seconds after which a read looks whether it is still wanted: a signal must not wait for the next line.
_PATIENCE = 0.2
_SIZE = 1 << 18


async def read_pipe(path: str = "-") -> AsyncIterator[Chunk]:
    """Yield what a pipe brings: JSON Lines as each comes; a JSON document, an event or a list, once it is whole.

    Args:
        path: A named pipe, or what a shell's `<(…)` names; `-` is standard input.

    Raises:
        InputError: it cannot be read, or decompressed; what was whole came before.
    """
    try:
        # Opening a pipe would wait for who writes into it; this waits in steps, so that a signal is heard.
        descriptor = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            async for chunk in _chunks(path, _plain(_blocks(descriptor, is_named=path != "-"))):
                yield chunk
        finally:
            if path != "-":
                os.close(descriptor)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None


async def _chunks(path: str, blocks: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    rest, number = bytearray(), 0
    async for block in blocks:
        rest += block
        cut = rest.rfind(b"\n") + 1
        if not cut or (number == 0 and _starts_a_document(rest)):
            continue
        lines = bytes(rest[:cut]).splitlines(keepends=True)
        del rest[:cut]
        if number == 0:
            lines[0] = lines[0].removeprefix(BOM)
        yield Chunk(path, number + 1, lines)
        number += len(lines)
    if number == 0:
        for chunk in chunks_of(path, io.BytesIO(rest)):
            yield chunk
    elif rest:
        yield Chunk(path, number + 1, [bytes(rest)])


def _starts_a_document(text: bytearray) -> bool:
    """Whether this is JSON beyond its first line: a list, or an object spread over lines."""
    end = text.find(b"\n")
    first = bytes(text[:end]).removeprefix(BOM).lstrip()
    if first.startswith(b"[") or not first.startswith(b"{"):
        return first.startswith(b"[")
    # A second line that opens an object follows a broken line, not the start of a document.
    return not is_json(first) and not bytes(text[end : end + 1_000]).lstrip().startswith(b"{")


async def _plain(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a pipe's bytes, decompressed where they are gzip's."""
    start = b""
    async for block in blocks:
        start += block
        if len(start) >= len(GZIP):
            break
    if not start.startswith(GZIP):
        yield start
        async for block in blocks:
            yield block
        return
    unzip, block = zlib.decompressobj(wbits=31), start
    while block:
        yield unzip.decompress(block)
        block = unzip.unused_data
        ended = unzip.eof
        if ended:
            # A gzip file may have several members.
            unzip = zlib.decompressobj(wbits=31)
        if not block and not (block := await anext(blocks, b"")) and not ended:
            raise EOFError("the compressed data end too soon")


async def _blocks(descriptor: int, *, is_named: bool) -> AsyncIterator[bytes]:
    # Of a named pipe that nobody has opened for writing yet, an end is read that is none.
    is_begun = not is_named
    while True:
        block = await asyncio.to_thread(_read, descriptor)
        if block is None:
            is_begun = True
        elif block:
            is_begun = True
            yield block
        elif is_begun:
            return
        else:
            await asyncio.sleep(_PATIENCE / 4)


def _read(descriptor: int) -> bytes | None:
    """Return some bytes, none at the end, or None where there is nothing yet."""
    ready, _, _ = select.select([descriptor], [], [], _PATIENCE)
    try:
        return os.read(descriptor, _SIZE) if ready else None
    except BlockingIOError:
        return None
