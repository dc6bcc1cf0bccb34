"""The keys of a mapping file, in the order in which they are laid out, and `${VAR}`; said once."""

from __future__ import annotations

import re

FILE_KEYS = ("destination", "enabled", "settings", "delivery", "filter", "invalid", "presets", "mappings")
MAPPING_KEYS = ("name", "description", "enabled", "action", "trigger", "fields", "omit", "invalid", "examples")
#: What `invalid:` takes: whether a value that cannot be read costs its field, or the call.
INVALID = ("leave out", "reject")
EXAMPLE_KEYS = ("name", "event", "expect")

#: The same as a pattern that JSON Schema takes, which knows no names of groups.
VARIABLE_PATTERN = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"
#: A variable of the environment, with what it is where it is not set: `${NAME}`, `${NAME:-default}`.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\}")
