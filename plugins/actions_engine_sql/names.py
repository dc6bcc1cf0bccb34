"""Names of values become names of columns, each its own: `Plan` and `plan` are two columns, on every database."""

import re
from collections.abc import Iterator
from hashlib import sha256

#: The column of the call's idempotency key, the primary key of each table.
KEY = "call_key"
#: PostgreSQL cuts longer names: https://www.postgresql.org/docs/current/limits.html
_MAX_CHARACTERS = 63
#: Every table of PostgreSQL has these: https://www.postgresql.org/docs/current/ddl-system-columns.html
_TAKEN = frozenset({KEY, "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_NO_LETTER = re.compile(r"[^A-Za-z0-9_]")


def candidates(name: str) -> Iterator[str]:
    """Yield the names that a value's column may have: the first is to be taken that is no other value's.

    What is no name in both databases is made one; where that is another value's, a digest of the whole name tells
    them apart. The digest depends on the name alone, so that every worker finds the same.
    """
    plain = _NO_LETTER.sub("_", name)[:_MAX_CHARACTERS].lower() or "_"
    if plain not in _TAKEN:
        yield plain
    digest = _digest(name)
    for length in range(8, len(digest) // 2, 8):
        yield f"{plain[: _MAX_CHARACTERS - length - 1]}_{digest[:length]}"


def recorded(name: str) -> str:
    """Return a value's name as the database can remember it: long and odd ones by their digest."""
    return name if len(name) <= 200 and name.isprintable() else f"sha256:{_digest(name)}"


def _digest(name: str) -> str:
    return sha256(name.encode(errors="surrogatepass")).hexdigest()
