"""Customer.io: people, what they do, their devices, and objects, through the Track API v2.

Source: https://docs.customer.io/integrations/api/track/. Everything is an operation of the batch endpoint, whose answer
names the operations that were refused.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    JsonObject,
    Outcome,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    UnixSeconds,
    at_least_one_of,
)


class Region(StrEnum):
    """Where the workspace lives."""

    US = "us"
    EU = "eu"


HOSTS = {Region.US: "https://track.customer.io", Region.EU: "https://track-eu.customer.io"}


class CustomerIoSettings(Settings):
    """One workspace."""

    site_id: Annotated[str, Field(description="The workspace's site id.")]
    api_key: Annotated[Secret, Field(description="The Track API's key.")]
    region: Annotated[Region, Field(description="Where the workspace lives.")] = Region.US
    endpoint: Annotated[str | None, Field(description="Another host than the region's, for tests.")] = None


class Person(Payload):
    """Whom an operation is about."""

    person_id: Annotated[str | None, From("userId", "Your id of the person, cio_…, or an address.")] = None
    email: Annotated[str | None, Field(description="E-mail address, where there is no id.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The id of a person that is not known yet.")] = None

    identified = at_least_one_of("person_id", "email", "anonymous_id")


class Attributes(Person):
    """An operation with attributes."""

    timestamp: Annotated[UnixSeconds | None, From("timestamp", "When it happened.")] = None
    convert_timestamp: Annotated[
        bool, Field(description="Write dates among the attributes as Unix time, by which campaigns can compare them.")
    ] = True


class IdentifyPerson(Attributes):
    """A person's attributes."""

    email: Annotated[str | None, From("traits.email", "E-mail address.")] = None
    created_at: Annotated[UnixSeconds | None, From("traits.created_at || traits.createdAt", "When it signed up.")] = (
        None
    )
    attributes: Annotated[
        JsonObject | None, From("omit(traits, ['created_at', 'createdAt'])", "What is known of it.")
    ] = None


class TrackEvent(Attributes):
    """Something that a person did."""

    name: Annotated[str, From("event", "The event's name.")]
    id: Annotated[str | None, From("messageId", "The event's id; a second one is ignored.")] = None
    attributes: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None


class TrackPage(TrackEvent):
    """A page that a person saw."""

    name: Annotated[str, From("context.page.url || properties.url || name", "The page's URL.")]


class TrackScreen(TrackEvent):
    """A screen that a person saw."""

    name: Annotated[str, From("name", "The screen's name.")]


class Device(Person):
    """A person's device."""

    device_id: Annotated[str, From("context.device.token", "The device's push token.")]


class UpdateDevice(Device):
    """A device that takes messages."""

    platform: Annotated[str | None, From("lower(context.device.type)", "ios or android.")] = None
    last_used: Annotated[UnixSeconds | None, From("timestamp", "When it was used last.")] = None
    attributes: Annotated[JsonObject | None, Field(description="What is known of it.")] = None


class Object(Payload):
    """Something that is no person: a company, a course, an account."""

    object_id: Annotated[str, From("groupId", "Your id of the object.")]
    object_type_id: Annotated[str, From("traits.object_type_id || '1'", "The id of its type; 1 is the first.")]


class UpdateObject(Object):
    """An object's attributes, and a person that belongs to it."""

    attributes: Annotated[JsonObject | None, From("omit(traits, ['object_type_id'])", "What is known of it.")] = None
    person_id: Annotated[str | None, From("userId", "A person that belongs to it.")] = None
    convert_timestamp: Annotated[bool, Field(description="Write dates among the attributes as Unix time.")] = True


class Merge(Payload):
    """Two people that are one."""

    primary: Annotated[str, From("userId", "Who stays.")]
    secondary: Annotated[str, From("previousId", "Who becomes a part of it.")]


customerio = Destination("customerio", settings=CustomerIoSettings, title="Customer.io")
# A batch holds 500 KB at most, an operation 32 KB.
batch = Batch(max_calls=500, max_bytes=450_000, linger=0.5)


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read a 207: each error names its operation by `batch_index`."""
    outcome = Outcome.of(response)
    outcomes = [outcome] * len(payloads)
    try:
        answer = response.json()
    except ValueError:
        return outcomes
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if outcome.kind == "delivered" and isinstance(errors, list):
        for error in errors:
            index = error.get("batch_index") if isinstance(error, dict) else None
            if isinstance(index, int) and 0 <= index < len(payloads):
                told = " ".join(str(error[key]) for key in ("reason", "field", "message") if error.get(key))
                outcomes[index] = Outcome.rejected(f"Customer.io says {told[:200]}")
    return outcomes


def _action(trigger: str) -> Any:
    return customerio.action(trigger=trigger, batch=batch, outcomes=_outcomes)


_OTHERS = (
    "Application Installed", "Application Opened", "Application Uninstalled", "Device Created or Updated",
    "Device Deleted", "Relationship Deleted", "User Deleted", "Object Deleted",
)  # fmt: skip


@_action('type = "identify"')
def identify_person(settings: CustomerIoSettings, payloads: list[IdentifyPerson]) -> Request:
    """Make or update people."""
    operations = []
    for payload in payloads:
        attributes = _attributes(payload)
        if payload.created_at is not None:
            attributes["created_at"] = payload.created_at
        operations.append(_person(payload, "identify", attributes=attributes, timestamp=payload.timestamp))
    return _send(settings, operations)


@_action(" and ".join(['type = "track"', *(f'event != "{name}"' for name in _OTHERS)]))
def track_event(settings: CustomerIoSettings, payloads: list[TrackEvent]) -> Request:
    """Record what people did."""
    return _send(settings, [_event(payload, "event") for payload in payloads])


@_action('type = "page"')
def track_page_view(settings: CustomerIoSettings, payloads: list[TrackPage]) -> Request:
    """Record pages that people saw."""
    return _send(settings, [_event(payload, "page") for payload in payloads])


@_action('type = "screen"')
def track_screen_view(settings: CustomerIoSettings, payloads: list[TrackScreen]) -> Request:
    """Record screens that people saw."""
    return _send(settings, [_event(payload, "screen") for payload in payloads])


@_action('event in ("Application Installed", "Application Opened", "Device Created or Updated")')
def update_device(settings: CustomerIoSettings, payloads: list[UpdateDevice]) -> Request:
    """Make or update people's devices."""
    return _send(
        settings,
        [
            _person(payload, "add_device", device=_some(
                token=payload.device_id, platform=payload.platform, last_used=payload.last_used,
                attributes=payload.attributes,
            ))
            for payload in payloads
        ],
    )  # fmt: skip


@_action('event in ("Application Uninstalled", "Device Deleted")')
def delete_device(settings: CustomerIoSettings, payloads: list[Device]) -> Request:
    """Delete people's devices."""
    operations = [_person(payload, "delete_device", device={"token": payload.device_id}) for payload in payloads]
    return _send(settings, operations)


@_action('event = "User Deleted"')
def delete_person(settings: CustomerIoSettings, payloads: list[Person]) -> Request:
    """Delete people."""
    return _send(settings, [_person(payload, "delete") for payload in payloads])


@_action('type = "group"')
def update_object(settings: CustomerIoSettings, payloads: list[UpdateObject]) -> Request:
    """Make or update objects, and tie people to them."""
    operations = []
    for payload in payloads:
        attributes = _converted(payload.attributes or {}) if payload.convert_timestamp else payload.attributes or {}
        related = None if payload.person_id is None else [{"identifiers": _identifiers(payload.person_id, None, None)}]
        operations.append(_object(payload, "identify", attributes=attributes, cio_relationships=related))
    return _send(settings, operations)


@_action('event = "Object Deleted"')
def delete_object(settings: CustomerIoSettings, payloads: list[Object]) -> Request:
    """Delete objects."""
    return _send(settings, [_object(payload, "delete") for payload in payloads])


@_action('type = "alias"')
def merge_people(settings: CustomerIoSettings, payloads: list[Merge]) -> Request:
    """Make two people one."""
    return _send(
        settings,
        [
            {
                "type": "person", "action": "merge",
                "primary": _identifiers(payload.primary, None, None),
                "secondary": _identifiers(payload.secondary, None, None),
            }
            for payload in payloads
        ],
    )  # fmt: skip


for name, action in (
    ("People", "identify_person"), ("Events", "track_event"), ("Page views", "track_page_view"),
    ("Screen views", "track_screen_view"), ("Devices", "update_device"), ("Deleted devices", "delete_device"),
    ("Deleted people", "delete_person"), ("Objects", "update_object"), ("Merged people", "merge_people"),
):  # fmt: skip
    customerio.preset(name, action=action)


def _some(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _identifiers(person_id: str | None, email: str | None, anonymous_id: str | None) -> dict[str, str]:
    if person_id and person_id.startswith("cio_"):
        return {"cio_id": person_id.removeprefix("cio_")}
    if person_id and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", person_id):
        return {"email": person_id}
    if person_id:
        return {"id": person_id}
    return {"email": email} if email else {"anonymous_id": anonymous_id or ""}


def _person(payload: Person, action: str, **rest: Any) -> dict[str, Any]:
    identifiers = _identifiers(payload.person_id, payload.email, payload.anonymous_id)
    return {"type": "person", "action": action, "identifiers": identifiers} | _some(**rest)


def _object(payload: Object, action: str, **rest: Any) -> dict[str, Any]:
    identifiers = {"object_type_id": payload.object_type_id, "object_id": payload.object_id}
    return {"type": "object", "action": action, "identifiers": identifiers} | _some(**rest)


def _event(payload: TrackEvent, action: str) -> dict[str, Any]:
    key = payload.id or payload.idempotency_key
    attributes = _attributes(payload)
    return _person(payload, action, name=payload.name, id=key, attributes=attributes, timestamp=payload.timestamp)


def _attributes(payload: IdentifyPerson | TrackEvent) -> dict[str, Any]:
    given = payload.attributes or {}
    attributes = _converted(given) if payload.convert_timestamp else dict(given)
    # Customer.io ties what a visitor did before to the person by this attribute.
    return attributes | _some(anonymous_id=payload.anonymous_id)


_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?")


def _converted(value: Any) -> Any:
    """Write ISO 8601 dates as Unix time in seconds, at any depth."""
    if isinstance(value, dict):
        return {name: _converted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_converted(item) for item in value]
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return value


def _send(settings: CustomerIoSettings, operations: list[dict[str, Any]]) -> Request:
    host = settings.endpoint or HOSTS[settings.region]
    auth = (settings.site_id, settings.api_key)
    return Request.post(f"{host}/api/v2/batch", basic_auth=auth, json={"batch": operations})
