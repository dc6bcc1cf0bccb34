"""One line -> an event, or why it is none: the one decoder of every input."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from actions_engine.errors import InputError
from actions_engine.wording import kind_of

#: Bytes that one event may have. The spec takes 32 KB; what is larger than this is no event, and is not held in memory.
MAX_BYTES = 10_000_000
#: The mark that some programs begin UTF-8 with.
BOM = b"\xef\xbb\xbf"

# An escape of half a character (UTF-16) without the other half: https://www.rfc-editor.org/rfc/rfc8259#section-8.2
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)

_decode = msgspec.json.Decoder().decode


def decode_event(line: bytes) -> dict[str, Any]:
    """Return the event that a line, or a whole JSON document, holds.

    Raises:
        InputError: it holds none; the message says why, without its text, and `code` is one of the catalogue's.
    """
    if len(line) > MAX_BYTES:
        raise InputError(f"too long: an event has at most {MAX_BYTES:,} bytes", "event-too-long")
    try:
        event = _decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {_reason(line, error)}", "not-json") from None
    if type(event) is dict:
        return event
    raise InputError(f"an event is an object, not {kind_of(event)}", "event-shape")


def _reason(line: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"a text is not UTF-8: {error.reason}"
    if line.lstrip().startswith(BOM):
        return "a byte order mark stands before it, which only the first line of an input may have"
    if _LONE_SURROGATE.search(line):
        return "a text is no Unicode (a lone surrogate)"
    if isinstance(error, msgspec.ValidationError):
        return "a number is out of range"
    reason = str(error).removeprefix("JSON is malformed: ")
    return "it ends too early" if reason == "Input data was truncated" else reason[:200]
