"""Customer.io: people, what they do, their devices, and objects, through the Track API v2.

Source: https://docs.customer.io/integrations/api/track/. Everything is an operation of the batch endpoint, whose answer
names the operations that were refused.
"""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    Fact,
    From,
    JsonObject,
    Outcome,
    Payload,
    RegionalSettings,
    Request,
    Response,
    Secret,
    UnixSeconds,
    at_least_one_of,
    compact,
)


class CustomerIoSettings(RegionalSettings):
    """One workspace."""

    hosts: ClassVar = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
    site_id: Annotated[str, Field(description="The workspace's site id.")]
    api_key: Annotated[Secret, Field(description="The Track API's key.")]
    region: Annotated[Literal["us", "eu"], Field(description="Where the workspace lives.")] = "us"


class Person(Payload):
    """Whom an operation is about."""

    person_id: Annotated[str | None, From("userId", "Your id of the person, cio_…, or an address.")] = None
    email: Annotated[str | None, Field(description="E-mail address, where there is no id.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The id of a person that is not known yet.")] = None

    identified = at_least_one_of("person_id", "email", "anonymous_id")


class Attributes(Person):
    """An operation with attributes."""

    attributes: Annotated[JsonObject | None, Field(description="What is known of it.")] = None
    timestamp: Annotated[UnixSeconds | None, From(Fact.MOMENT, "When it happened.")] = None
    convert_timestamp: Annotated[
        bool, Field(description="Write dates among the attributes as Unix time, by which campaigns can compare them.")
    ] = True


class IdentifyPerson(Attributes):
    """A person's attributes."""

    email: Annotated[str | None, From(Fact.EMAIL, "E-mail address.")] = None
    created_at: Annotated[UnixSeconds | None, From(Fact.CREATED_AT, "When it signed up.")] = None
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

    name: Annotated[str, From(f"{Fact.PAGE_URL} || name", "The page's URL.")]


class TrackScreen(TrackEvent):
    """A screen that a person saw."""

    name: Annotated[str, From("name", "The screen's name.")]


class Device(Person):
    """A person's device."""

    device_id: Annotated[str, From("context.device.token", "The device's push token.")]


class UpdateDevice(Device):
    """A device that takes messages."""

    platform: Annotated[str | None, From("lower(context.device.type)", "ios or android.")] = None
    last_used: Annotated[UnixSeconds | None, From(Fact.MOMENT, "When it was used last.")] = None
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


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read a 207: each error names its operation by `batch_index`."""
    errors = response.json_object().get("errors") if response.status < 300 else None
    faults: dict[int, str] = {}
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict) and isinstance(error.get("batch_index"), int):
            told = " ".join(str(error[key]) for key in ("reason", "field", "message") if error.get(key))
            faults[error["batch_index"]] = f"Customer.io says {told[:200]}"
    return Outcome.of_items(response, len(payloads), faults)


# A batch holds 500 KB at most, an operation 32 KB.
_action = partial(customerio.action, batch=Batch(max_calls=500, max_bytes=450_000, linger=0.5), outcomes=_outcomes)
_OTHERS = (
    "Application Installed", "Application Opened", "Application Uninstalled", "Device Created or Updated",
    "Device Deleted", "Relationship Deleted", "User Deleted", "Object Deleted",
)  # fmt: skip


@_action(trigger='type = "identify"')
def identify_person(settings: CustomerIoSettings, payloads: list[IdentifyPerson]) -> Request:
    """Make or update people."""
    operations = [_described(payload, "identify", created_at=payload.created_at) for payload in payloads]
    return _send(settings, operations)


@_action(trigger=" and ".join(['type = "track"', *(f'event != "{name}"' for name in _OTHERS)]))
def track_event(settings: CustomerIoSettings, payloads: list[TrackEvent]) -> Request:
    """Record what people did."""
    return _send(settings, [_event(payload, "event") for payload in payloads])


@_action(trigger='type = "page"')
def track_page_view(settings: CustomerIoSettings, payloads: list[TrackPage]) -> Request:
    """Record pages that people saw."""
    return _send(settings, [_event(payload, "page") for payload in payloads])


@_action(trigger='type = "screen"')
def track_screen_view(settings: CustomerIoSettings, payloads: list[TrackScreen]) -> Request:
    """Record screens that people saw."""
    return _send(settings, [_event(payload, "screen") for payload in payloads])


@_action(trigger='event in ("Application Installed", "Application Opened", "Device Created or Updated")')
def update_device(settings: CustomerIoSettings, payloads: list[UpdateDevice]) -> Request:
    """Make or update people's devices."""
    return _send(settings, [_device(payload, "add_device") for payload in payloads])


@_action(trigger='event in ("Application Uninstalled", "Device Deleted")')
def delete_device(settings: CustomerIoSettings, payloads: list[Device]) -> Request:
    """Delete people's devices."""
    return _send(settings, [_device(payload, "delete_device") for payload in payloads])


@_action(trigger='event = "User Deleted"')
def delete_person(settings: CustomerIoSettings, payloads: list[Person]) -> Request:
    """Delete people."""
    return _send(settings, [_person(payload, "delete") for payload in payloads])


@_action(trigger='type = "group"')
def update_object(settings: CustomerIoSettings, payloads: list[UpdateObject]) -> Request:
    """Make or update objects, and tie people to them."""
    operations = []
    for payload in payloads:
        related = None if payload.person_id is None else [{"identifiers": _identifiers(payload.person_id)}]
        operations.append(_object(payload, "identify", attributes=_attributes(payload), cio_relationships=related))
    return _send(settings, operations)


@_action(trigger='event = "Object Deleted"')
def delete_object(settings: CustomerIoSettings, payloads: list[Object]) -> Request:
    """Delete objects."""
    return _send(settings, [_object(payload, "delete") for payload in payloads])


@_action(trigger='type = "alias"')
def merge_people(settings: CustomerIoSettings, payloads: list[Merge]) -> Request:
    """Make two people one."""
    operations = [
        {"type": "person", "action": "merge"}
        | {"primary": _identifiers(payload.primary), "secondary": _identifiers(payload.secondary)}
        for payload in payloads
    ]
    return _send(settings, operations)


for name, action in (
    ("People", "identify_person"), ("Events", "track_event"), ("Page views", "track_page_view"),
    ("Screen views", "track_screen_view"), ("Devices", "update_device"), ("Deleted devices", "delete_device"),
    ("Deleted people", "delete_person"), ("Objects", "update_object"), ("Merged people", "merge_people"),
):  # fmt: skip
    customerio.preset(name, action=action)


def _identifiers(person_id: str | None, email: str | None = None, anonymous_id: str | None = None) -> dict[str, str]:
    if person_id and person_id.startswith("cio_"):
        return {"cio_id": person_id.removeprefix("cio_")}
    if person_id and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", person_id):
        return {"email": person_id}
    if person_id:
        return {"id": person_id}
    return {"email": email} if email else {"anonymous_id": anonymous_id or ""}


def _person(payload: Person, action: str, **rest: Any) -> dict[str, Any]:
    identifiers = _identifiers(payload.person_id, payload.email, payload.anonymous_id)
    return {"type": "person", "action": action, "identifiers": identifiers} | compact(rest)


def _object(payload: Object, action: str, **rest: Any) -> dict[str, Any]:
    identifiers = {"object_type_id": payload.object_type_id, "object_id": payload.object_id}
    return {"type": "object", "action": action, "identifiers": identifiers} | compact(rest)


def _device(payload: Device, action: str) -> dict[str, Any]:
    told = payload.body(exclude=[*Device.model_fields])
    return _person(payload, action, device=compact({"token": payload.device_id, **told}))


def _event(payload: TrackEvent, action: str) -> dict[str, Any]:
    return _described(payload, action, name=payload.name, id=payload.id or payload.idempotency_key)


def _described(payload: Attributes, action: str, created_at: int | None = None, **rest: Any) -> dict[str, Any]:
    # Customer.io ties what a visitor did before to the person by the attribute anonymous_id.
    attributes = _attributes(payload) | compact(anonymous_id=payload.anonymous_id, created_at=created_at)
    return _person(payload, action, **rest, attributes=attributes, timestamp=payload.timestamp)


def _attributes(payload: Attributes | UpdateObject) -> dict[str, Any]:
    attributes: dict[str, Any] = payload.attributes or {}
    return _converted(attributes) if payload.convert_timestamp else attributes


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
    auth = (settings.site_id, settings.api_key)
    return Request.post(f"{settings.host}/api/v2/batch", basic_auth=auth, json={"batch": operations})
