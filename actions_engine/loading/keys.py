"""What files and mappings share: which keys there are, `enabled:` and `invalid:`."""

from __future__ import annotations

from actions_engine.language.keys import INVALID
from actions_engine.language.other_words import MAPPING_WORDS
from actions_engine.loading.source import Node, Source
from actions_engine.wording import did_you_mean


def check_keys(source: Source, node: Node, known: tuple[str, ...], what: str) -> None:
    """Record the keys that a mapping of YAML has and should not have."""
    for key in node.value:
        if key not in known:
            word = MAPPING_WORDS.get(key.lower()) if "action" in known else None
            hint = f"did you mean {word!r}?" if word else did_you_mean(key, known)
            source.problem("unknown-key", f"{what} has no key {key!r}", node.keys[key], hint=hint)


def read_enabled(source: Source, node: Node) -> bool:
    """Return what `enabled:` says; true where it says nothing."""
    enabled = node.value.get("enabled")
    if enabled is None:
        return True
    if not isinstance(enabled.value, bool):
        source.problem("key-type", f"`enabled` takes true or false, not {enabled.kind()}", enabled)
        return True
    return enabled.value


def read_invalid(source: Source, node: Node, default: bool) -> bool:
    """Return whether `invalid:` says that a value which cannot be read rejects the call."""
    invalid = node.value.get("invalid")
    if invalid is None:
        return default
    if invalid.value not in INVALID:
        shown = repr(invalid.value) if isinstance(invalid.value, str) else invalid.kind()
        source.problem(
            "key-type",
            f"`invalid` takes `reject` or `leave out`, not {shown}",
            invalid,
            hint="`reject` loses the call for any value that cannot be read; `leave out`, the default, loses the field",
        )
        return default
    return bool(invalid.value == "reject")
