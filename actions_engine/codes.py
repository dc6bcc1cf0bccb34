"""The catalogue of problems: every code with an example that produces it and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem.

    Attributes:
        name: The stable code.
        severity: `error` or `warning`.
        summary: What it is, in one sentence.
        mend: What to do about it.
        example: A mapping file that produces it; empty where a file alone cannot.
        content: The example's bytes, what is shortened in it written out.
    """

    name: str
    severity: str
    summary: str
    mend: str
    example: str
    content: bytes | None


@cache
def codes() -> Mapping[str, Code]:
    """Return every code by its name."""
    text = files("actions_engine").joinpath("codes.yaml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(text)
    return MappingProxyType({row["code"]: _code(row) for row in rows})


def _code(row: dict[str, Any]) -> Code:
    example = row.get("example", "")
    content = example
    for word, (part, times) in row.get("repeat", {}).items():
        content = content.replace(word, part * times)
        example = example.replace(word, f"{part * 3}…")
    written = bytes(row["bytes"]) if "bytes" in row else content.encode() or None
    return Code(row["code"], row["severity"], row["summary"], row["mend"], example, written)


def as_markdown() -> str:
    """Return the catalogue as the page that the mappings folder carries."""
    parts = [
        "# Problems\n",
        "What `actions-engine check` and every load can say of mapping files, by the code in brackets. An *error* "
        "stops the load, a *warning* never does. `actions-engine codes CODE` shows one of them.\n",
    ]
    for code in codes().values():
        parts.append(f"## {code.name}\n\n*{code.severity}.* {code.summary}\n")
        if code.example:
            parts.append(f"```yaml\n{code.example.rstrip()}\n```\n")
        parts.append(f"{code.mend}\n")
    return "\n".join(parts)
