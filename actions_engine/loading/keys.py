"""What files and mappings share: which keys there are, and `enabled:`."""

from __future__ import annotations

from actions_engine.loading.source import Node, Source
from actions_engine.wording import did_you_mean


def check_keys(source: Source, node: Node, known: tuple[str, ...], what: str) -> None:
    """Record the keys that a mapping of YAML has and should not have."""
    for key in node.value:
        if key not in known:
            source.problem("unknown-key", f"{what} has no key {key!r}", node.keys[key], hint=did_you_mean(key, known))


def read_enabled(source: Source, node: Node) -> bool:
    """Return what `enabled:` says; true where it says nothing."""
    enabled = node.value.get("enabled")
    if enabled is None:
        return True
    if not isinstance(enabled.value, bool):
        source.problem("key-type", f"`enabled` takes true or false, not {enabled.kind()}", enabled)
        return True
    return enabled.value
