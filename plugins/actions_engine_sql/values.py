"""Values as columns hold them: exactly, or not at all."""

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from actions_engine import encode_json

#: What the setting `columns` may say of a column.
Declared = Literal["text", "number", "integer", "boolean", "moment", "json"]
#: What a column holds; `float` and `other` are found in tables that somebody else made.
Kind = Literal["text", "number", "integer", "boolean", "moment", "json", "float", "other"]
#: Returns a value as the driver takes it, or raises UnfitError.
Hold = Callable[[Any], Any]

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9:]{2,5})?")
_DATE_OR_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}[0-9:.,Z+-]*)?")

# A host's Decimal may stand for more digits than memory holds.
_MOST_DIGITS = 4_300


class UnfitError(Exception):
    """A value that its column cannot hold; the text says what kind of value it is, and never the value."""


def kind_of_new(value: Any) -> Declared:
    """Return what a column is to hold whose first value this is."""
    match value:
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "moment" if _MOMENT.fullmatch(value) and _read_moment(value) else "text"
        case datetime():
            return "moment"
        case date():
            return "text"
    return "json"


def holder(
    kind: Kind,
    *,
    exact_text: bool,
    length: int | None = None,
    digits: tuple[int, int] | None = None,
    bits: int = 64,
    zoned: bool = True,
    decimals: int = 6,
) -> Hold:
    """Return what makes values of one column ready.

    Args:
        kind: What the column holds.
        exact_text: Values go as text that PostgreSQL reads itself, JSON as it is; else as SQLite's own types.
        length: Characters that text may have.
        digits: Digits that numbers may have, and how many of them behind the point.
        bits: Of integers and floats.
        zoned: Whether moments are stored with an offset; else they are in UTC.
        decimals: Digits of a moment's seconds behind the point.
    """
    match kind:
        case "text":
            return _text(length) if exact_text else _any_text
        case "number":
            return _numeric(digits) if exact_text else _sqlite_number
        case "integer":
            return _integer(bits, str if exact_text else int)
        case "float":
            return _float(bits, repr if exact_text else float)
        case "boolean":
            return _boolean({True: "true", False: "false"} if exact_text else {True: 1, False: 0})
        case "moment":
            return _moment("T" if exact_text else " ", zoned, decimals)
        case "json":
            return _jsonb if exact_text else _sqlite_json
        case "other":
            return _text(None) if exact_text else _any_text


def told(value: Any) -> str:
    """Return what kind of value this is."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return "a whole number"
        case float() | Decimal():
            return "a number with decimals" if math.isfinite(value) else "a number that is not finite"
        case str():
            return "text"
        case date():
            return "a moment"
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
    return f"a value of the type {type(value).__name__}"


# -- text


def _any_text(value: Any) -> str:
    if type(value) is not str:
        match value:
            case bool():
                raise UnfitError(told(value))
            case str():
                value = str.__str__(value)
            case int() | float() | Decimal():
                # Ids often are numbers.
                return _digits(value)
            case date():
                return value.isoformat()
            case _:
                raise UnfitError(told(value))
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UnfitError("text that is no Unicode (a lone surrogate)") from None
    text: str = value
    return text


def _text(length: int | None) -> Hold:
    def hold(value: Any) -> str:
        text = _any_text(value)
        if "\0" in text:
            raise UnfitError("text with the character NUL, which PostgreSQL does not store")
        if length is not None and len(text) > length:
            raise UnfitError(f"text of more than {length} characters")
        return text

    return hold


# -- numbers


def _checked(value: Any) -> Any:
    """Return a number, of Python's own type."""
    if type(value) is int:
        return value
    match value:
        case bool():
            raise UnfitError(told(value))
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case Decimal() if math.isfinite(value):
            if abs(value.adjusted()) > _MOST_DIGITS:
                raise UnfitError("a number of too many digits")
            return value
    raise UnfitError(told(value))


def _digits(value: Any) -> str:
    number = _checked(value)
    try:
        return repr(number) if type(number) is float else str(number)
    except ValueError:
        raise UnfitError("a whole number of more than 4,300 digits") from None


def _numeric(digits: tuple[int, int] | None) -> Hold:
    if digits is None:
        return _digits
    precision, scale = digits

    def hold(value: Any) -> str:
        text = _digits(value)
        _, figures, exponent = (number := Decimal(text)).as_tuple()
        behind = -int(exponent) - (len(figures) - len("".join(map(str, figures)).rstrip("0")))
        if number and behind > scale:
            raise UnfitError(f"a number of more than {scale} decimals")
        if number and number.adjusted() >= precision - scale:
            raise UnfitError(f"a number of more than {precision - scale} digits before the point")
        return text

    return hold


def _sqlite_number(value: Any) -> int | float:
    """Return a number as SQLite keeps it: 64 bits, https://www.sqlite.org/datatype3.html."""
    if type(value) is float and math.isfinite(value):
        return value
    number = _checked(value)
    if isinstance(number, Decimal):
        if number == number.to_integral_value():
            number = int(number)
        elif Decimal(repr(float(number))) == number:
            return float(number)
        else:
            raise UnfitError("a number of more digits than SQLite keeps; declare the column as text to keep them")
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise UnfitError("a whole number beyond 64 bits; declare the column as text to keep it")
    exact: int | float = number
    return exact


def _integer(bits: int, write: Callable[[int], Any]) -> Hold:
    most = 2 ** (bits - 1)

    def hold(value: Any) -> Any:
        number = _checked(value)
        if number != int(number):
            raise UnfitError(told(value))
        if not -most <= number < most:
            raise UnfitError(f"a whole number beyond {bits} bits")
        return write(int(number))

    return hold


def _float(bits: int, write: Callable[[float], Any]) -> Hold:
    def hold(value: Any) -> Any:
        number = _checked(value)
        try:
            near = float(number)
            if bits == 32:
                near = struct.unpack("f", struct.pack("f", near))[0]
        except OverflowError:
            near = math.inf
        if near != number and not (isinstance(number, Decimal) and Decimal(repr(near)) == number):
            raise UnfitError(f"a number of more digits than {bits} bits keep")
        return write(near)

    return hold


def _boolean(written: dict[bool, Any]) -> Hold:
    def hold(value: Any) -> Any:
        if value is True or value is False:
            return written[value]
        raise UnfitError(told(value))

    return hold


# -- moments


def _read_moment(text: str) -> datetime | None:
    """Return the moment that ISO 8601 text names, in UTC; without an offset it is in UTC, as everywhere."""
    if not _DATE_OR_MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        # No such day, or beyond the years 1 to 9999 once it is in UTC.
        return None


def _moment(between: str, zoned: bool, decimals: int) -> Hold:
    step = 10 ** (6 - decimals)

    def hold(value: Any) -> str:
        moment = None
        if isinstance(value, str):
            moment = _read_moment(value)
            if moment is None:
                raise UnfitError("text that is no moment in ISO 8601, such as 2026-01-05T10:00:00Z")
        elif isinstance(value, date):
            moment = _read_moment(value.isoformat())
        if moment is None:
            raise UnfitError(told(value))
        if moment.microsecond % step:
            raise UnfitError(f"a moment of more than {decimals} decimals of a second")
        return (moment if zoned else moment.replace(tzinfo=None)).isoformat(between, "microseconds")

    return hold


# -- JSON


def _json(value: Any) -> str:
    try:
        return encode_json(value).decode()
    except (ValueError, TypeError) as error:
        # These say what is wrong, and quote no value.
        raise UnfitError(f"{told(value)}: {error}") from None


def _jsonb(value: Any) -> Any:
    text = _json(value)
    # Most of what looks like an escape is one; a backslash before it makes it none.
    if "\\u0000" in text and _holds_nul(value):
        raise UnfitError(f"{told(value)} holding the character NUL, which PostgreSQL does not store")
    return value


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(part) for item in value.items() for part in item)
        case list() | tuple():
            return any(map(_holds_nul, value))
    return False


def _sqlite_json(value: Any) -> str | int | float:
    # A column of the type JSON turns text of a bare number into one, and rounds it.
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _sqlite_number(value)
    return _json(value)
