"""Standard input, output and error, whatever the shell made of them: closed, or on a full disk."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


def open_standard_streams() -> None:
    """Make the three usable by those who read and write them: to do so where one is closed fails like any file.

    A command that needs none of them works without. The number of a closed one must not go to the next file that is
    opened: what is printed would be written into a store.
    """
    for number, unusable in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # What opens is the lowest free number: this one.
            os.open(os.devnull, unusable)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Input(0, "rb", closefd=False)), encoding="utf-8")
    if sys.stderr is None:
        # Nobody hears of anything then, but the exit code tells.
        raw = io.FileIO(2, "wb", closefd=False)
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace")
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _output(sys.stdout)


def discard_output() -> None:
    """Let what is printed from now on, and what waits to be, go nowhere: there is no use in a second complaint."""
    if isinstance(getattr(getattr(sys.stdout, "buffer", None), "raw", None), _Output):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def _output(given: Any) -> io.TextIOWrapper:
    raw = _Output(1, "wb", closefd=False)
    line_buffering = given is not None and given.line_buffering
    # Text that the terminal's encoding does not have is spelled out.
    errors = "backslashreplace" if given is None or given.errors == "strict" else given.errors
    encoding = "utf-8" if given is None else given.encoding
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=line_buffering)


class _Output(io.FileIO):
    """Standard output, which its errors name."""

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "standard output"
            raise


class _Input(io.FileIO):
    """Standard input where it is closed."""

    def readinto(self, buffer: Any) -> Any:
        try:
            return super().readinto(buffer)
        except OSError as error:
            error.filename = "standard input"
            raise

    def readall(self) -> Any:
        return self.read(1)

    def read(self, size: int | None = -1) -> Any:
        try:
            return super().read(size)
        except OSError as error:
            error.filename = "standard input"
            raise
