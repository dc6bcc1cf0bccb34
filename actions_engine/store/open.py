"""From a URL to the store that it names."""

from __future__ import annotations

from actions_engine.errors import StoreError
from actions_engine.store.contract import Store


def shown_store(url: str) -> str:
    """Return a store's URL as it may be shown: without a password."""
    if url.partition("://")[0] not in ("postgresql", "postgres"):
        return url
    from actions_engine.store.postgresql import PostgreSQLStore  # noqa: PLC0415 - see store_of

    return PostgreSQLStore(url).shown


def store_of(url: str, *, durable: bool = True) -> Store:
    """Return the store that a URL names, not yet open.

    Args:
        url: `sqlite:///calls.db` (`sqlite:////` and an absolute path), a bare path of a file, or
            `postgresql://user:password@host/database`.
        durable: Whether accepting waits for the disk.

    Raises:
        StoreError: there is no such kind of store.
    """
    scheme, separator, rest = url.partition("://")
    if not separator and url.partition(":")[0] in ("sqlite", "postgresql", "postgres"):
        # It would be the name of a file, password and all.
        raise StoreError(f"after {url.partition(':')[0]}: come two slashes; write sqlite:///calls.db or postgresql://…")
    if not separator or scheme == "sqlite":
        from actions_engine.store.sqlite import SQLiteStore  # noqa: PLC0415 - only the store that is used

        path = rest.removeprefix("/") if separator else url
        if not path:
            raise StoreError("the store has no file name; write sqlite:///calls.db")
        return SQLiteStore(path, durable=durable)
    if scheme in ("postgresql", "postgres"):
        from actions_engine.store.postgresql import PostgreSQLStore  # noqa: PLC0415 - see above

        return PostgreSQLStore(url, durable=durable)
    raise StoreError(f"there is no store for {scheme}:// URLs; known are sqlite:// and postgresql://")
