"""Values as people read them in one line: JSON, cut where it is long, harmless to a terminal."""

from __future__ import annotations

import json
from typing import Any

from actions_engine.source import kind_of

#: Characters that a value takes at most.
WIDTH = 60


def shown(value: Any, width: int = WIDTH) -> str:
    """Return a value as JSON in one line of at most `width` characters, no character of it a control."""
    if isinstance(value, (str, list, dict)) and len(value) > 100_000:
        # Not worth writing out to show its beginning.
        return f"{kind_of(value)} of {len(value):,} {'characters' if isinstance(value, str) else 'items'}"
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return f"{kind_of(value)}, nested too deeply to show"
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[: width + 1])
    return text if len(text) <= width else f"{text[: width - 1]}…"


def counted(number: int, what: str) -> str:
    """Return a number with its noun, such as `1 call` and `2 calls`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
