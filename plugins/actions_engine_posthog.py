"""PostHog: capture events, identify people and groups, join identities.

Source: https://posthog.com/docs/api/capture. Everything is an event of the batch endpoint; PostHog deduplicates by the
event's uuid.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from actions_engine import (
    Batch,
    Destination,
    Fact,
    From,
    JsonObject,
    Number,
    Payload,
    RegionalSettings,
    Request,
    Secret,
    Timestamp,
    at_least_one_of,
    compact,
    turned_into,
)


class PostHogSettings(RegionalSettings):
    """One project."""

    hosts: ClassVar = {"us": "https://us.i.posthog.com", "eu": "https://eu.i.posthog.com"}
    api_key: Annotated[Secret, Field(description="The project's API key, phc_….")]
    region: Annotated[Literal["us", "eu"], Field(description="Where the project lives.")] = "us"
    historical_migration: Annotated[bool, Field(description="Events of long ago, which raise no alarms.")] = False
    endpoint: Annotated[str | None, Field(description="Another host than the region's: your own, or a test's.")] = None


# What programs write where they know no id; PostHog joins nobody by it, and answers with success.
# Source: https://posthog.com/docs/product-analytics/identify#considerations.
_NO_IDS = frozenset({
    "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined", "true", "false",
    "[object object]", "nan", "none", "null", "0",
})  # fmt: skip


def _known(text: str) -> str:
    if text.strip(" \t'\"").lower() in _NO_IDS:
        raise ValueError("it stands for no id at all, and PostHog passes it over")
    return text


def _unreserved(properties: dict[str, Any]) -> dict[str, Any]:
    if "distinct_id" not in properties:
        return properties
    others = {name: value for name, value in properties.items() if name != "distinct_id"}
    raise turned_into(others, "without distinct_id, which PostHog reads as the person's")


_Id = Annotated[str, AfterValidator(_known)]
_Properties = Annotated[JsonObject, AfterValidator(_unreserved)]


class Event(Payload):
    """What every event carries."""

    timestamp: Annotated[Timestamp | None, From(Fact.MOMENT, "When it happened.")] = None
    ip: Annotated[str | None, From(Fact.IP, "IP address, for the place.")] = None
    geoip_disable: Annotated[bool | None, Field(description="Do not look the place up.")] = None


class PersonsEvent(Event):
    """What says who it was."""

    distinct_id: Annotated[_Id | None, From(Fact.PERSON_ID, "Who it was.")] = None
    visitor_id: Annotated[_Id | None, From("anonymousId", "Who it was, where distinct_id is none.")] = None

    identified = at_least_one_of("distinct_id", "visitor_id")


class Capture(PersonsEvent):
    """Something that somebody did."""

    event: Annotated[str, From("event", "The event's name; $pageview and $screen for views.")]
    properties: Annotated[_Properties | None, From("properties", "Details of the event.")] = None
    current_url: Annotated[str | None, Field(description="The page's URL.")] = None
    screen_name: Annotated[str | None, Field(description="The screen's name.")] = None
    groups: Annotated[JsonObject | None, Field(description="Groups by type, such as {company: acme}.")] = None
    process_person_profile: Annotated[
        bool, Field(description="Whether the event makes or updates a person's profile, which costs more.")
    ] = False
    app_name: Annotated[str | None, From(Fact.APP_NAME, "The app.")] = None
    app_version: Annotated[str | None, From(Fact.APP_VERSION, "Its version.")] = None
    app_build: Annotated[str | None, From(Fact.APP_BUILD, "Its build.")] = None
    app_namespace: Annotated[str | None, From(Fact.APP_NAMESPACE, "Its bundle or package.")] = None
    device_manufacturer: Annotated[str | None, From(Fact.DEVICE_MANUFACTURER, "Who made the device.")] = None
    device_model: Annotated[str | None, From(Fact.DEVICE_MODEL, "The device's model.")] = None
    device_name: Annotated[str | None, From(Fact.DEVICE_NAME, "The device's name.")] = None
    device_type: Annotated[str | None, From(Fact.DEVICE_TYPE, "The kind of device.")] = None
    os_name: Annotated[str | None, From(Fact.OS_NAME, "The operating system.")] = None
    os_version: Annotated[str | None, From(Fact.OS_VERSION, "Its version.")] = None
    network_carrier: Annotated[str | None, From(Fact.CARRIER, "The network's carrier.")] = None
    network_wifi: Annotated[bool | None, From(Fact.WIFI, "Whether by Wi-Fi.")] = None
    network_cellular: Annotated[bool | None, From(Fact.CELLULAR, "Whether by a mobile network.")] = None
    network_bluetooth: Annotated[bool | None, From(Fact.BLUETOOTH, "Whether Bluetooth is on.")] = None
    screen_width: Annotated[Number | None, From(Fact.SCREEN_WIDTH, "The screen's width.")] = None
    screen_height: Annotated[Number | None, From(Fact.SCREEN_HEIGHT, "The screen's height.")] = None
    screen_density: Annotated[Number | None, From(Fact.SCREEN_DENSITY, "The screen's density.")] = None
    locale: Annotated[str | None, From(Fact.LOCALE, "Language, such as en-US.")] = None
    timezone: Annotated[str | None, From(Fact.TIMEZONE, "Time zone.")] = None
    raw_user_agent: Annotated[str | None, From(Fact.USER_AGENT, "User-Agent header.")] = None
    referrer: Annotated[str | None, From("context.page.referrer", "The page before.")] = None
    utm_campaign: Annotated[str | None, From(Fact.CAMPAIGN_NAME, "The campaign.")] = None
    utm_source: Annotated[str | None, From(Fact.CAMPAIGN_SOURCE, "Its source.")] = None
    utm_medium: Annotated[str | None, From(Fact.CAMPAIGN_MEDIUM, "Its medium.")] = None
    utm_term: Annotated[str | None, From(Fact.CAMPAIGN_TERM, "Its term.")] = None
    utm_content: Annotated[str | None, From(Fact.CAMPAIGN_CONTENT, "Its content.")] = None


class Identify(PersonsEvent):
    """What is known about a person."""

    set: Annotated[JsonObject | None, From("traits || context.traits", "Properties, the new ones winning.")] = None
    set_once: Annotated[JsonObject | None, Field(description="Properties that are kept where there is one.")] = None
    anonymous_id: Annotated[_Id | None, Field(description="An earlier id that becomes one with distinct_id.")] = None


class Group(PersonsEvent):
    """What is known about a group."""

    group_type: Annotated[str, Field(description="The kind of group.")] = "company"
    group_key: Annotated[str, From("groupId", "The group's id.")]
    group_set: Annotated[JsonObject | None, From("traits", "The group's properties.")] = None


class Alias(Event):
    """Two ids of one person."""

    distinct_id: Annotated[_Id, From("userId", "The id from now on.")]
    alias: Annotated[_Id, From(Fact.PREVIOUS_ID, "The id until now.")]


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
screen = {"event": {"$literal": "$screen"}, "screen_name": "name || properties.name"}
posthog.preset("Track calls", action="capture")
posthog.preset("Page views", action="capture", trigger='type = "page"', fields=page)
posthog.preset("Screen views", action="capture", trigger='type = "screen"', fields=screen)
for name, action in (("Identify calls", "identify"), ("Group calls", "group"), ("Alias calls", "alias")):
    posthog.preset(name, action=action)

# The other fields are properties of PostHog's own, which start with a $.
_PLAIN = ("distinct_id", "alias", "utm_campaign", "utm_source", "utm_medium", "utm_term", "utm_content")
_NAMES = {name: name for name in _PLAIN} | {"anonymous_id": "$anon_distinct_id"}
# What no property of the event says otherwise.
_OWN = frozenset({
    "distinct_id", "alias", "$anon_distinct_id", "$ip", "$geoip_disable", "$current_url", "$screen_name", "$groups",
    "$process_person_profile", "$set", "$set_once", "$group_type", "$group_key", "$group_set",
})  # fmt: skip


def _event(payload: Event, event: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    fields = payload.body(exclude=["event", "timestamp", "properties", "visitor_id"])
    fields["groups"] = fields.get("groups") or None
    if isinstance(payload, PersonsEvent):
        fields["distinct_id"] = payload.distinct_id or payload.visitor_id
    named = compact({_NAMES.get(name, f"${name}"): value for name, value in fields.items()})
    # Where and with what it was done, unless the event itself says so; who did it, whatever the event says.
    properties = named | (given or {}) | {name: value for name, value in named.items() if name in _OWN}
    return compact(event=event, uuid=payload.idempotency_key, timestamp=payload.timestamp, properties=properties)


def _send(settings: PostHogSettings, events: list[dict[str, Any]]) -> Request:
    body = compact(api_key=settings.api_key, batch=events, historical_migration=settings.historical_migration or None)
    return Request.post(f"{settings.host}/batch/", json=body)
