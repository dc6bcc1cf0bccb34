"""Text as every database stores it."""

from __future__ import annotations


def storable(value: str) -> str:
    """Return text without NUL and lone surrogates, which no database takes: they are written as escapes."""
    if value.isascii() and "\0" not in value:
        return value
    return value.encode(errors="backslashreplace").decode().replace("\0", "\\0")
