"""An event -> what is wrong with it by the Segment spec.

Values are never part of a message: an event is about a person. A message names fields, types and lengths; the only
texts that it repeats are keys of the spec's own shape, a `type` and a currency that are nothing but a few letters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from actions_engine.errors import Problem, Severity
from actions_engine.request import encode_json
from actions_engine.spec.currencies import CURRENCIES
from actions_engine.spec.moments import read_moment
from actions_engine.spec.names import check_name
from actions_engine.spec.tables import (
    CALL_FIELDS,
    COMMON_FIELDS,
    CONTEXT_FIELDS,
    CONTEXT_KINDS,
    EVENT_TYPES,
    FIELD_KINDS,
    GROUP_TRAITS,
    MAX_EVENT_BYTES,
    MAX_MESSAGE_ID,
    ORDER_EVENTS,
    ORDER_PROPERTIES,
    PAGE_PROPERTIES,
    PRODUCT_PROPERTIES,
    REQUIRED_FIELDS,
    SCREEN_PROPERTIES,
    TRACK_PROPERTIES,
    USER_TRAITS,
    Kind,
)
from actions_engine.wording import did_you_mean, kind_of


def _problem(code: str, message: str, field: str = "", severity: Severity = "error", hint: str = "") -> Problem:
    return Problem(code, message, severity=severity, hint=hint, field=field)


_PROPERTIES = {"track": TRACK_PROPERTIES, "page": PAGE_PROPERTIES, "screen": SCREEN_PROPERTIES}
_EXPECTED: dict[Kind, str] = {
    "text": "a string", "id": "a string", "number": "a number", "boolean": "a boolean", "object": "an object",
    "list": "a list", "date": "an ISO 8601 timestamp",
}  # fmt: skip
_MAX_KEYS = 100
_KEY = re.compile(r"[A-Za-z_]{1,40}")
_CODE = re.compile(r"[A-Za-z]{1,10}")


def check_event(event: Any) -> list[Problem]:
    """Return what is wrong with an event, errors first; nothing where it follows the spec.

    Args:
        event: A call of the spec as plain data.
    """
    if not isinstance(event, dict):
        return [_problem("event-shape", f"an event is an object, not {kind_of(event)}")]
    problems = [*_check_type(event), *_check_root(event), *_check_size(event), *_check_times(event)]
    kind = event.get("type")
    if kind == "track" and isinstance(event.get("event"), str):
        problems += check_name(event["event"])
    if isinstance(context := event.get("context"), dict):
        problems += _check_context(context)
    if isinstance(properties := event.get("properties"), dict):
        problems += _check_properties(event, properties)
    if isinstance(traits := event.get("traits"), dict):
        problems += _check_traits(traits, "traits", GROUP_TRAITS if kind == "group" else USER_TRAITS)
    return sorted(problems, key=lambda problem: ("error", "warning", "hint").index(problem.severity))


# -- the root


def _check_type(event: Mapping[str, Any]) -> Iterator[Problem]:
    kind = event.get("type")
    if kind is None:
        yield _problem("missing-type", "the event has no `type`", "type", hint=f"one of {', '.join(EVENT_TYPES)}")
    elif kind not in EVENT_TYPES if isinstance(kind, str) else True:
        shown = repr(kind) if isinstance(kind, str) and _CODE.fullmatch(kind) else kind_of(kind)
        hint = did_you_mean(kind, EVENT_TYPES) if isinstance(kind, str) else ""
        yield _problem("unknown-type", f"there is no call of the type {shown}", "type", hint=hint)
    for name in REQUIRED_FIELDS.get(kind if isinstance(kind, str) else "", ()):
        if _is_missing(event.get(name)):
            yield _problem("missing-field", f"a {kind} call needs `{name}`", name)
    if _is_missing(event.get("userId")) and _is_missing(event.get("anonymousId")) and kind != "alias":
        yield _problem("missing-id", "the event has neither `userId` nor `anonymousId`")


def _is_missing(value: Any) -> bool:
    return value is None or value == ""


def _check_root(event: Mapping[str, Any]) -> Iterator[Problem]:
    kind = event.get("type")
    own = CALL_FIELDS.get(kind) if isinstance(kind, str) else None
    # Of a call that is none of the spec's, any call's field may be meant.
    known = COMMON_FIELDS | (frozenset().union(*CALL_FIELDS.values()) if own is None else own)
    yield from _check_keys(event, known, "")
    yield from _check_kinds(event, FIELD_KINDS, "")
    message_id = event.get("messageId")
    if isinstance(message_id, str) and len(message_id) > MAX_MESSAGE_ID:
        message = f"`messageId` has {len(message_id):,} characters, at most {MAX_MESSAGE_ID} are taken"
        yield _problem("message-id-length", message, "messageId")
    integrations = event.get("integrations")
    if isinstance(integrations, dict) and not all(isinstance(one, (bool, dict)) for one in integrations.values()):
        message = "`integrations` chooses a destination with true, false or an object of options"
        yield _problem("integrations-value", message, "integrations", "warning")


def _check_keys(value: Mapping[str, Any], known: frozenset[str], below: str) -> Iterator[Problem]:
    """Find keys that are misspelt, or that the spec does not have at this place."""
    # Those of a hostile event are not all looked at: one object tells enough of itself.
    for key in islice(value, _MAX_KEYS):
        if key in known or not isinstance(key, str):
            continue
        if meant := _meant(key, known):
            hint = f"did you mean `{below}{meant}`?"
            yield _problem("misspelt-field", f"the spec has no field `{below}{key}`", below + key, "warning", hint)
        elif not below:
            # A key may itself be data: it is shown where it looks like a field's name.
            shown = f"`{key}`" if _KEY.fullmatch(key) else f"a key of {len(key)} characters"
            hint = "what describes the call goes into `properties`, `traits` or `context`"
            path = key if _KEY.fullmatch(key) else ""
            yield _problem("unknown-field", f"{shown} is no field at the root of this call", path, "warning", hint)


def _meant(key: str, known: frozenset[str]) -> str:
    plain = {re.sub("[_-]", "", name).casefold(): name for name in known}
    written = re.sub("[_ -]", "", key).casefold()
    if written in plain:
        return plain[written]
    if len(written) < 5 or len(written) > 40:
        return ""
    close = difflib.get_close_matches(written, [name for name in plain if len(name) > 4], n=1, cutoff=0.85)
    return plain[close[0]] if close else ""


def _check_size(event: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        size = len(encode_json(event, is_strict=True))
    except (ValueError, TypeError) as error:
        yield _problem("not-json", str(error))
        return
    if size > MAX_EVENT_BYTES:
        message = f"the event has {size:,} bytes of JSON; at most {MAX_EVENT_BYTES:,} are taken"
        yield _problem("event-size", message)


def _check_times(event: Mapping[str, Any]) -> Iterator[Problem]:
    moments: dict[str, datetime] = {}
    for name in ("originalTimestamp", "timestamp", "sentAt", "receivedAt"):
        value = event.get(name)
        if isinstance(value, str) and (moment := read_moment(value)) is not None:
            moments[name] = moment
            if not re.search(r"(Z|[+-][0-9]{2}:?[0-9]{2})$", value):
                yield _problem("no-time-zone", f"`{name}` has no time zone; UTC is assumed", name, "warning")
    # `timestamp` is corrected for the device's clock once the call was received, and may then lie behind `sentAt`.
    happened = "originalTimestamp" if "originalTimestamp" in moments else "timestamp"
    is_raw = happened == "originalTimestamp" or "receivedAt" not in moments
    if is_raw and happened in moments and "sentAt" in moments and moments["sentAt"] < moments[happened]:
        yield _problem(
            "sent-before",
            f"`sentAt` is before `{happened}`",
            "sentAt",
            "warning",
            "check where the two times come from: the clock's error is computed from them",
        )


# -- types


def _check_kinds(
    value: Mapping[str, Any], kinds: Mapping[str, Kind], below: str, *, any_case: bool = False
) -> Iterator[Problem]:
    for name, item in value.items():
        kind = kinds.get(_camel(name) if any_case else name)
        if kind is None or item is None:
            continue
        found = _mismatch(item, kind)
        if found:
            yield _problem(found[0], f"`{below}{name}` {found[1]}", below + name, found[2])


def _camel(name: str) -> str:
    """Return a trait's name in camel case: both spellings are reserved."""
    head, *rest = name.split("_")
    return head + "".join(step.capitalize() for step in rest)


def _mismatch(value: Any, kind: Kind) -> tuple[str, str, Severity] | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match kind:
        case "number":
            fits = is_number
        case "boolean":
            fits = isinstance(value, bool)
        case "object":
            fits = isinstance(value, dict)
        case "list":
            fits = isinstance(value, list)
        case "id" if is_number:
            return "id-number", "is a number; ids are strings, and large numbers lose digits on the way", "warning"
        case "date" if isinstance(value, str):
            if read_moment(value) is None:
                return "not-iso-8601", f"is text of {len(value)} characters that is no ISO 8601 timestamp", "error"
            fits = True
        case _:
            fits = isinstance(value, str)
    return None if fits else ("wrong-type", f"is {kind_of(value)}, expected {_EXPECTED[kind]}", "error")


def _check_context(context: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _check_keys(context, CONTEXT_FIELDS, "context.")
    yield from _check_kinds(context, CONTEXT_KINDS, "context.")
    for name, inner in context.items():
        if isinstance(inner, dict) and CONTEXT_KINDS.get(name) == "object":
            kinds: dict[str, Kind] = {
                key: CONTEXT_KINDS[f"{name}.{key}"] for key in inner if f"{name}.{key}" in CONTEXT_KINDS
            }
            yield from _check_kinds(inner, kinds, f"context.{name}.")
    if isinstance(traits := context.get("traits"), dict):
        yield from _check_traits(traits, "context.traits", USER_TRAITS)


def _check_traits(traits: Mapping[str, Any], path: str, kinds: Mapping[str, Kind]) -> Iterator[Problem]:
    yield from _check_kinds(traits, kinds, path + ".", any_case=True)
    email = traits.get("email")
    if isinstance(email, str) and email and not re.fullmatch(r"[^@\s]+@[^@\s]+", email.strip()):
        message = f"`{path}.email` is text of {len(email)} characters that is no e-mail address"
        yield _problem("not-an-email", message, f"{path}.email", "warning")


def _check_properties(event: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[Problem]:
    kind = event.get("type")
    yield from _check_kinds(properties, _PROPERTIES.get(kind if isinstance(kind, str) else "", {}), "properties.")
    if kind != "track":
        return
    if isinstance(event.get("event"), str) and event["event"] in ORDER_EVENTS:
        yield from _check_kinds(properties, ORDER_PROPERTIES, "properties.")
    elif properties.get("products") is not None and not isinstance(properties["products"], list):
        found = kind_of(properties["products"])
        message = f"`properties.products` is {found}, expected a list"
        yield _problem("wrong-type", message, "properties.products", "warning")
    yield from _check_currency(properties.get("currency"))
    if isinstance(products := properties.get("products"), list):
        yield from _check_products(products)


def _check_currency(currency: Any) -> Iterator[Problem]:
    if not isinstance(currency, str) or currency in CURRENCIES:
        return
    path, shown = "properties.currency", f"{currency!r}" if _CODE.fullmatch(currency) else "the currency"
    if currency.strip().upper() in CURRENCIES:
        yield _problem("currency-case", f"{shown} is written in capitals in ISO 4217", path, "warning")
    else:
        yield _problem(
            "unknown-currency", f"{shown} is no currency code of ISO 4217", path, hint="three letters, such as USD"
        )


def _check_products(products: list[Any]) -> Iterator[Problem]:
    seen: set[Problem] = set()
    for product in products:
        if not isinstance(product, dict):
            found = [_problem("wrong-type", f"a product is {kind_of(product)}, expected an object",
                                  "properties.products[]")]  # fmt: skip
        else:
            found = list(_check_kinds(product, PRODUCT_PROPERTIES, "properties.products[]."))
        for problem in found:
            # Of a hundred products with one mistake, one is told.
            if problem not in seen:
                seen.add(problem)
                yield problem
