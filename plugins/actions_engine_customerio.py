"""Customer.io: people, what they do, their devices, and objects, through the Track API v2.

Source: https://docs.customer.io/integrations/api/track/. Everything is an operation of the batch endpoint, whose answer
names the operations that were refused.
"""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from actions_engine import (
    Batch,
    Destination,
    Email,
    Exact,
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

# The Track API's version, as its paths say it; Customer.io names no day on which it ends.
API_VERSION = "v2"


class CustomerIoSettings(RegionalSettings):
    """One workspace."""

    hosts: ClassVar = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
    site_id: Annotated[str, Field(description="The workspace's site id.")]
    api_key: Annotated[Secret, Field(description="The Track API's key.")]
    region: Annotated[Literal["us", "eu"], Field(description="Where the workspace lives.")] = "us"


_TYPE_OF_TRAITS = "traits.object_type_id || traits.objectTypeId || '1'"
_TYPE_OF_PROPERTIES = f"properties.object_type_id || properties.objectTypeId || {_TYPE_OF_TRAITS}"


class Person(Payload):
    """Whom an operation is about."""

    person_id: Annotated[str | None, From("userId", "Your id of the person, cio_…, or an address.")] = None
    email: Annotated[Email | None, Field(description="E-mail address, where there is no id.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The id of a person that is not known yet.")] = None

    identified = at_least_one_of("person_id", "email", "anonymous_id")


class Attributes(Person):
    """An operation with attributes."""

    attributes: Annotated[JsonObject | None, Field(description="What is known of it.")] = None
    timestamp: Annotated[UnixSeconds | None, From(Fact.MOMENT, "When it happened.")] = None
    convert_timestamp: Annotated[
        bool, Field(description="Write dates among the attributes as Unix time, by which campaigns can compare them.")
    ] = True


# PHP writes traits that are empty as [], of which `||` makes null.
_STEERING = "'object_type_id', 'objectTypeId', 'relationshipAttributes', 'created_at', 'createdAt'"
_OF_PERSON = f"omit(traits || `null`, [{_STEERING}, 'email'])"
_OF_OBJECT = f"traits.objectAttributes || omit(traits || `null`, [{_STEERING}])"


class IdentifyPerson(Attributes):
    """A person's attributes, and an object that the person belongs to."""

    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address.")] = None
    created_at: Annotated[UnixSeconds | None, From(Fact.CREATED_AT, "When it signed up.")] = None
    attributes: Annotated[JsonObject | None, From(_OF_PERSON, "What is known of it.")] = None
    object_id: Annotated[str | None, From("traits.objectId", "Your id of an object that the person belongs to.")] = None
    object_type_id: Annotated[str, From(_TYPE_OF_TRAITS, "The id of that object's type; 1 is the first.")] = "1"
    relationship_attributes: Annotated[
        JsonObject | None, From("traits.relationshipAttributes", "What is known of the tie between them.")
    ] = None


class TrackEvent(Attributes):
    """Something that a person did."""

    name: Annotated[str, From("event", "The event's name.")]
    id: Annotated[str | None, From("messageId", "The event's id; a second one is ignored.")] = None
    attributes: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None


class TrackPage(TrackEvent):
    """A page that a person saw."""

    name: Annotated[str, From(f"{Fact.PAGE_URL} || name || {Fact.PAGE_TITLE}", "The page's URL, or else its name.")] = (
        "Loaded a Page"
    )


class TrackScreen(TrackEvent):
    """A screen that a person saw."""

    name: Annotated[str, From("name || properties.name", "The screen's name.")] = "Loaded a Screen"


class Device(Person):
    """A person's device."""

    device_id: Annotated[str, From("context.device.token", "The device's push token.")]


def _platform(value: Any) -> str:
    """Read what SDKs call a device's type or system as one of the two that Customer.io knows."""
    name = value.strip().lower() if isinstance(value, str) else ""
    if name.startswith(("ios", "iphone", "ipad", "ipod")):
        return "ios"
    if name.startswith("android"):
        return "android"
    raise ValueError("expected ios or android")


class UpdateDevice(Device):
    """A device that takes messages."""

    platform: Annotated[
        Annotated[str, BeforeValidator(_platform)] | None,
        From(f"{Fact.DEVICE_TYPE} || {Fact.OS_NAME}", "ios or android."),
    ] = None
    last_used: Annotated[UnixSeconds | None, From(Fact.MOMENT, "When it was used last.")] = None
    app_version: Annotated[str | None, From(Fact.APP_VERSION, "The app's version, an attribute.")] = None
    attributes: Annotated[JsonObject | None, From("properties", "What is known of it.")] = None
    convert_timestamp: Annotated[bool, Field(description="Write dates among the attributes as Unix time.")] = True


class Object(Payload):
    """Something that is no person: a company, a course, an account."""

    object_id: Annotated[str, From("properties.objectId || groupId || context.groupId", "Your id of the object.")]
    object_type_id: Annotated[str, From(_TYPE_OF_PROPERTIES, "The id of its type; 1 is the first."), Exact()] = "1"


class UpdateObject(Object):
    """An object's attributes, and a person that belongs to it."""

    object_id: Annotated[str, From("groupId", "Your id of the object.")]
    object_type_id: Annotated[str, From(_TYPE_OF_TRAITS, "The id of its type; 1 is the first."), Exact()] = "1"
    created_at: Annotated[UnixSeconds | None, From("traits.created_at || traits.createdAt", "When it came to be.")] = (
        None
    )
    attributes: Annotated[JsonObject | None, From(_OF_OBJECT, "What is known of it.")] = None
    person_id: Annotated[str | None, From("userId", "A person that belongs to it.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "A visitor that does, where no person is known.")] = None
    relationship_attributes: Annotated[
        JsonObject | None, From("traits.relationshipAttributes", "What is known of the tie between them.")
    ] = None
    convert_timestamp: Annotated[bool, Field(description="Write dates among the attributes as Unix time.")] = True


class DeleteRelationship(Object):
    """A person that belongs to an object no longer."""

    person_id: Annotated[str | None, From("userId", "Your id of the person, cio_…, or an address.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The id of a person that is not known yet.")] = None

    identified = at_least_one_of("person_id", "anonymous_id")


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
    "Device Deleted", "Relationship Deleted", "User Deleted", "User Suppressed", "User Unsuppressed", "Object Deleted",
)  # fmt: skip


@_action(trigger='type = "identify"')
def identify_person(settings: CustomerIoSettings, payloads: list[IdentifyPerson]) -> Request:
    """Make or update people."""
    operations = []
    for payload in payloads:
        operation = _described(payload, "identify")
        operation["attributes"] |= compact(email=payload.email, created_at=payload.created_at)
        if payload.object_id is not None:
            its = {"object_type_id": payload.object_type_id, "object_id": payload.object_id}
            operation["cio_relationships"] = [_relationship(payload, its)]
        operations.append(operation)
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


# An app that is opened without a token takes no messages.
_IS_REACHABLE = 'context.device.token != null and context.device.token != ""'


@_action(
    trigger=f'event in ("Application Installed", "Application Opened", "Device Created or Updated") and {_IS_REACHABLE}'
)
def update_device(settings: CustomerIoSettings, payloads: list[UpdateDevice]) -> Request:
    """Make or update people's devices."""
    return _send(settings, [_device(payload, "add_device") for payload in payloads])


@_action(trigger=f'event in ("Application Uninstalled", "Device Deleted") and {_IS_REACHABLE}')
def delete_device(settings: CustomerIoSettings, payloads: list[Device]) -> Request:
    """Delete people's devices."""
    return _send(settings, [_device(payload, "delete_device") for payload in payloads])


@_action(trigger='event = "User Deleted"')
def delete_person(settings: CustomerIoSettings, payloads: list[Person]) -> Request:
    """Delete people."""
    return _send(settings, [_person(payload, "delete") for payload in payloads])


@_action(trigger='event = "User Suppressed"')
def suppress_person(settings: CustomerIoSettings, payloads: list[Person]) -> Request:
    """Send people no more messages, and forget what they do."""
    return _send(settings, [_person(payload, "suppress") for payload in payloads])


@_action(trigger='event = "User Unsuppressed"')
def unsuppress_person(settings: CustomerIoSettings, payloads: list[Person]) -> Request:
    """Let people that were suppressed be known again."""
    return _send(settings, [_person(payload, "unsuppress") for payload in payloads])


@_action(trigger='type = "group"')
def update_object(settings: CustomerIoSettings, payloads: list[UpdateObject]) -> Request:
    """Make or update objects, and tie people to them."""
    operations = []
    for payload in payloads:
        its = _identifiers(payload.person_id, None, payload.anonymous_id)
        related = [_relationship(payload, its)] if any(its.values()) else None
        attributes = _attributes(payload) | compact(created_at=payload.created_at)
        # A visitor that is no person yet is tied to it by an action of its own.
        action = "identify_anonymous" if "anonymous_id" in its and related else "identify"
        operations.append(_object(payload, action, attributes=attributes, cio_relationships=related))
    return _send(settings, operations)


_NAMES_OBJECT = "(properties.objectId != null or groupId != null or context.groupId != null)"


@_action(trigger=f'event = "Relationship Deleted" and {_NAMES_OBJECT}')
def delete_relationship(settings: CustomerIoSettings, payloads: list[DeleteRelationship]) -> Request:
    """Untie people from objects."""
    operations = []
    for payload in payloads:
        related = [{"identifiers": _identifiers(payload.person_id, None, payload.anonymous_id)}]
        operations.append(_object(payload, "delete_relationships", cio_relationships=related))
    return _send(settings, operations)


@_action(trigger=f'event = "Object Deleted" and {_NAMES_OBJECT}')
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
    ("Deleted objects", "delete_object"), ("Deleted relationships", "delete_relationship"),
    ("Suppressed people", "suppress_person"), ("Unsuppressed people", "unsuppress_person"),
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
    device: dict[str, Any] = {"token": payload.device_id}
    if isinstance(payload, UpdateDevice):
        attributes = _attributes(payload) | compact(app_version=payload.app_version)
        device |= compact(platform=payload.platform, last_used=payload.last_used, attributes=attributes or None)
    return _person(payload, action, device=device)


def _relationship(payload: IdentifyPerson | UpdateObject, identifiers: dict[str, str]) -> dict[str, Any]:
    told = payload.relationship_attributes
    if told is not None and payload.convert_timestamp:
        told = _converted(told)
    return compact(identifiers=identifiers, relationship_attributes=told)


def _event(payload: TrackEvent, action: str) -> dict[str, Any]:
    return _described(payload, action, name=payload.name, id=payload.id or payload.idempotency_key)


def _described(payload: Attributes, action: str, **rest: Any) -> dict[str, Any]:
    # Customer.io ties what a visitor did before to the person by the attribute anonymous_id.
    attributes = _attributes(payload) | compact(anonymous_id=payload.anonymous_id)
    return _person(payload, action, **rest, attributes=attributes, timestamp=payload.timestamp)


def _attributes(payload: Attributes | UpdateObject | UpdateDevice) -> dict[str, Any]:
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
    return Request.post(f"{settings.host}/api/{API_VERSION}/batch", basic_auth=auth, json={"batch": operations})
