"""Environments that settings are read from."""

from __future__ import annotations

import os


class AnyVariable(dict[str, str]):
    """An environment in which every variable is set; what is not really so reads as a placeholder.

    Examples and checks need no secret: they run where none is at hand.
    """

    @classmethod
    def of_process(cls) -> AnyVariable:
        """Return the process's own environment with placeholders."""
        return cls(os.environ)

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return a variable's value, or a text that names it."""
        return super().get(name) or default or f"the-value-of-{name}"
