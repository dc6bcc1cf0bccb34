"""SQL: rows in SQLite or PostgreSQL, a table for each mapping that names one, through SQLAlchemy.

Tables and columns are made when they are first needed. A row is known by the idempotency key of its call, so that one
that is delivered twice is written once. Nothing is rounded, cut or guessed: a value that its column cannot hold rejects
its row alone, by name of the column. Needs the extra: pip install 'actions-engine[sql]'.
"""

from typing import Annotated, Any

from pydantic import Field

from actions_engine import Batch, Destination, From, JsonObject, Outcome, Payload, Request, Response, Secret, Settings
from actions_engine_sql.names import KEY
from actions_engine_sql.transport import DatabaseTransport
from actions_engine_sql.values import Declared

__all__ = ["DatabaseTransport", "Insert", "SqlSettings", "insert", "sql"]

_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"


class SqlSettings(Settings):
    """Which database."""

    url: Annotated[
        Secret,
        Field(
            description="As SQLAlchemy takes it: sqlite:///rows.db, postgresql+psycopg://user:password@host/database."
        ),
    ]
    schema_name: Annotated[str | None, Field(description="PostgreSQL's schema; it must exist.", pattern=_NAME)] = None
    columns: Annotated[
        dict[str, Declared],
        Field(
            description="Types of columns that are made, by name; any other column is typed by its first value.",
            examples=[{"order_id": "text", "total": "number", "paid_at": "moment"}],
        ),
    ] = Field(default_factory=dict)


class Insert(Payload):
    """One row."""

    table: Annotated[
        str, Field(description="The table; made where it does not exist.", pattern=_NAME, examples=["events"])
    ]
    columns: Annotated[
        JsonObject,
        From(
            "{event_type: type, event: event, user_id: userId, anonymous_id: anonymousId, happened_at: timestamp, "
            "properties: properties, traits: traits, context: context}",
            "Column to value: text, numbers, booleans, moments in ISO 8601; anything else is JSON.",
        ),
    ]


sql = Destination("sql", settings=SqlSettings, title="SQL", transport=DatabaseTransport)


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read which rows were refused."""
    faults = response.json_object().get("faults")
    if response.status == 200 and isinstance(faults, dict):
        refused = {number: str(faults[str(number)]) for number in range(len(payloads)) if str(number) in faults}
        return Outcome.of_items(response, len(payloads), refused)
    outcome, unclear = Outcome.of(response), Outcome.retry("the answer does not say what became of the rows")
    return [unclear if outcome.kind == "delivered" else outcome] * len(payloads)


@sql.action(
    trigger="type != null",
    batch=Batch(max_calls=500, max_bytes=5_000_000, key=lambda payload: payload.table, linger=0.5),
    outcomes=_outcomes,
)
def insert(settings: SqlSettings, payloads: list[Insert]) -> Request:
    """Insert rows into a table."""
    rows = [{KEY: payload.idempotency_key, "columns": payload.columns} for payload in payloads]
    return Request("INSERT", f"sql:{payloads[0].table}", json={"table": payloads[0].table, "rows": rows})


sql.preset("Every event", action="insert", fields={"table": {"$literal": "events"}})
