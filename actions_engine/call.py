"""Call, Rejection and Routing: what an event became, as values."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from actions_engine.mapping import Mapping
from actions_engine.note import Note
from actions_engine.payload import Payload
from actions_engine.wording import shortened

#: The namespace of idempotency keys (RFC 9562, name-based UUIDs).
KEY_NAMESPACE = uuid.UUID("6f1f2ad5-9a5c-5e0b-8f5e-7c1c6f0d6d52")

#: Faults of a rejection that are told, and the characters of its reason.
MAX_FAULTS = 20
MAX_REASON = 2_000

_NAMESPACE_BYTES = KEY_NAMESPACE.bytes


class Call(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One validated payload bound for one action of one destination instance.

    Attributes:
        source: The mapping that made it.
        payload: The action's pydantic model, filled.
        event: The event that it came from, never changed.
        notes: What it goes out without, as the event's values could not be read.
    """

    source: Mapping
    payload: Payload
    event: dict[str, Any]
    notes: tuple[Note, ...] = ()

    @property
    def destination(self) -> str:
        """The destination's name, as the plugin registers it."""
        return self.source.instance.destination.name

    @property
    def instance(self) -> str:
        """The destination instance: its mapping file's name without the ending."""
        return self.source.instance.name

    @property
    def action(self) -> str:
        """The action's name."""
        return self.source.action.name

    @property
    def mapping(self) -> str:
        """The mapping's name."""
        return self.source.name

    @property
    def key(self) -> str:
        """The idempotency key: a UUID, the same whenever the same event is routed by the same mapping."""
        # A lone surrogate is no text to a digest, yet an event that holds one has a key like any other. This is uuid5
        # (RFC 9562, 5.5), which the standard library computes at five times the cost: a test compares them.
        name = message_id(self.event).encode(errors="backslashreplace") + self.source.key_suffix
        digest = hashlib.sha1(_NAMESPACE_BYTES + name, usedforsecurity=False).hexdigest()
        variant = "89ab"[int(digest[16], 16) & 3]
        return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"

    def as_dict(self) -> dict[str, Any]:
        """Return the call as plain data; the payload as `Payload.body` gives it."""
        source = self.source
        return {
            "destination": source.instance.destination.name,
            "instance": source.instance.name,
            "action": source.action.name,
            "mapping": source.name,
            "key": self.key,
            "payload": self.payload.body(),
            **({"notes": [msgspec.to_builtins(note) for note in self.notes]} if self.notes else {}),
        }


class SentCall(msgspec.Struct, frozen=True, eq=False):
    """A call that a request carried, as `after_delivery` hears of it: planned earlier, read back from the store.

    Attributes:
        destination: The destination's name, as the plugin registers it.
        instance: The destination instance.
        action: The action's name.
        mapping: The mapping's name.
        key: The idempotency key.
        payload: The action's pydantic model, filled.
        attempts: Requests that carried it, this one included.
    """

    destination: str
    instance: str
    action: str
    mapping: str
    key: str
    payload: Payload
    attempts: int


def message_id(event: dict[str, Any]) -> str:
    """Return the event's `messageId`, or a digest of its content where it has none."""
    return given_message_id(event) or _content_digest(event)


def given_message_id(event: dict[str, Any]) -> str:
    """Return the event's `messageId`: text that is not blank, or a whole number; empty where it has none."""
    given = event.get("messageId")
    if isinstance(given, UUID):
        return str(given)
    if isinstance(given, str):
        return given if given.strip() else ""
    return f"{given:d}" if type(given) is int and abs(given) < _LARGEST_NUMBER else ""


def _content_digest(event: dict[str, Any]) -> str:
    try:
        content = json.dumps(event, sort_keys=True, default=str)
    except Exception:  # noqa: BLE001 - no JSON, or objects that cannot even be written: see below
        return _odd_digest(event)
    return hashlib.sha256(content.encode(errors="backslashreplace")).hexdigest()


# A number of more digits is no id: Python writes none of more than 4,300.
_LARGEST_NUMBER = 10**40
# Parts of an odd event that are looked at; one that holds itself has no end.
_MOST_PARTS = 100_000


def _odd_digest(event: Any) -> str:
    """Return a digest of what is no JSON: any keys, numbers of any size, any depth, objects by their own text."""
    digest = hashlib.sha256()
    waiting: list[Any] = [event]
    for _ in range(_MOST_PARTS):
        if not waiting:
            break
        part = waiting.pop()
        if isinstance(part, dict):
            digest.update(b"{%d" % len(part))
            for key, value in part.items():
                waiting += [value, key]
        elif isinstance(part, (list, tuple)):
            digest.update(b"[%d" % len(part))
            waiting += part
        else:
            digest.update(f"{type(part).__name__} {_odd_text(part)}\n".encode(errors="backslashreplace"))
    return digest.hexdigest()


def _odd_text(part: Any) -> str:
    try:
        return hex(part) if isinstance(part, int) else str(part)
    except Exception:  # noqa: BLE001 - an object that cannot be written is known by its type
        return ""


class Fault(msgspec.Struct, frozen=True):
    """One reason for a rejection.

    Attributes:
        field: The payload field, dotted where it is inside one; empty where no field is at fault.
        found: The JSON type of the value found, such as `a string`; never the value, which may be personal.
        reason: What was expected, or what went wrong.
    """

    field: str
    found: str
    reason: str

    def __str__(self) -> str:
        subject = f"{self.field} is {self.found}: " if self.field and self.found else ""
        return f"{subject or (self.field and self.field + ': ')}{self.reason}"


class Rejection(msgspec.Struct, frozen=True):
    """A mapping that fired and could not make its call, or an event that could not be routed at all.

    Attributes:
        faults: Why, one for each field at fault: the first 20, then one that says how many there are besides.
        destination: The destination's name; empty where the event itself was refused.
        instance: The destination instance; empty likewise.
        action: The action's name; empty likewise.
        mapping: The mapping's name; empty likewise.
    """

    faults: tuple[Fault, ...]
    destination: str = ""
    instance: str = ""
    action: str = ""
    mapping: str = ""

    @property
    def reason(self) -> str:
        """All faults in one line, of at most 2,000 characters."""
        return shortened("; ".join(str(fault) for fault in self.faults), MAX_REASON)

    def as_dict(self) -> dict[str, Any]:
        """Return the rejection as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class Routing(msgspec.Struct, frozen=True, gc=False):
    """What one event became.

    Attributes:
        calls: The calls, in the order of the mapping files and of the mappings in them.
        rejections: The mappings that fired and failed.
        dropped: Why a plugin's `before_route` hook dropped the event, else an empty string.
    """

    calls: tuple[Call, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    dropped: str = ""

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)
