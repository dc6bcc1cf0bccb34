"""`${VAR}` and `${VAR:-default}` in settings, and the environments that they are read from."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any

from actions_engine.language.keys import VARIABLE
from actions_engine.loading.source import Node, Source


class AnyVariable(dict[str, str]):
    """An environment in which every variable is set; what is not really so reads as a placeholder.

    Examples and checks need no secret: they run where none is at hand.
    """

    @classmethod
    def of_process(cls) -> AnyVariable:
        """Return the process's own environment with placeholders."""
        return cls(os.environ)

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # of texts alone
        """Return a variable's value, or a text that names it."""
        return super().get(name) or default or f"the-value-of-{name}"


def _near(name: str, environ: Mapping[str, str]) -> str:
    """Return a hint that names the variable that is set and was probably meant; empty where there is none."""
    near = difflib.get_close_matches(name, environ, 1, 0.85)
    return f"{near[0]} is set: did you mean that one?" if near else ""


def expand(source: Source, node: Node, environ: Mapping[str, str]) -> Any:
    """Return a setting as plain data with `${VAR}` and `${VAR:-default}` replaced."""
    if node.is_mapping:
        return {key: expand(source, item, environ) for key, item in node.value.items()}
    if node.is_list:
        return [expand(source, item, environ) for item in node.value]
    if not isinstance(node.value, str) or "${" not in node.value:
        return node.value

    def replace(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        value = environ.get(name)
        # As in a shell, `:-` also replaces an empty value.
        if default is not None:
            return value or default[2:]
        if value is None:
            source.problem(
                "unset-variable",
                f"the environment variable {name} is not set",
                node,
                at=match.start(),
                hint=_near(name, environ) or f"set it, or give a default: ${{{name}:-…}}",
            )
        return value or ""

    text = VARIABLE.sub(replace, node.value)
    for match in re.finditer(r"\$\{", VARIABLE.sub(lambda hit: " " * len(hit[0]), node.value)):
        source.problem(
            "variable-syntax", "this is no variable", node, at=match.start(), hint="write ${NAME} or ${NAME:-default}"
        )
    return text
