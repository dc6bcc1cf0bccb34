"""Mixpanel: import events and purchases, keep profiles of users and groups, join identities.

Source: https://developer.mixpanel.com/reference/overview. Events go to `/import`, which tells each record that failed
and deduplicates by `$insert_id`; profiles go to `/engage` and `/groups`.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    Fact,
    From,
    JsonObject,
    Number,
    Outcome,
    Payload,
    Product,
    RegionalSettings,
    Request,
    Response,
    Secret,
    Steps,
    UnixMillis,
    at_least_one_of,
    compact,
    encode_json,
)


class MixpanelSettings(RegionalSettings):
    """One project."""

    hosts: ClassVar = {
        "us": "https://api.mixpanel.com",
        "eu": "https://api-eu.mixpanel.com",
        "in": "https://api-in.mixpanel.com",
    }
    project_token: Annotated[Secret, Field(description="The project's token.")]
    api_secret: Annotated[Secret | None, Field(description="The project's API secret.")] = None
    region: Annotated[Literal["us", "eu", "in"], Field(description="Where the project lives.")] = "us"


_AGENT = "parse_user_agent(context.userAgent)"


class TrackEvent(Payload):
    """Something that a user did."""

    event: Annotated[str, From("event", "The event's name.")]
    time: Annotated[UnixMillis, From(Fact.MOMENT, "When it happened.")]
    insert_id: Annotated[str | None, From("messageId", "The event's id; a second one of that day is ignored.")] = None
    distinct_id: Annotated[str | None, From(Fact.PERSON_ID, "Who it was, where identities are merged by it.")] = None
    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The visitor's or device's id.")] = None
    ip: Annotated[str | None, From("context.ip", "IP address, for the place.")] = None
    current_url: Annotated[str | None, From("context.page.url", "The page's URL.")] = None
    referrer: Annotated[str | None, From("context.page.referrer", "The page before.")] = None
    browser: Annotated[str | None, From(f"{_AGENT}.browser", "The browser.")] = None
    browser_version: Annotated[str | None, From(f"{_AGENT}.browser_version", "The browser's version.")] = None
    os: Annotated[str | None, From("context.os.name", "The operating system.")] = None
    os_version: Annotated[str | None, From("context.os.version", "Its version.")] = None
    locale: Annotated[str | None, From("context.locale", "Language, such as en-US.")] = None
    timezone: Annotated[str | None, From("context.timezone", "Time zone.")] = None
    lib_version: Annotated[str | None, From("context.library.version", "The version of what sent it first.")] = None
    mp_lib: Annotated[str | None, From("context.library.name", "What sent it first.")] = None
    utm_campaign: Annotated[str | None, From("context.campaign.name", "The campaign.")] = None
    utm_source: Annotated[str | None, From("context.campaign.source", "Its source.")] = None
    utm_medium: Annotated[str | None, From("context.campaign.medium", "Its medium.")] = None
    utm_term: Annotated[str | None, From("context.campaign.term", "Its term.")] = None
    utm_content: Annotated[str | None, From("context.campaign.content", "Its content.")] = None
    properties: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None


class TrackPurchase(TrackEvent):
    """A completed order."""

    products: Annotated[
        list[Product] | None, From(Fact.PRODUCTS, "The products; each becomes an event Product Purchased.")
    ] = None


class Identify(Payload):
    """What is known about a user."""

    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The visitor's id.")] = None
    ip: Annotated[str | None, From("context.ip", "IP address, for the place.")] = None
    traits: Annotated[JsonObject | None, From("traits", "What is known.")] = None

    identified = at_least_one_of("user_id", "anonymous_id")


class Group(Payload):
    """What is known about a group."""

    group_key: Annotated[str, Field(description="The group key of the project's settings.")] = "$group_id"
    group_id: Annotated[str, From("groupId", "The group's id.")]
    traits: Annotated[JsonObject | None, From("traits", "What is known.")] = None


class Alias(Payload):
    """Two ids of one user."""

    distinct_id: Annotated[str, From("previousId", "The id until now.")]
    alias: Annotated[str, From("userId", "The id from now on.")]


class Increment(Payload):
    """Numbers of a user's profile that grow."""

    distinct_id: Annotated[str, From(Fact.PERSON_ID, "Who it is.")]
    ip: Annotated[str | None, From("context.ip", "IP address, for the place.")] = None
    increment: Annotated[
        dict[str, Number], Field(description="By how much, for each property; 20 at most.", examples=[{"orders": 1}])
    ]


mixpanel = Destination("mixpanel", settings=MixpanelSettings, title="Mixpanel")
# 2,000 events or 10 MB a request: https://developer.mixpanel.com/reference/import-events
batch = Batch(max_calls=2000, max_records=2000, max_bytes=9_000_000, linger=0.5,
              records=lambda payload: 1 + len(getattr(payload, "products", None) or ()))  # fmt: skip


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read the records that failed; in strict mode the others are imported."""
    failed = response.json_object().get("failed_records")
    if response.status not in (200, 400) or not isinstance(failed, list) or not failed:
        return [Outcome.of(response)] * len(payloads)
    owners = [(number, line) for number, payload in enumerate(payloads) for line in range(batch.records(payload))]
    told: dict[int, list[str]] = {}
    for record in failed:
        index = record.get("index") if isinstance(record, dict) else None
        if type(index) is int and 0 <= index < len(owners):
            number, line = owners[index]
            which = f"product {line}: " if line else ""
            words = f"{record.get('field', '')}: {record.get('message', '')}"[:200]
            told.setdefault(number, []).append(f"{which}{words}")
    faults = {}
    for number, words_of in told.items():
        rest = "; the rest of the order was imported" if len(words_of) < batch.records(payloads[number]) else ""
        faults[number] = f"Mixpanel says {'; '.join(words_of)}{rest}"
    return Outcome.of_items(Response(200), len(payloads), faults)


def _accepted(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read the answer of the profile endpoints: 200 with `0` where the data is refused."""
    outcome = Outcome.of(response)
    if outcome.kind == "delivered" and response.body.strip() == b"0":
        outcome = Outcome.rejected("Mixpanel refuses the data")
    return [outcome] * len(payloads)


@mixpanel.action(trigger='type = "track"', batch=batch, outcomes=_outcomes)
def track_event(settings: MixpanelSettings, payloads: list[TrackEvent]) -> Request:
    """Import events."""
    return _import(settings, [_event(payload) for payload in payloads])


@mixpanel.action(trigger='type = "track" and event = "Order Completed"', batch=batch, outcomes=_outcomes)
def track_purchase(settings: MixpanelSettings, payloads: list[TrackPurchase]) -> Request:
    """Import completed orders, and each of their products."""
    events = []
    for payload in payloads:
        order = _event(payload)
        events.append(order)
        given = payload.properties or {}
        shared = {name: value for name, value in order["properties"].items() if name not in given}
        shared |= {name: given[name] for name in ("order_id", "checkout_id", "email") if name in given}
        for number, product in enumerate(payload.products or [], start=1):
            # An id that follows from the order's, so that a retry counts nothing twice.
            own = {"$insert_id": f"{order['properties']['$insert_id']}-{number}"}
            events.append({"event": "Product Purchased", "properties": shared | own | product.body()})
    return _import(settings, events)


@mixpanel.action(trigger='type = "identify"')
def identify(settings: MixpanelSettings, payload: Identify) -> Steps:
    """Join a visitor with a user, and tell what is known."""
    if payload.user_id and payload.anonymous_id:
        ids = {"$identified_id": payload.user_id, "$anon_id": payload.anonymous_id}
        response = yield _track(settings, "$identify", ids)
        if (outcome := _accepted(response, [payload])[0]).kind != "delivered":
            return [outcome]
    if not payload.traits:
        return [Outcome.delivered()]
    traits = {_PROFILE.get(name, name): value for name, value in payload.traits.items()}
    person = {"$distinct_id": payload.user_id or payload.anonymous_id, "$ip": payload.ip}
    response = yield _profile(settings, "/engage", person | {"$set": traits})
    return _accepted(response, [payload])


@mixpanel.action(trigger='type = "group"', outcomes=_accepted)
def group(settings: MixpanelSettings, payload: Group) -> Request:
    """Tell what is known about a group."""
    traits = dict(payload.traits or {})
    if "name" in traits:
        traits["$name"] = traits.pop("name")
    update = {"$group_key": payload.group_key, "$group_id": payload.group_id, "$set": traits}
    return _profile(settings, "/groups", update)


@mixpanel.action(trigger='type = "alias"', outcomes=_accepted)
def alias(settings: MixpanelSettings, payload: Alias) -> Request:
    """Join two ids of one user."""
    return _track(settings, "$create_alias", {"distinct_id": payload.distinct_id, "alias": payload.alias})


@mixpanel.action(trigger='type = "track"', outcomes=_accepted)
def increment(settings: MixpanelSettings, payload: Increment) -> Request:
    """Add to numbers of a user's profile."""
    update = {"$distinct_id": payload.distinct_id, "$ip": payload.ip, "$add": payload.increment}
    return _profile(settings, "/engage", update)


mixpanel.preset("Track calls", action="track_event", trigger='type = "track" and event != "Order Completed"')
mixpanel.preset("Orders completed", action="track_purchase")
for name, trigger in (("Page views", 'type = "page"'), ("Screen views", 'type = "screen"')):
    mixpanel.preset(name, action="track_event", trigger=trigger, fields={"event": "Viewed {{ name }}"})
for name, action in (("Identify calls", "identify"), ("Group calls", "group"), ("Alias calls", "alias")):
    mixpanel.preset(name, action=action)

_APART = ("event", "insert_id", "properties", "products", "user_id", "anonymous_id", "distinct_id")
# Properties of Mixpanel's own, which start with a $.
_OWN = ("current_url", "referrer", "browser", "browser_version", "os", "os_version", "locale", "lib_version")
_PROFILE = {
    "created": "$created", "createdAt": "$created", "created_at": "$created", "email": "$email",
    "firstName": "$first_name", "first_name": "$first_name", "lastName": "$last_name", "last_name": "$last_name",
    "name": "$name", "username": "$username", "phone": "$phone",
}  # fmt: skip


def _event(payload: TrackEvent) -> dict[str, Any]:
    fields = {name: value for name, value in payload.body(exclude=_APART).items() if value not in (None, "")}
    properties = {f"${name}" if name in _OWN else name: value for name, value in fields.items()}
    properties |= compact({
        "$insert_id": payload.insert_id or payload.idempotency_key,
        "distinct_id": payload.distinct_id or "",
        "$user_id": payload.user_id, "$identified_id": payload.user_id,
        "$device_id": payload.anonymous_id, "$anon_id": payload.anonymous_id,
    })  # fmt: skip
    return {"event": payload.event, "properties": properties | (payload.properties or {})}


def _import(settings: MixpanelSettings, events: list[dict[str, Any]]) -> Request:
    return Request.post(
        f"{settings.host}/import",
        params={"strict": "1"},
        basic_auth=(settings.api_secret or settings.project_token, ""),
        json=events,
    )


def _track(settings: MixpanelSettings, event: str, properties: dict[str, Any]) -> Request:
    return _form(settings, "/track", {"event": event, "properties": properties | {"token": settings.project_token}})


def _profile(settings: MixpanelSettings, path: str, update: dict[str, Any]) -> Request:
    return _form(settings, path, compact({"$token": settings.project_token} | update))


def _form(settings: MixpanelSettings, path: str, data: dict[str, Any]) -> Request:
    # The token stands inside the JSON: the whole is masked as a secret is.
    return Request.post(f"{settings.host}{path}", form={"data": Secret(encode_json(data).decode())})
