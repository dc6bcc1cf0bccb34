"""Standard input of `run`: read as it comes, whatever its form."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actions_engine import InputError
from actions_engine.inputs.pipe import read_pipe

ONE, TWO = b'{"type":"track","messageId":"1"}', b'{"type":"track","messageId":"2"}'


def lines(*writes: bytes) -> list[tuple[int, bytes]]:
    """Write to a pipe, a piece after the other, and return the lines that are read with their numbers."""

    async def go() -> list[tuple[int, bytes]]:
        reader, writer = os.pipe()
        found = []

        async def write() -> None:
            for piece in writes:
                os.write(writer, piece)
                await asyncio.sleep(0.02)
            os.close(writer)

        writing = asyncio.create_task(write())
        try:
            async for chunk in read_pipe(f"/dev/fd/{reader}"):
                found += [(chunk.first + place, line.strip()) for place, line in enumerate(chunk.lines)]
            await writing
        finally:
            os.close(reader)
        return found

    return asyncio.run(go())


@pytest.mark.parametrize(
    "writes",
    [
        (ONE + b"\n" + TWO + b"\n",),
        (ONE + b"\n" + TWO,),
        (b"\xef\xbb\xbf" + ONE + b"\n", TWO[:5], TWO[5:] + b"\n"),
        (b"[\n" + ONE + b",", TWO + b"\n]\n"),
        (gzip.compress(ONE + b"\n") + gzip.compress(TWO + b"\n"),),
        (gzip.compress(ONE + b"\n" + TWO)[:30], gzip.compress(ONE + b"\n" + TWO)[30:]),
    ],
    ids=["lines", "no end of line", "in pieces", "a list", "gzip twice", "gzip in pieces"],
)
def test_every_form_is_read(writes: tuple[bytes, ...]) -> None:
    """Lines, documents and gzip give the same events, numbered."""
    assert lines(*writes) == [(1, ONE), (2, TWO)]


def test_an_object_over_several_lines_is_one_event() -> None:
    """A pretty-printed event is read whole."""
    assert [json.loads(line) for _, line in lines(b'{\n "type":', b'"track"\n}\n')] == [{"type": "track"}]


def test_a_broken_first_line_holds_up_nothing() -> None:
    """A line that looks like the start of an object is told apart from a document by the next one."""
    assert lines(b'{"type":"tra\n', ONE + b"\n") == [(1, b'{"type":"tra'), (2, ONE)]


def test_cut_gzip_is_said_so() -> None:
    """Compressed data that end too soon are an error, not the end."""
    with pytest.raises(InputError, match="end too soon"):
        lines(gzip.compress(ONE)[:-9])


def test_a_line_is_delivered_while_the_pipe_stays_open(tmp_path: Path) -> None:
    """`run -` delivers a line as it comes, and ends on SIGTERM though the pipe says nothing more."""
    target = tmp_path / "out.jsonl"
    (tmp_path / "m.yaml").write_text(f"destination: jsonl\nsettings: {{path: '{target}'}}\npresets: all\n")
    command = [sys.executable, "-m", "actions_engine", "run", str(tmp_path / "m.yaml"), "-"]
    with subprocess.Popen(
        [*command, "--store", str(tmp_path / "calls.db")], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(ONE + b"\n")
        process.stdin.flush()
        deadline = time.monotonic() + 15
        while not (target.exists() and target.read_bytes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert target.read_bytes() == ONE + b"\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
