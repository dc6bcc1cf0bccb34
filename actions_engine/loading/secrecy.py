"""What of a mapping file no message may show: secrets where they belong, and where they stand by mistake.

A value is known for a secret by the setting that it is given to (see settings.py) or by the name of its key; and what
stands beneath a key that does not exist may be one: `setings:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from actions_engine.language.keys import FILE_KEYS, MAPPING_KEYS, VARIABLE
from actions_engine.loading.source import Node, Source
from actions_engine.masking import SECRET_NAME

# What analysts write under these is to be seen in messages: paths, conditions, events made up for examples.
_SHOWN = ("fields", "trigger", "filter", "examples", "omit", "presets", "name", "description", "action", "destination")
# An expression has one of these; a key or token has none.
_EXPRESSION = re.compile(r"[.(|'`@ \[{]")
# Letters and digits, long: a name of the spec's is not.
_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[\w+/=-]{12,}")
#: A URL that says a password.
CREDENTIALS = re.compile(r"://[^/\s:@]*:([^\s]+)@")


def veil_secrets(source: Source) -> None:
    """Keep what may be a secret out of every message about a file."""
    root = source.root
    for name, node in source.skipped:
        # The settings' own secrets may have any name.
        if SECRET_NAME.search(name) or "url" in name or _is_setting(root, node):
            source.veil(node)
    if root is None or not root.is_mapping:
        return
    for key, node in root.value.items():
        if (key not in FILE_KEYS and _may_be_secret(key, node)) or (key == "settings" and not node.is_mapping):
            source.veil(node)
    mappings = root.value.get("mappings")
    for item in mappings.value if mappings is not None and mappings.is_list else ():
        if item.is_mapping:
            for key, node in item.value.items():
                if key not in MAPPING_KEYS and not (node.is_mapping or node.is_list) and _may_be_secret(key, node):
                    source.veil(node)
            for node in _misplaced(item.value.get("fields")):
                source.veil(node)
    for name, node in _scalars(root, "", is_shown=False):
        for text in clear_texts(node):
            if SECRET_NAME.search(name):
                source.hide(text)
        for found in CREDENTIALS.finditer(str(node.value)):
            source.hide(found[1])


def _is_setting(root: Node | None, node: Node) -> bool:
    """Whether a piece that the tree does not hold stands between the settings and the next key at the top."""
    settings = root.value.get("settings") if root is not None and root.is_mapping else None
    if root is None or settings is None or node.line < settings.line:
        return False
    return not any(settings.line < other.line <= node.line for other in root.value.values())


def _misplaced(fields: Node | None) -> Iterator[Node]:
    """Yield what stands among the fields of a mapping and reads like a token, as no expression does."""
    for node in fields.value.values() if fields is not None and fields.is_mapping else ():
        if isinstance(node.value, str) and _TOKEN.fullmatch(node.value):
            yield node


def _may_be_secret(key: str, node: Node) -> bool:
    """Whether a value beneath a key that does not exist may be a secret: short words, such as names, are none."""
    return node.is_mapping or node.is_list or bool(SECRET_NAME.search(key)) or len(str(node.value)) >= 8


def clear_texts(node: Node) -> Iterator[str]:
    """Yield what a scalar says in clear: its text, or of `${NAME:-default}` the default."""
    if not isinstance(node.value, str) or not node.value:
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            yield str(node.value)
        return
    if "${" not in node.value:
        yield node.value
    for match in VARIABLE.finditer(node.value):
        if match["default"] and len(match["default"]) > 2:
            yield match["default"][2:]


def _scalars(node: Node, name: str, *, is_shown: bool) -> Iterator[tuple[str, Node]]:
    """Yield each scalar with the name of its key, but for expressions where they belong."""
    if node.is_mapping:
        for key, item in node.value.items():
            yield from _scalars(item, key, is_shown=is_shown or key in _SHOWN)
    elif node.is_list:
        for item in node.value:
            yield from _scalars(item, name, is_shown=is_shown)
    elif not (is_shown and (_EXPRESSION.search(str(node.value)) or len(str(node.value)) < 8)):
        yield name, node
