"""What a message may show of a line of which there is no tree: text that is no YAML, and comments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

# A line's key, and what stands behind it; of a list or a text the whole line.
_VALUE = re.compile(r"^(\s*(?:-\s+)*(?:[\w-]+\s*:\s+)?)(.+)$")
_TOP = re.compile(r"""["']?([\w-]+)["']?\s*:(?:\s|$)""")
_KEY = re.compile(r"""\s*(?:-\s+)*["']?([\w-]+)["']?\s*:(?:\s|$)""")
_LOOKS_SECRET = re.compile(
    r"""((?:[\w-]*(?:[-_]key|apikey|token|secret|passw(?:or)?d|pwd|credential|auth|dsn|webhook_url)[\w-]*|\burl)"""
    r"""["']?\s*[:=]\s*)"""
    r"""(?!\$\{\w+\}(?:["'\s,}\]]|$))("[^"]*"?|'[^']*'?|[^\s,}\]#]+)(.*)""",
    re.IGNORECASE,
)


def veiled(line: str) -> str:
    """Return a line with stars for its value, or for all of it where it has no key; carets stay where they point."""
    return _VALUE.sub(lambda match: match[1] + "*" * len(match[2]), line, count=1)


def without_secrets(line: str) -> str:
    """Return a line with stars for the values of keys that sound like a secret's."""
    return _LOOKS_SECRET.sub(_hidden, line)


def _hidden(match: re.Match[str]) -> str:
    if any(bracket in match.string[: match.start()] for bracket in "{["):
        # Other keys of the line follow.
        return match[1] + "*" * len(match[2]) + without_secrets(match[3])
    return match[1] + "*" * len(match[2] + match[3])


class PlainText:
    """The lines of a file that is no YAML, or not read yet."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def shown(self, number: int) -> str:
        """Return what may be shown of a line, counted from 1."""
        line = self._lines[number - 1].rstrip("\r")
        if line.startswith("---"):
            return "---" + "*" * (len(line) - 3)
        top, key = self._keys[number - 1]
        if top == "settings" and line.startswith((" ", "\t")):
            # Secrets have any name there.
            return veiled(line)
        if not _KEY.match(line) and key and _LOOKS_SECRET.match(f"{key}: x"):
            # It goes on with what stands under the key above.
            return "*" * len(line)
        return without_secrets(line)

    @cached_property
    def _keys(self) -> list[tuple[str, str]]:
        """For each line the last key at the top, and the last one at all, that stands in it or above."""
        keys: list[tuple[str, str]] = []
        top = key = ""
        for line in self._lines:
            if found := _TOP.match(line):
                top = found[1]
            if found := _KEY.match(line):
                key = found[1]
            keys.append((top, key))
        return keys
