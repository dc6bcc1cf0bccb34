"""What an error of a database means: a fault of the row, of the user's rights, of what is known of the table, or none.

Sources: https://www.postgresql.org/docs/current/errcodes-appendix.html, https://www.sqlite.org/rescode.html.
"""

from typing import Any

# Data, constraints, limits of a row; a generated column, a type that does not fit, a trigger's own objection.
_OF_ROWS = ("22", "23", "44", "54", "P0", "428C9", "42804", "42846")
# SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE; by number, as the driver is slow to import.
_SQLITE_OF_ROWS = frozenset({18, 19, 20, 25})
# No such table, column or unique index.
_OF_STALE = ("42P01", "42703", "42P10")
# SQLITE_ERROR, SQLITE_SCHEMA.
_SQLITE_OF_STALE = frozenset({1, 17})
_DENIED = ("28", "42501")


def is_of_row(error: Exception) -> bool:
    """Whether the database will never take a row that it refused so."""
    state, code = _state(error), _sqlite_code(error)
    if state is None and code is None:
        # The driver itself could not take a value.
        return isinstance(error, (ValueError, OverflowError)) or type(_cause(error)).__name__ == "DataError"
    return (state or "").startswith(_OF_ROWS) or code in _SQLITE_OF_ROWS or _is_of_policy(error)


def is_of_stale_table(error: Exception) -> bool:
    """Whether the table may have been changed by somebody since it was looked at."""
    return (_state(error) or "").startswith(_OF_STALE) or _sqlite_code(error) in _SQLITE_OF_STALE


def is_denied(error: Exception) -> bool:
    """Whether the user may not do this."""
    return (_state(error) or "").startswith(_DENIED) and not _is_of_policy(error)


def _is_of_policy(error: Exception) -> bool:
    # A row that a policy forbids has the code of a missing right; who raised it tells them apart in every language.
    return getattr(getattr(_cause(error), "diag", None), "source_function", None) == "ExecWithCheckOptions"


def told(error: Exception) -> str:
    """Return what went wrong; of a row's fault no word of PostgreSQL's message, which may quote values."""
    cause, state = _cause(error), _state(error)
    if state is None or not is_of_row(error):
        if is_of_row(error) and _sqlite_code(error) is None:
            return f"the driver cannot take a value of it ({type(cause).__name__})"
        return str(cause).split("\n", maxsplit=1)[0][:300] or type(cause).__name__
    diagnosis: Any = getattr(cause, "diag", None)
    named = [
        f"{what} {name}"
        for what, name in (
            ("column", getattr(diagnosis, "column_name", None)),
            ("constraint", getattr(diagnosis, "constraint_name", None)),
        )
        if name
    ]
    return f"PostgreSQL refuses it: {' '.join([type(cause).__name__, *named])} ({state})"


def _cause(error: Exception) -> BaseException:
    cause: Any = getattr(error, "orig", None)
    return cause or error


def _state(error: Exception) -> str | None:
    """Return the SQLSTATE, as psycopg and psycopg2 name it."""
    cause = _cause(error)
    state: str | None = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state


def _sqlite_code(error: Exception) -> int | None:
    """Return SQLite's primary code, without what extends it."""
    code: int | None = getattr(_cause(error), "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
