"""Plain data -> YAML as a person would write it: blocks, no needless quotes, nothing wrapped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from actions_engine.loading.source import Source

# A value of several parts stands on one line where that is short.
_SHORT = 100


def scalar(value: Any, *, in_flow: bool = False) -> str:
    """Return a scalar: text without quotes where it reads back as the same text, behind a key or in braces."""
    if not isinstance(value, str):
        return json.dumps(value)
    if value.isprintable():
        for text in (value, "'" + value.replace("'", "''") + "'"):
            if _reads_back(text, value, in_flow):
                return text
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return {"\n": "\\n", "\t": "\\t"}.get(char) or (
        f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"
    )


def _reads_back(text: str, value: str, in_flow: bool) -> bool:
    # As a value and as a key, and not so that a comment or an indicator hides in it.
    source = Source("", f"a: [{{x: {text}}}]\nb: [{{{text}: x}}]\n" if in_flow else f"a: {text}\nb:\n  {text}: x\n")
    read = source.root.plain() if source.root is not None and not source.problems else None
    return bool(read == ({"a": [{"x": value}], "b": [{value: "x"}]} if in_flow else {"a": value, "b": {value: "x"}}))


def flow(value: Any) -> str:
    """Return plain data on one line, in braces and brackets."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key), in_flow=True)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value, in_flow=True)


def entry(key: str, value: Any, indent: int) -> list[str]:
    """Return the lines of one entry of a mapping, its key at the column `indent`; one line where that is short."""
    head = " " * indent + scalar(key) + ":"
    if not isinstance(value, (Mapping, list, tuple)):
        return [f"{head} {scalar(value)}"]
    line = f"{head} {flow(value)}"
    return [line] if len(line) <= _SHORT or not value else [head, *block(value, indent + 2)]


def block(value: Any, indent: int) -> list[str]:
    """Return the lines of a mapping or list that is not empty, each of its entries on lines of its own."""
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in entry(str(key), item, indent)]
    lines: list[str] = []
    for item in value:
        if isinstance(item, (Mapping, list, tuple)) and item:
            first, *rest = block(item, indent + 2)
            lines += [" " * indent + "- " + first[indent + 2 :], *rest]
        else:
            lines.append(f"{' ' * indent}- {flow(item) if isinstance(item, (Mapping, list, tuple)) else scalar(item)}")
    return lines
