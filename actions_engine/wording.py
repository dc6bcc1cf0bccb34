"""How messages name things: a value in one line, its type, a number with its noun, the name that was meant."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

#: Characters that a value takes at most.
WIDTH = 60
# Characters of two values that are compared to show where they part.
_WHOLE = 90_000


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
    return shortened(text, width)


def shortened(text: str, width: int) -> str:
    """Return text, cut to `width` characters where it is longer."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def shown_apart(one: Any, other: Any, width: int = WIDTH) -> tuple[str, str]:
    """Return two values that differ, each in one line of about `width` characters, so that they are seen to differ.

    Long values that begin alike are shown from shortly before the place where they part.
    """
    first, second = shown(one, width), shown(other, width)
    if first != second:
        return first, second
    whole = shown(one, _WHOLE), shown(other, _WHOLE)
    apart = next((place for place, pair in enumerate(zip(*whole, strict=False)) if pair[0] != pair[1]), None)
    if apart is None:
        apart = min(map(len, whole))
    start = max(0, apart - width // 3)
    return tuple(f"…{text[start : start + width]}{'…' if len(text) > start + width else ''}" for text in whole)  # type: ignore[return-value]  # two of two


def counted(number: int, what: str) -> str:
    """Return a number with its noun, such as `1 call` and `2 calls`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def kind_of(value: Any) -> str:
    """Return the JSON type of a value with its article, as messages name it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def closest(name: str, known: Iterable[str]) -> str:
    """Return the one of `known` that is most like a name; empty where none is."""
    # Case is the commonest slip and difflib weighs it like any other letter.
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest of `known`, or lists them where they are few."""
    names = sorted(set(known))
    if close := closest(name, names):
        return f"did you mean {close!r}?"
    if 0 < len(names) <= 12:
        return f"known here: {', '.join(names)}"
    return ""
