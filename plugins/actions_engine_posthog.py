"""PostHog: capture events, identify people and groups, join identities.

Source: https://posthog.com/docs/api/capture. Everything is an event of the batch endpoint; PostHog deduplicates by the
event's uuid.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    JsonObject,
    Payload,
    Request,
    Secret,
    Settings,
    Timestamp,
)


class Region(StrEnum):
    """Where the project lives."""

    US = "us"
    EU = "eu"


class PostHogSettings(Settings):
    """One project."""

    api_key: Annotated[Secret, Field(description="The project's API key, phc_….")]
    region: Annotated[Region, Field(description="Where the project lives.")] = Region.US
    historical_migration: Annotated[bool, Field(description="Events of long ago, which raise no alarms.")] = False
    endpoint: Annotated[str | None, Field(description="Another host than the region's: your own, or a test's.")] = None


class Event(Payload):
    """What every event carries."""

    distinct_id: Annotated[str, From("userId || anonymousId", "Who it was.")]
    timestamp: Annotated[Timestamp | None, From("timestamp", "When it happened.")] = None
    ip: Annotated[str | None, From("context.ip", "IP address, for the place.")] = None
    geoip_disable: Annotated[bool | None, Field(description="Do not look the place up.")] = None


class Capture(Event):
    """Something that somebody did."""

    event: Annotated[str, From("event", "The event's name; $pageview and $screen for views.")]
    properties: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None
    current_url: Annotated[str | None, Field(description="The page's URL.")] = None
    screen_name: Annotated[str | None, Field(description="The screen's name.")] = None
    groups: Annotated[JsonObject | None, Field(description="Groups by type, such as {company: acme}.")] = None
    process_person_profile: Annotated[
        bool, Field(description="Whether the event makes or updates a person's profile, which costs more.")
    ] = False


class Identify(Event):
    """What is known about a person."""

    set: Annotated[JsonObject | None, From("traits || context.traits", "Properties, the new ones winning.")] = None
    set_once: Annotated[JsonObject | None, Field(description="Properties that are kept where there is one.")] = None
    anonymous_id: Annotated[str | None, Field(description="An earlier id that becomes one with distinct_id.")] = None


class Group(Event):
    """What is known about a group."""

    group_type: Annotated[str, Field(description="The kind of group.")] = "company"
    group_key: Annotated[str, From("groupId", "The group's id.")]
    group_set: Annotated[JsonObject | None, From("traits", "The group's properties.")] = None


class Alias(Event):
    """Two ids of one person."""

    distinct_id: Annotated[str, From("userId", "The id from now on.")]
    alias: Annotated[str, From("previousId", "The id until now.")]


posthog = Destination("posthog", settings=PostHogSettings, title="PostHog")
# A request holds 20 MB at most; small ones are easier to send again.
batch = Batch(max_calls=100, max_bytes=5_000_000, linger=0.5)


@posthog.action(trigger='type = "track"', batch=batch)
def capture(settings: PostHogSettings, payloads: list[Capture]) -> Request:
    """Capture events."""
    events = []
    for payload in payloads:
        properties = dict(payload.properties or {})
        if payload.current_url is not None:
            properties["$current_url"] = payload.current_url
        if payload.screen_name is not None:
            properties["$screen_name"] = payload.screen_name
        if payload.groups:
            properties["$groups"] = payload.groups
        properties["$process_person_profile"] = payload.process_person_profile
        events.append(_event(payload, payload.event, properties))
    return _send(settings, events)


@posthog.action(trigger='type = "identify"', batch=batch)
def identify(settings: PostHogSettings, payloads: list[Identify]) -> Request:
    """Tell what is known about people."""
    return _send(
        settings,
        [
            _event(payload, "$identify", _some(**{
                "$set": payload.set, "$set_once": payload.set_once, "$anon_distinct_id": payload.anonymous_id,
            }))
            for payload in payloads
        ],
    )  # fmt: skip


@posthog.action(trigger='type = "group"', batch=batch)
def group(settings: PostHogSettings, payloads: list[Group]) -> Request:
    """Tell what is known about groups."""
    return _send(
        settings,
        [
            _event(payload, "$groupidentify", _some(**{
                "$group_type": payload.group_type, "$group_key": payload.group_key, "$group_set": payload.group_set,
            }))
            for payload in payloads
        ],
    )  # fmt: skip


@posthog.action(trigger='type = "alias"', batch=batch)
def alias(settings: PostHogSettings, payloads: list[Alias]) -> Request:
    """Join two ids of one person."""
    return _send(settings, [_event(payload, "$create_alias", {"alias": payload.alias}) for payload in payloads])


posthog.preset("Track calls", action="capture")
posthog.preset(
    "Page views",
    action="capture",
    trigger='type = "page"',
    fields={"event": {"$literal": "$pageview"}, "current_url": "context.page.url || properties.url"},
)
posthog.preset(
    "Screen views",
    action="capture",
    trigger='type = "screen"',
    fields={"event": {"$literal": "$screen"}, "screen_name": "name"},
)
posthog.preset("Identify calls", action="identify")
posthog.preset("Group calls", action="group")
posthog.preset("Alias calls", action="alias")


def _some(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _event(payload: Event, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    own = {"distinct_id": payload.distinct_id, "$ip": payload.ip, "$geoip_disable": payload.geoip_disable}
    return _some(
        event=name, uuid=payload.idempotency_key, timestamp=payload.timestamp, properties=properties | _some(**own)
    )


def _send(settings: PostHogSettings, events: list[dict[str, Any]]) -> Request:
    body: dict[str, Any] = {"api_key": settings.api_key, "batch": events}
    if settings.historical_migration:
        body["historical_migration"] = True
    return Request.post(f"{settings.endpoint or f'https://{settings.region}.i.posthog.com'}/batch/", json=body)
