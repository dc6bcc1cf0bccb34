"""SQL: a value is kept exactly, or its row is rejected by the name of the column."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from actions_engine_sql import DatabaseTransport
from tests.plugins.sql_tables import (
    is_postgresql,
    kinds,
    opened,
    read,
    run,
    types,
    write,
)

TEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def moment(stored: Any) -> datetime:
    found: datetime = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return found


@pytest.mark.parametrize(
    "numbers",
    [[5, 19.99], [19.99, 5], [0.1, 2**53 + 1], [1e-7, 2**63 - 1, -(2**63)], [0, 123456789.123456789]],
)
def test_numbers_are_kept(transport: DatabaseTransport, numbers: list[float]) -> None:
    """Whatever number a column began with, none is rounded."""
    for number in numbers:
        assert kinds(transport, {"n": number}) == ["delivered"]
    assert [Decimal(str(row["n"])) for row in read(transport)] == [Decimal(repr(number)) for number in numbers]


def test_integers_beyond_64_bits(transport: DatabaseTransport) -> None:
    """PostgreSQL keeps them; SQLite, which would round them, does not take them."""
    assert kinds(transport, {"n": 1}, {"n": 2**64 + 1}) == [
        "delivered", "delivered" if is_postgresql(transport) else "rejected",
    ]  # fmt: skip
    assert [int(row["n"]) for row in read(transport)] == ([1, 2**64 + 1] if is_postgresql(transport) else [1])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("BIGINT", [19.99, 2**63]),
        ("INTEGER", [2**31, 0.5]),
        ("SMALLINT", [2**15]),
        ("NUMERIC(6, 2)", [0.125, 12345, 1e9]),
        ("DOUBLE PRECISION", [2**53 + 1]),
        ("REAL", [19.99]),
        ("VARCHAR(3)", ["four"]),
        ("TIMESTAMP(0)", ["2026-01-05T10:00:00.5Z"]),
        ("BOOLEAN", [1, "true"]),
    ],
)
def test_a_column_of_somebody_else_rounds_nothing(postgresql_url: str, column: str, values: list[Any]) -> None:
    """PostgreSQL would round, cut or cast what such a column cannot hold: the row is rejected and says so."""
    transport = opened(postgresql_url)
    run(transport, f"CREATE TABLE events (call_key TEXT PRIMARY KEY, v {column})")
    for value in values:
        (outcome,) = write(transport, {"k": {"v": value}})
        assert (outcome.kind, 'the column "v" is ' in outcome.reason) == ("rejected", True)
        assert str(value) not in outcome.reason
    transport.close()


def test_what_fits_a_column_of_somebody_else(postgresql_url: str) -> None:
    """Types that this destination never makes take what is theirs, a moment without a zone in UTC."""
    transport = opened(postgresql_url)
    run(
        transport,
        "CREATE TABLE events (call_key TEXT PRIMARY KEY, a NUMERIC(6, 2), b TIMESTAMP, c DATE, d UUID, e VARCHAR(3), "
        "f REAL, g JSON, h INTEGER)",
    )
    row = {
        "a": 1999.9, "b": "2026-01-05T12:00:00+02:00", "c": "2026-01-05", "d": "39858d2c-df85-5fa0-a169-a87d0c08e0bc",
        "e": "abc", "f": 0.5, "g": [1], "h": 7.0,
    }  # fmt: skip
    bad = {"c": "no day"}
    good, refused = write(transport, {"k1": row, "k2": bad})
    assert (good.kind, refused.kind) == ("delivered", "rejected")
    assert '"c" (DATE)' in refused.reason
    assert "no day" not in refused.reason
    (found,) = read(transport)
    assert (found["a"], found["b"], found["h"]) == (Decimal("1999.90"), TEN.replace(tzinfo=None), 7)
    transport.close()


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("2026-01-05T10:00:00Z", "n/a", "text that is no moment"),
        ("2026-01-05T10:00:00Z", 1767607200, "a whole number"),
        ("2026-01-05T10:00:00Z", {"a": "secret"}, "an object"),
        (5, "secret", "text"),
        (5, True, "a boolean"),
        (5, [5], "a list"),
        (True, 1, "a whole number"),
        (True, "secret", "text"),
        ("text", {"a": "secret"}, "an object"),
        ("text", False, "a boolean"),
        ("text", "lone \ud800", "no Unicode"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_what_a_column_cannot_hold_is_told(
    transport: DatabaseTransport, first: Any, second: Any, told: str, together: bool
) -> None:
    """The row is rejected alone, by the column, its type and the kind of value, in whatever batch it comes."""
    rows = {"k1": {"v": first}, "k2": {"v": second}, "k3": {"v": first}}
    if together:
        outcomes = write(transport, rows)
    else:
        outcomes = [outcome for key, row in rows.items() for outcome in write(transport, {key: row})]
    assert [outcome.kind for outcome in outcomes] == ["delivered", "rejected", "delivered"]
    reason = outcomes[1].reason
    assert f'the column "v" is {types(transport)["v"]} and cannot hold ' in reason
    assert told in reason
    assert "secret" not in reason
    assert [row["call_key"] for row in read(transport)] == ["k1", "k3"]


def test_nul_on_postgresql(postgresql_url: str) -> None:
    """PostgreSQL stores no NUL, in text or in JSON; what only looks like its escape is stored."""
    transport = opened(postgresql_url)
    rows: dict[str, dict[str, Any]] = {
        "k1": {"t": "a\0b"}, "k2": {"j": {"a": ["x\0"]}}, "k3": {"j": {"\0": 1}}, "k4": {"t": "\\u0000"},
        "k5": {"j": {"a": "\\u0000"}},
    }  # fmt: skip
    outcomes = write(transport, rows)
    assert [outcome.kind for outcome in outcomes] == ["rejected"] * 3 + ["delivered"] * 2
    assert all("NUL" in outcome.reason for outcome in outcomes[:3])
    assert read(transport)[1]["j"] == {"a": "\\u0000"}
    transport.close()


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T10:00:00Z", "2026-01-05T10:00:00", "2026-01-05T12:00:00+02:00", "2026-01-05T05:00:00.000-05:00",
        "2026-01-05T15:30:00+0530", "2026-01-05T10:00", "2026-01-05 10:00:00",
    ],
)  # fmt: skip
def test_moments_are_instants(url: str, text: str) -> None:
    """Each way to write a moment is the same instant, whatever the zone of the server; without an offset it is UTC."""
    transport = opened(url)
    if is_postgresql(transport):
        run(transport, f"ALTER DATABASE \"{url.rpartition('/')[2]}\" SET timezone = 'America/New_York'")
        transport.close()
        transport = opened(url)
    assert kinds(transport, {"at": "2026-01-05T10:00:00Z"}, {"at": text}) == ["delivered"] * 2
    assert {moment(row["at"]) for row in read(transport)} == {TEN}
    transport.close()


def test_dates_in_a_column_of_moments(transport: DatabaseTransport) -> None:
    """A day is its midnight in UTC; a moment whose year has no place in UTC is told, days that are none are text."""
    assert kinds(transport, {"at": "2026-01-05T10:00:00Z"}, {"at": "2026-01-05"}, {"at": "0001-01-01T00:00:00+05:00"},
                 {"day": "2026-02-30T10:00:00Z"}) == ["delivered", "delivered", "rejected", "delivered"]  # fmt: skip
    assert moment(read(transport)[1]["at"]) == TEN.replace(hour=0)
    assert types(transport)["day"] == "TEXT"


def test_numbers_in_a_column_of_text(transport: DatabaseTransport) -> None:
    """Ids often are numbers: their digits are stored, all of them."""
    assert kinds(transport, {"id": "A-1"}, {"id": 2**70 + 1}, {"id": 1.5}) == ["delivered"] * 3
    assert [row["id"] for row in read(transport)] == ["A-1", str(2**70 + 1), "1.5"]


def test_json_keeps_its_numbers(transport: DatabaseTransport) -> None:
    """Objects and lists are JSON, JSONB on PostgreSQL, and so is whatever comes into their column later."""
    given: list[Any] = [{"a": [1, "ü", 2**63 - 1]}, [], "text", 5, 0.1, 123456789012345678, True]
    assert kinds(transport, *({"j": value} for value in given)) == ["delivered"] * len(given)
    assert types(transport)["j"] == ("JSONB" if is_postgresql(transport) else "JSON")
    stored = [row["j"] for row in read(transport)]
    if not is_postgresql(transport):
        stored = [json.loads(value) if isinstance(value, str) else value for value in stored]
    assert stored == given


def test_declared_columns(url: str) -> None:
    """A column is made of the type that the settings declare, whatever comes first."""
    declared = {
        "a": "text",
        "b": "number",
        "c": "integer",
        "d": "boolean",
        "e": "moment",
        "f": "json",
        "Odd name": "text",
    }
    transport = opened(url, columns=declared)
    row = {"a": "2026-01-05T10:00:00Z", "b": 5, "c": 5, "d": True, "e": "2026-01-05", "f": "x", "Odd name": 5}
    assert kinds(transport, row, {"b": 19.99, "a": 7}) == ["delivered"] * 2
    made = ["TEXT", "NUMERIC", "BIGINT", "BOOLEAN", "DATETIME", "JSON", "TEXT"]
    if is_postgresql(transport):
        made[4:6] = ["TIMESTAMP WITH TIME ZONE", "JSONB"]
    found = types(transport)
    assert [found[name] for name in ["a", "b", "c", "d", "e", "f", "odd_name"]] == made
    for bad in ({"a": True}, {"b": "5"}, {"c": 0.5}, {"c": 2**63}, {"d": 0}, {"e": "soon"}):
        assert kinds(transport, bad) == ["rejected"]
    transport.close()


def test_a_declared_type_refuses_the_first_value_too(url: str) -> None:
    """A value that does not fit what is declared makes no column."""
    transport = opened(url, columns={"total": "number"})
    first, second = write(transport, {"k1": {"total": "n/a", "other": 1}, "k2": {"total": 5}})
    assert (first.kind, second.kind) == ("rejected", "delivered")
    assert 'column "total" is NUMERIC and cannot hold text' in first.reason
    assert list(types(transport)) == ["call_key", "total"]
    transport.close()
