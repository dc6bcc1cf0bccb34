"""A file of events -> chunks of its lines, and further chunks when it has grown, was rewritten or rotated."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from actions_engine.errors import InputError
from actions_engine.inputs.events import GZIP, Chunk, bounded_lines, chunked, chunks_of, is_json, unreadable
from actions_engine.inputs.line import MAX_BYTES


class Tail:
    """Reads a file to its end, and on from there when more was written.

    A log that is rotated (renamed, and another file put in its place) is read to its end before the new one; one that
    was cut is read from its beginning. Only JSON Lines grow: a compressed file or a JSON document that has changed is
    read anew as a whole.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._lines = 0
        self._last = b""
        # Whether more lines may be read from where the last reading ended.
        self._grows = False
        self._seen: tuple[int, int, int] | None = None

    def close(self) -> None:
        """Let go of the file; the next reading starts at its beginning."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def unread(self, line: bytes) -> None:
        """Give back the last line: it is not whole yet, and the next reading starts with it."""
        if self._grows and self._file is not None:
            self._file.seek(-len(line), os.SEEK_CUR)
            self._lines -= 1
            self._last = b""

    def read(self) -> Iterator[Chunk]:
        """Yield what there is and was not read yet; in a file that is read from its beginning, lines count from 1.

        Raises:
            InputError: it cannot be read, or decompressed.
        """
        try:
            if self._file is not None and self._grows and self._is_unchanged(self._file):
                yield from self._further(self._file)
            if self._file is None or self._is_another(self._file):
                self.close()
                yield from self._whole()
        except FileNotFoundError:
            # Renamed, and the new one is not there yet: the next look finds it.
            if self._seen is None:
                raise InputError(f"{self._path}: no such file") from None
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(self._path, error) from None

    def _is_unchanged(self, file: BinaryIO) -> bool:
        """Whether the last line that was read still stands where it stood."""
        end = file.tell()
        file.seek(end - len(self._last))
        self._grows = file.read(len(self._last)) == self._last
        return self._grows

    def _is_another(self, file: BinaryIO) -> bool:
        if not self._grows:
            return self._state() != self._seen
        now = Path(self._path).stat()
        return now.st_ino != os.fstat(file.fileno()).st_ino or now.st_size < file.tell()

    def _state(self) -> tuple[int, int, int]:
        now = Path(self._path).stat()
        return now.st_ino, now.st_size, now.st_mtime_ns

    def _whole(self) -> Iterator[Chunk]:
        self._seen = self._state()
        self._lines, self._grows = 0, False
        self._file = file = Path(self._path).open("rb")  # noqa: SIM115 - it stays open to be read on
        compressed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        self._last = b""
        stream = cast(BinaryIO, gzip.open(file)) if compressed else file  # noqa: SIM115 - it ends with what it reads from
        for chunk in chunks_of(self._path, stream):
            self._lines += len(chunk.lines)
            last = chunk.lines[-1]
            self._last = _kept(last)
            # Said before the chunk is handed over, so that its last line can be given back. A last line that is JSON
            # and has no end may be the end of a document.
            self._grows = not compressed and (last.endswith(b"\n") or not is_json(last))
            yield chunk
        if not self._lines:
            self._grows = not compressed

    def _further(self, file: BinaryIO) -> Iterator[Chunk]:
        for chunk in chunked(self._path, bounded_lines(file), self._lines + 1):
            self._lines += len(chunk.lines)
            self._last = _kept(chunk.lines[-1])
            yield chunk


def _kept(line: bytes) -> bytes:
    """Return what the last line is known by; one that was too long was not read to its end."""
    return b"" if len(line) > MAX_BYTES else line
