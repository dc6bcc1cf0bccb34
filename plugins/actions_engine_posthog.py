"""PostHog: capture events, identify people and groups, join identities.

Source: https://posthog.com/docs/api/capture. Everything is an event of the batch endpoint; PostHog deduplicates by the
event's uuid.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    Fact,
    From,
    JsonObject,
    Payload,
    RegionalSettings,
    Request,
    Secret,
    Timestamp,
    compact,
)


class PostHogSettings(RegionalSettings):
    """One project."""

    hosts: ClassVar = {"us": "https://us.i.posthog.com", "eu": "https://eu.i.posthog.com"}
    api_key: Annotated[Secret, Field(description="The project's API key, phc_….")]
    region: Annotated[Literal["us", "eu"], Field(description="Where the project lives.")] = "us"
    historical_migration: Annotated[bool, Field(description="Events of long ago, which raise no alarms.")] = False
    endpoint: Annotated[str | None, Field(description="Another host than the region's: your own, or a test's.")] = None


class Event(Payload):
    """What every event carries."""

    distinct_id: Annotated[str, From(Fact.PERSON_ID, "Who it was.")]
    timestamp: Annotated[Timestamp | None, From(Fact.MOMENT, "When it happened.")] = None
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
    return _send(settings, [_event(payload, payload.event, payload.properties) for payload in payloads])


@posthog.action(trigger='type = "identify"', batch=batch)
def identify(settings: PostHogSettings, payloads: list[Identify]) -> Request:
    """Tell what is known about people."""
    return _send(settings, [_event(payload, "$identify") for payload in payloads])


@posthog.action(trigger='type = "group"', batch=batch)
def group(settings: PostHogSettings, payloads: list[Group]) -> Request:
    """Tell what is known about groups."""
    return _send(settings, [_event(payload, "$groupidentify") for payload in payloads])


@posthog.action(trigger='type = "alias"', batch=batch)
def alias(settings: PostHogSettings, payloads: list[Alias]) -> Request:
    """Join two ids of one person."""
    return _send(settings, [_event(payload, "$create_alias") for payload in payloads])


page = {"event": {"$literal": "$pageview"}, "current_url": Fact.PAGE_URL}
screen = {"event": {"$literal": "$screen"}, "screen_name": "name"}
posthog.preset("Track calls", action="capture")
posthog.preset("Page views", action="capture", trigger='type = "page"', fields=page)
posthog.preset("Screen views", action="capture", trigger='type = "screen"', fields=screen)
for name, action in (("Identify calls", "identify"), ("Group calls", "group"), ("Alias calls", "alias")):
    posthog.preset(name, action=action)

# The other fields are properties of PostHog's own, which start with a $.
_NAMES = {"distinct_id": "distinct_id", "alias": "alias", "anonymous_id": "$anon_distinct_id"}


def _event(payload: Event, event: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    fields = payload.body(exclude=["event", "timestamp", "properties"])
    fields["groups"] = fields.get("groups") or None
    properties = (given or {}) | compact({_NAMES.get(name, f"${name}"): value for name, value in fields.items()})
    return compact(event=event, uuid=payload.idempotency_key, timestamp=payload.timestamp, properties=properties)


def _send(settings: PostHogSettings, events: list[dict[str, Any]]) -> Request:
    body = compact(api_key=settings.api_key, batch=events, historical_migration=settings.historical_migration or None)
    return Request.post(f"{settings.host}/batch/", json=body)
