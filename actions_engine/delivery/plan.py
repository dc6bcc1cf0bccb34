"""An event -> what the store takes: a row for each mapping that fired, its call or its rejection."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import msgspec

from actions_engine.call import KEY_NAMESPACE, Call, Rejection, given_message_id, message_id
from actions_engine.engine import Engine
from actions_engine.errors import PLUGIN_RAISES, InputError
from actions_engine.mapping import Mapping
from actions_engine.rejection import refusal
from actions_engine.request import encode_json
from actions_engine.store.contract import PlannedCall, PlannedEvent
from actions_engine.store.payload_json import write_payload
from actions_engine.store.text import storable
from actions_engine.wording import kind_of

_MAX_NAME = 500
_MAX_REASON = 2_000


class Plan(msgspec.Struct, frozen=True):
    """What an event is to become.

    Attributes:
        event: For the store.
        dropped: Why a plugin's `before_route` stopped the event, else an empty string. It is accepted without a call.
        was_named: Whether it came with a `messageId`.
    """

    event: PlannedEvent
    dropped: str = ""
    was_named: bool = True


def plan_event(engine: Engine, event: Any, *, store_event: bool, identity: str = "") -> Plan | str:
    """Route an event; return its plan, or why it is no event.

    Args:
        engine: What routes.
        event: A dict; or the InputError that says why a line of an input is no event, which the ledger accounts for.
        store_event: Whether the event itself is stored.
        identity: What an event without a `messageId` is known by, and sent with; by default a digest of its content.
    """
    if isinstance(event, InputError):
        return Plan(_refused(str(event), identity))
    if not isinstance(event, dict):
        return f"an event is an object, not {kind_of(event)}"
    try:
        was_named = bool(given_message_id(event))
        if identity and not was_named:
            event = {**event, "messageId": identity}
        return _plan(engine, event, store_event=store_event, was_named=was_named)
    except PLUGIN_RAISES as error:
        # A dict of somebody's own making, whose keys or values raise when they are looked at.
        reason = f"the event cannot be read: {type(error).__name__}: {str(error)[:200]}"
        return Plan(_refused(reason, identity or uuid.uuid4().hex))


def _plan(engine: Engine, event: dict[str, Any], *, store_event: bool, was_named: bool) -> Plan:
    routing = engine.route(event)
    known_by = message_id(event)
    user = _short(_user(event))
    calls = [_planned(call, user) for call in routing.calls]
    calls += [_rejected(rejection, known_by, user) for rejection in routing.rejections]
    # An event that became nothing needs no copy: nothing of it can be replayed.
    stored = _encoded(event) if store_event and calls else None
    return Plan(PlannedEvent(_short(known_by), stored, tuple(calls)), routing.dropped, was_named)


def _refused(reason: str, identity: str) -> PlannedEvent:
    """Return the row of what is no event."""
    return PlannedEvent(_short(identity), None, (_rejected(refusal(reason), identity, ""),))


def configuration_version(engine: Engine) -> str:
    """Return a digest of everything that decides what an event becomes: mappings, actions, settings but for secrets."""
    digest = hashlib.sha256()
    for mapping in engine.mappings:
        digest.update(encode_json(_description(mapping)))
    return digest.hexdigest()[:12]


def _description(mapping: Mapping) -> list[Any]:
    instance = mapping.instance
    settings = json.dumps(instance.settings.model_dump(mode="json"), sort_keys=True, default=str)
    fields = {name: _plain(value) for name, value in mapping.fields.items()}
    names = [instance.name, instance.destination.name, mapping.name, mapping.action.name]
    delivery = json.dumps(instance.delivery.model_dump(mode="json"), sort_keys=True, default=str)
    return [*names, settings, delivery, mapping.condition.describe(), fields]


def _plain(field: Any) -> Any:
    """Return a field's tree as data; an expression is its text."""
    if isinstance(field, (list, tuple)):
        return [_plain(part) for part in field]
    if isinstance(text := getattr(field, "text", None), str):
        return text
    names = getattr(type(field), "__slots__", ())
    return [type(field).__name__, *(_plain(getattr(field, name)) for name in names)] if names else str(field)


def _planned(call: Call, user: str) -> PlannedCall:
    payload: bytes | None = None
    reason = ""
    try:
        payload = write_payload(call.payload)
    except (ValueError, TypeError) as error:
        reason = f"the payload cannot be written as JSON: {error}"
    return PlannedCall(
        key=call.key,
        instance=call.instance,
        destination=call.destination,
        mapping=call.mapping,
        action=call.action,
        payload=payload,
        user=user,
        reason=storable(reason)[:_MAX_REASON],
        notes=() if payload is None else call.notes,
    )


def _rejected(rejection: Rejection, identity: str, user: str) -> PlannedCall:
    name = "\n".join((identity, rejection.instance, rejection.mapping)).encode(errors="backslashreplace")
    digest = hashlib.sha1(KEY_NAMESPACE.bytes + name, usedforsecurity=False).digest()
    return PlannedCall(
        key=str(uuid.UUID(bytes=digest[:16], version=5)),
        instance=rejection.instance,
        destination=rejection.destination,
        mapping=rejection.mapping,
        action=rejection.action,
        payload=None,
        user=user,
        reason=storable(rejection.reason)[:_MAX_REASON] or "rejected",
    )


def _user(event: dict[str, Any]) -> str:
    """Return whose order is kept."""
    for name in ("userId", "anonymousId"):
        value = event.get(name)
        if isinstance(value, str) and value:
            return f"{name}:{value}"
        if isinstance(value, uuid.UUID):
            return f"{name}:{value}"
        if type(value) is int:
            # Python writes no number of more than 4,300 digits, but for its hexadecimal ones.
            return f"{name}:{value if abs(value) < 10**40 else hex(value)}"
    return ""


def _encoded(event: dict[str, Any]) -> bytes | None:
    try:
        return encode_json(event)
    except (ValueError, TypeError):
        # Its calls were planned and can be delivered; only a remapped replay is not to be had.
        return None


def _short(name: str) -> str:
    """Return a name as every store takes it; of a long one the rest is a digest."""
    clean = storable(name)
    if len(clean) <= _MAX_NAME:
        return clean
    return f"{clean[: _MAX_NAME - 65]}~{hashlib.sha256(clean.encode()).hexdigest()}"
