"""The catalogue of problems: every code with an example that produces it and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import yaml

Subject = Literal["mappings", "events"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem.

    Attributes:
        name: The stable code.
        of: What has the problem: mapping files, or events. A name may stand for one of each.
        severity: `error`, `warning` or `hint`.
        summary: What it is, in one sentence.
        mend: What to do about it.
        example: A mapping file or an event that produces it; empty where that alone cannot.
        content: The example's bytes, what is shortened in it written out.
    """

    name: str
    of: Subject
    severity: str
    summary: str
    mend: str
    example: str
    content: bytes | None


@cache
def codes(of: Subject = "mappings") -> Mapping[str, Code]:
    """Return the codes of problems with mapping files, or with events, by name."""
    return MappingProxyType({code.name: code for code in _all() if code.of == of})


@cache
def _all() -> tuple[Code, ...]:
    text = files("actions_engine.authoring").joinpath("codes.yaml").read_text(encoding="utf-8")
    return tuple(sorted(map(_code, yaml.safe_load(text)), key=lambda code: (code.of == "events", code.name)))


def _code(row: dict[str, Any]) -> Code:
    example = row.get("example") or row.get("event") or ""
    content = example
    for word, (part, times) in row.get("repeat", {}).items():
        content = content.replace(word, part * times)
        example = example.replace(word, f"{part * 3}…")
    written = bytes(row["bytes"]) if "bytes" in row else content.encode() or None
    return Code(row["code"], row.get("of", "mappings"), row["severity"], row["summary"], row["mend"], example, written)


def as_markdown() -> str:
    """Return the catalogue as the page that the mappings folder carries."""
    parts = [
        "# Problems\n",
        "What `actions-engine check` and every load can say of mapping files, by the code in brackets. An *error* "
        "stops the load, a *warning* never does. `actions-engine codes CODE` shows one of them.\n",
        *_sections(codes(), "yaml"),
        "# Problems of events\n",
        "What `actions-engine check-events` says of events by the Segment spec. An *error* breaks the spec, a "
        "*warning* is legal and probably not meant, a *hint* is a matter of style.\n",
        *_sections(codes("events"), "json"),
    ]
    return "\n".join(parts)


def _sections(known: Mapping[str, Code], language: str) -> list[str]:
    parts = []
    for code in known.values():
        parts.append(f"## {code.name}\n\n*{code.severity}.* {code.summary}\n")
        if code.example:
            parts.append(f"```{language}\n{code.example.rstrip()}\n```\n")
        parts.append(f"{code.mend}\n")
    return parts
