"""`python -m tests.bench.sql_rows [--rows N]`: rows a second of the destination sql, against a bare `executemany`.

The bare way is the database's own driver, with rows that are ready, the same keys and the same commits: what it lacks is
all that the destination looks after. One run, side by side; ratios last, times do not.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from actions_engine import Request, Secret
from actions_engine_sql import DatabaseTransport, SqlSettings, sql
from tests.postgresql import new_database, server

_BATCH = 500
_GOAL = 0.5
_TYPES = {
    "sqlite": ("TEXT", "NUMERIC", "BIGINT", "BOOLEAN", "DATETIME", "JSON"),
    "postgresql": ("TEXT", "NUMERIC", "BIGINT", "BOOLEAN", "TIMESTAMPTZ", "JSONB"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Write rows against a bare executemany.")
    parser.add_argument("--rows", type=int, default=20_000)
    count: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="actions-engine-bench-") as folder:
        path = Path(folder) / "rows.db"
        _show("SQLite", _sqlite(path), f"sqlite:///{path}", count)
    with server() as base:
        if base is None:
            sys.stdout.write("PostgreSQL, left out: it is not installed\n")
            return
        url = new_database(base)
        _show("PostgreSQL", _postgresql(url), url, count)


def _show(database: str, bare: Callable[[list[Any]], None], url: str, count: int) -> None:
    transport = DatabaseTransport(SqlSettings(url=Secret(url)))
    transport.open()
    action = sql.actions["insert"]
    taken: dict[str, list[float]] = {"bare": [], "sql": []}
    for number in range(0, count, _BATCH):
        columns = [_columns(row) for row in range(number, number + _BATCH)]
        payloads = [
            action.payload.model_validate({"table": "orders", "columns": row}).bind(f"key-{number}-{place:08}")
            for place, row in enumerate(columns)
        ]
        request = action.request(transport.settings, list(payloads))
        ready = [(payload.idempotency_key, *_ready(row)) for payload, row in zip(payloads, columns, strict=True)]
        gc.collect()
        taken["bare"].append(_seconds(partial(bare, ready)))
        taken["sql"].append(_seconds(partial(_send, transport, request)))
    transport.close()
    # The first batch makes the table.
    rates = {name: _BATCH / statistics.median(seconds[1:]) for name, seconds in taken.items()}
    ratio = rates["sql"] / rates["bare"]
    sys.stdout.write(
        f"{database}: {rates['sql']:,.0f} rows a second, bare executemany {rates['bare']:,.0f}: {ratio:.2f} of it, "
        f"goal >= {_GOAL} {'met' if ratio >= _GOAL else 'MISSED'}\n"
    )


def _columns(number: int) -> dict[str, Any]:
    """Return an order, as a mapping would make it."""
    return {
        "order_id": f"A-{number}", "user_id": f"user-{number % 977}", "coupon": "SUMMER", "currency": "EUR",
        "total": 19.99 + number % 100, "items": number % 7, "gift": number % 2 == 0, "paid_at": "2026-01-05T10:00:00Z",
        "products": [{"sku": "G-32", "price": 9.99, "quantity": 2}, {"sku": "G-33", "price": 0.01, "quantity": 1}],
    }  # fmt: skip


def _ready(row: dict[str, Any]) -> list[Any]:
    """Return a row as a driver takes it."""
    products = '[{"sku":"G-32","price":9.99,"quantity":2},{"sku":"G-33","price":0.01,"quantity":1}]'
    return [*list(row.values())[:7], "2026-01-05 10:00:00.000000+00:00", products]


def _statement(database: str, mark: str) -> tuple[str, str]:
    text, number, integer, boolean, moment, json = _TYPES[database]
    types = [text, text, text, text, number, integer, boolean, moment, json]
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(types))
    marks = ", ".join([mark] * 10)
    return (
        f"CREATE TABLE bare (call_key TEXT NOT NULL PRIMARY KEY, {columns})",
        f"INSERT INTO bare VALUES ({marks}) ON CONFLICT (call_key) DO NOTHING",  # noqa: S608 - this file's own text
    )


def _sqlite(path: Path) -> Callable[[list[Any]], None]:
    connection = sqlite3.connect(path, isolation_level=None)
    create, insert = _statement("sqlite", "?")
    connection.execute(create)

    def write(rows: list[Any]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")

    return write


def _postgresql(url: str) -> Callable[[list[Any]], None]:
    import psycopg  # noqa: PLC0415 - an extra

    connection = psycopg.connect(url)
    create, insert = _statement("postgresql", "%s")
    connection.execute(create)
    connection.commit()

    def write(rows: list[Any]) -> None:
        connection.cursor().executemany(insert, rows)
        connection.commit()

    return write


def _send(transport: DatabaseTransport, request: Request) -> None:
    response = transport.send(request)
    if response.body != b'{"faults":{}}':
        raise SystemExit(f"not every row was written: {response.body[:200]!r}")


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
