"""Segment: forward calls to another Segment source through its HTTP Tracking API.

Reference: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
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
    at_least_one_of,
)


class SegmentSettings(RegionalSettings):
    """What the destination needs to know of the Segment source."""

    hosts: ClassVar = {"us": "https://api.segment.io/v1", "eu": "https://events.eu1.segmentapis.com/v1"}
    write_key: Annotated[Secret, Field(description="The write key of the source that receives the calls.")]
    region: Annotated[Literal["us", "eu"], Field(description="Where the workspace keeps its data.")] = "us"
    endpoint: Annotated[str | None, Field(description="Another base URL, in place of the region's.")] = None


class Common(Payload):
    """What every call of the spec carries."""

    user_id: Annotated[str | None, From("userId", "The user's id in your database.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "An id for a visitor who is not known yet.")] = None
    context: Annotated[JsonObject | None, From("context", "Circumstances: page, device, library, traits.")] = None
    timestamp: Annotated[Timestamp | None, From(Fact.MOMENT, "When it happened, in ISO 8601.")] = None
    integrations: Annotated[JsonObject | None, From("integrations", "Which destinations may see the call.")] = None

    identified = at_least_one_of("user_id", "anonymous_id")


class Identify(Common):
    """Tie a user to their traits."""

    traits: Annotated[JsonObject | None, From("traits || context.traits", "What is known about the user.")] = None


class Track(Common):
    """Record what a user did."""

    event: Annotated[str, From("event", "The name of the action, such as Button Clicked.")]
    properties: Annotated[JsonObject | None, From("properties", "Details of the action.")] = None


class Page(Common):
    """Record a view of a web page."""

    name: Annotated[str | None, From("name", "The page's name.")] = None
    category: Annotated[str | None, From("category", "The page's category.")] = None
    properties: Annotated[JsonObject | None, From("properties", "URL, title, referrer.")] = None


class Screen(Common):
    """Record a view of a screen in an app."""

    name: Annotated[str | None, From("name", "The screen's name.")] = None
    category: Annotated[str | None, From("category", "The screen's category.")] = None
    properties: Annotated[JsonObject | None, From("properties", "Details of the view.")] = None


class Group(Common):
    """Tie a user to a company, account or team."""

    group_id: Annotated[str, From("groupId", "The group's id in your database.")]
    traits: Annotated[JsonObject | None, From("traits", "What is known about the group.")] = None


class Alias(Payload):
    """Join two identities of one user."""

    user_id: Annotated[str, From("userId", "The id from now on.")]
    previous_id: Annotated[str, From(Fact.PREVIOUS_ID, "The id until now.")]
    context: Annotated[JsonObject | None, From("context", "Circumstances of the call.")] = None
    timestamp: Annotated[Timestamp | None, From(Fact.MOMENT, "When it happened, in ISO 8601.")] = None
    integrations: Annotated[JsonObject | None, From("integrations", "Which destinations may see the call.")] = None


segment = Destination("segment", settings=SegmentSettings, title="Segment")
# A request holds at most 500 KB: the documentation page named above.
batch = Batch(max_calls=1000, max_bytes=450_000, linger=0.1)


@segment.action(trigger='type = "identify"', batch=batch)
def identify(settings: SegmentSettings, payloads: list[Identify]) -> Request:
    """Tie users to their traits."""
    return _send(settings, "identify", payloads)


@segment.action(trigger='type = "track"', batch=batch)
def track(settings: SegmentSettings, payloads: list[Track]) -> Request:
    """Record what users did."""
    return _send(settings, "track", payloads)


@segment.action(trigger='type = "page"', batch=batch)
def page(settings: SegmentSettings, payloads: list[Page]) -> Request:
    """Record views of web pages."""
    return _send(settings, "page", payloads)


@segment.action(trigger='type = "screen"', batch=batch)
def screen(settings: SegmentSettings, payloads: list[Screen]) -> Request:
    """Record views of screens in an app."""
    return _send(settings, "screen", payloads)


@segment.action(trigger='type = "group"', batch=batch)
def group(settings: SegmentSettings, payloads: list[Group]) -> Request:
    """Tie users to companies, accounts or teams."""
    return _send(settings, "group", payloads)


@segment.action(trigger='type = "alias"', batch=batch)
def alias(settings: SegmentSettings, payloads: list[Alias]) -> Request:
    """Join two identities of one user."""
    return _send(settings, "alias", payloads)


for kind in ("track", "identify", "page", "screen", "group", "alias"):
    segment.preset(f"{kind.capitalize()} {'views' if kind in ('page', 'screen') else 'calls'}", action=kind)

_NAMES = {"user_id": "userId", "anonymous_id": "anonymousId", "group_id": "groupId", "previous_id": "previousId"}


def _send(settings: SegmentSettings, kind: str, payloads: list[Any]) -> Request:
    # Segment deduplicates by messageId. It is not the event's own: the calls of one event would hide each other.
    items = [
        {"type": kind, "messageId": payload.idempotency_key}
        | {_NAMES.get(name, name): value for name, value in payload.body().items()}
        for payload in payloads
    ]
    return Request.post(f"{settings.host}/batch", basic_auth=(settings.write_key, ""), json={"batch": items})
