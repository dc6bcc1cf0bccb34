"""Amplitude: log events and purchases, identify users and groups, map users.

Source: https://amplitude.com/docs/apis/analytics/http-v2 and its neighbours. Amplitude deduplicates events by their
insert_id within seven days.
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


class AmplitudeSettings(RegionalSettings):
    """One project."""

    hosts: ClassVar = {"us": "https://api2.amplitude.com", "eu": "https://api.eu.amplitude.com"}
    api_key: Annotated[Secret, Field(description="The project's API key.")]
    region: Annotated[Literal["us", "eu"], Field(description="Where the project lives.")] = "us"
    min_id_length: Annotated[int | None, Field(description="The shortest id taken; 5 where unset.", ge=1)] = None


_AGENT = "parse_user_agent(context.userAgent)"


class User(Payload):
    """Who it was, and on what."""

    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    device_id: Annotated[str | None, From("context.device.id || anonymousId", "The device's or visitor's id.")] = None
    app_version: Annotated[str | None, From("context.app.version", "The app's version.")] = None
    platform: Annotated[
        str | None,
        From("if(context.library.name == 'analytics.js', 'Web', context.device.type)", "Web, iOS, Android and so on."),
    ] = None
    os_name: Annotated[str | None, From(f"context.os.name || {_AGENT}.os", "The operating system.")] = None
    os_version: Annotated[str | None, From(f"context.os.version || {_AGENT}.os_version", "Its version.")] = None
    device_manufacturer: Annotated[
        str | None, From(f"context.device.manufacturer || {_AGENT}.device_brand", "Who made the device.")
    ] = None
    device_model: Annotated[
        str | None, From(f"context.device.model || {_AGENT}.device_model", "The device's model.")
    ] = None
    carrier: Annotated[str | None, From("context.network.carrier", "The network's carrier.")] = None
    country: Annotated[str | None, From("context.location.country", "Country.")] = None
    region: Annotated[str | None, From("context.location.region", "Region.")] = None
    city: Annotated[str | None, From("context.location.city", "City.")] = None
    language: Annotated[str | None, From("context.locale", "Language, such as en-US.")] = None
    library: Annotated[str | None, From("context.library.name", "What sent the event first.")] = None

    identified = at_least_one_of("user_id", "device_id")


class LogEvent(User):
    """Something that a user did."""

    event_type: Annotated[str, From("event", "The event's name.")]
    time: Annotated[UnixMillis | None, From(Fact.MOMENT, "When it happened.")] = None
    session_id: Annotated[UnixMillis | None, Field(description="When the session began: its id.")] = None
    event_properties: Annotated[JsonObject | None, From("properties", "Details of it.")] = None
    user_properties: Annotated[JsonObject | None, Field(description="The user's properties, set along with it.")] = None
    groups: Annotated[JsonObject | None, Field(description="The user's groups by type.")] = None
    ip: Annotated[str | None, From("context.ip", "IP address, for the place.")] = None
    referrer: Annotated[str | None, From("context.page.referrer", "The page before; kept as user property.")] = None
    campaign: Annotated[JsonObject | None, From("context.campaign", "The campaign; kept as utm_… user properties.")] = (
        None
    )
    revenue: Annotated[Number | None, Field(description="What it is worth.")] = None
    price: Annotated[Number | None, Field(description="The price of one.")] = None
    quantity: Annotated[int | None, Field(description="How many.")] = None
    product_id: Annotated[str | None, Field(description="What was bought.")] = None
    revenue_type: Annotated[str | None, Field(description="The kind of revenue.")] = None
    idfa: Annotated[str | None, Field(description="Apple's advertising id.")] = None
    adid: Annotated[str | None, Field(description="Google's advertising id.")] = None


class LogPurchase(LogEvent):
    """A completed order."""

    revenue: Annotated[Number | None, From(Fact.REVENUE, "What it is worth.")] = None
    revenue_type: Annotated[str | None, Field(description="The kind of revenue.")] = "Purchase"
    products: Annotated[
        list[Product] | None, From(Fact.PRODUCTS, "The products; each becomes an event Product Purchased.")
    ] = None


class IdentifyUser(User):
    """What is known about a user."""

    user_properties: Annotated[JsonObject | None, From("traits", "What is known.")] = None
    groups: Annotated[JsonObject | None, Field(description="The user's groups by type.")] = None
    paying: Annotated[bool | None, Field(description="Whether the user pays.")] = None


class GroupIdentify(Payload):
    """What is known about a group, and a user that belongs to it."""

    group_type: Annotated[str, Field(description="The kind of group.")] = "company"
    group_value: Annotated[str, From("groupId", "The group's id.")]
    group_properties: Annotated[JsonObject | None, From("traits", "What is known.")] = None
    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    device_id: Annotated[str | None, From("anonymousId", "The visitor's id.")] = None
    time: Annotated[UnixMillis | None, From(Fact.MOMENT, "When it happened.")] = None


class MapUser(Payload):
    """Two ids of one user."""

    user_id: Annotated[str, From("previousId", "The id that is mapped.")]
    global_user_id: Annotated[str | None, From("userId", "What it is mapped to.")] = None
    unmap: Annotated[bool | None, Field(description="Undo the mapping of user_id.")] = None


amplitude = Destination("amplitude", settings=AmplitudeSettings, title="Amplitude")
# 2,000 events or 1 MB a request; many of one device are throttled, so that smaller requests serve better.
batch = Batch(max_calls=1000, max_records=1000, max_bytes=900_000, linger=0.5,
              records=lambda payload: 1 + len(getattr(payload, "products", None) or ()))  # fmt: skip


_INNOCENT = Outcome.retry("another event of the request was refused", after=0.0)
# Requests for one batch of orders, each without the events that the one before was refused for.
_MAX_ROUNDS = 5


def _faults(response: Response, count: int) -> dict[int, str]:
    """Read a 400, which names the events at fault by their index; none of the request's events is taken then."""
    answer = response.json_object() if response.status == 400 else {}
    faults: dict[int, str] = {}
    for kind in ("events_with_invalid_fields", "events_with_missing_fields", "events_with_invalid_id_lengths"):
        named = answer.get(kind)
        for field, indexes in named.items() if isinstance(named, dict) else ():
            for index in indexes if isinstance(indexes, list) else ():
                if type(index) is int and 0 <= index < count:
                    faults[index] = f"{kind.replace('_', ' ')}: {field}"
    return faults


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Reject the events at fault; the others are sent again without them."""
    faults = _faults(response, len(payloads))
    outcomes = [_INNOCENT if faults else Outcome.of(response)] * len(payloads)
    for number, told in faults.items():
        outcomes[number] = Outcome.rejected(f"Amplitude says {told}")
    return outcomes


@amplitude.action(trigger='type = "track"', batch=batch, outcomes=_outcomes)
def log_event(settings: AmplitudeSettings, payloads: list[LogEvent]) -> Request:
    """Log events."""
    return _log(settings, [_event(payload) for payload in payloads])


@amplitude.action(trigger='type = "track" and event = "Order Completed"', batch=batch)
def log_purchase(settings: AmplitudeSettings, payloads: list[LogPurchase]) -> Steps:
    """Log completed orders, and each of their products."""
    events: list[tuple[int, int, dict[str, Any]]] = []
    for number, payload in enumerate(payloads):
        order = _event(payload)
        events.append((number, 0, order))
        shared = {name: value for name, value in order.items() if name not in _ORDER_ONLY}
        for line, product in enumerate(payload.products or [], start=1):
            key = f"{payload.idempotency_key}:{line}"
            own = {"event_type": "Product Purchased", "event_properties": product.body(), "insert_id": key}
            events.append((number, line, shared | own))
    refused: dict[int, list[str]] = {}
    last = _INNOCENT
    for _ in range(_MAX_ROUNDS):
        response = yield _log(settings, [event for _, _, event in events])
        last = Outcome.of(response)
        if not (faults := _faults(response, len(events))):
            break
        for index, told in faults.items():
            number, line, _event_at_fault = events[index]
            refused.setdefault(number, []).append(f"product {line}: {told}" if line else told)
        events = [event for index, event in enumerate(events) if index not in faults]
        last = _INNOCENT
        if not events:
            break
    left = {number for number, _, _ in events}
    return [_of_order(refused.get(number), last, number in left, bool(refused)) for number in range(len(payloads))]


def _of_order(words: list[str] | None, last: Outcome, is_left: bool, is_any_refused: bool) -> Outcome:
    """Return what became of an order: `words` were said of some of its events, `last` of the others."""
    if not words:
        # Where the rest was refused without a name, the next request is without those that were named.
        return _INNOCENT if is_any_refused and last.kind == "rejected" else last
    if is_left and last.kind in ("retry", "paused"):
        return last  # it is sent again, and the words are told then
    rest = "; the rest of the order was taken" if is_left and last.kind == "delivered" else ""
    return Outcome.rejected(f"Amplitude says {'; '.join(words)}{rest}")


@amplitude.action(trigger='type = "identify"', batch=Batch(max_calls=500, max_bytes=900_000, linger=0.5))
def identify_user(settings: AmplitudeSettings, payloads: list[IdentifyUser]) -> Request:
    """Tell what is known about users."""
    return _identify(settings, "/identify", [compact(payload.body()) for payload in payloads])


@amplitude.action(trigger='type = "group"')
def group_identify(settings: AmplitudeSettings, payload: GroupIdentify) -> Steps:
    """Tell what is known about a group, and put the user into it."""
    joined = Outcome.delivered()
    if payload.user_id or payload.device_id:
        own = {payload.group_type: payload.group_value}
        member = {"user_id": payload.user_id, "device_id": payload.device_id, "time": payload.time}
        response = yield _identify(settings, "/identify", [compact(member, groups=own, user_properties=own)])
        joined = Outcome.of(response)
        if joined.kind not in ("delivered", "rejected"):
            return [joined]
    given = payload.body(exclude=["user_id", "device_id", "time"])
    response = yield _identify(settings, "/groupidentify", [compact(given)])
    described = Outcome.of(response)
    if joined.kind == "rejected" and described.kind == "delivered":
        described = Outcome.rejected(f"Amplitude knows the group, but refused to put the user into it: {joined.reason}")
    return [described]


@amplitude.action(trigger='type = "alias"', batch=Batch(max_calls=500, linger=0.5))
def map_user(settings: AmplitudeSettings, payloads: list[MapUser]) -> Request:
    """Tell that two ids are one user."""
    host = settings.endpoint or _MAPPING_HOSTS[settings.region]
    mapping = encode_json([compact(payload.body()) for payload in payloads]).decode()
    return Request.post(f"{host}/usermap", form={"api_key": settings.api_key, "mapping": mapping})


amplitude.preset("Track calls", action="log_event", trigger='type = "track" and event != "Order Completed"')
amplitude.preset("Orders completed", action="log_purchase")
page, screen = "Viewed {{ name || context.page.title }}", "Viewed {{ name }}"
amplitude.preset("Page views", action="log_event", trigger='type = "page"', fields={"event_type": page})
amplitude.preset("Screen views", action="log_event", trigger='type = "screen"', fields={"event_type": screen})
amplitude.preset("Identify calls", action="identify_user")
amplitude.preset("Group calls", action="group_identify")
amplitude.preset("Alias calls", action="map_user")

_NAMES = {"product_id": "productId", "revenue_type": "revenueType"}
_MAPPING_HOSTS = {**AmplitudeSettings.hosts, "us": "https://api.amplitude.com"}
_ORDER_ONLY = ("revenue", "revenueType", "price", "quantity", "productId")


def _event(payload: LogEvent) -> dict[str, Any]:
    given = compact(payload.body(exclude=["referrer", "campaign", "products"]))
    event = {_NAMES.get(name, name): value for name, value in given.items()}
    event["insert_id"] = payload.idempotency_key
    found = {"referrer": payload.referrer} if payload.referrer else {}
    for name, value in (payload.campaign or {}).items():
        if isinstance(value, str) and value:
            found["utm_campaign" if name == "name" else f"utm_{name}"] = value
    if found:
        first = {f"initial_{name}": value for name, value in found.items()}
        event["user_properties"] = {"$set": found | (payload.user_properties or {}), "$setOnce": first}
    return event


def _options(settings: AmplitudeSettings) -> dict[str, Any] | None:
    return compact(min_id_length=settings.min_id_length) or None


def _log(settings: AmplitudeSettings, events: list[dict[str, Any]]) -> Request:
    body = compact(api_key=settings.api_key, events=events, options=_options(settings))
    return Request.post(f"{settings.host}/2/httpapi", json=body)


def _identify(settings: AmplitudeSettings, path: str, items: list[dict[str, Any]]) -> Request:
    parts = compact(identification=items, options=_options(settings))
    form = {"api_key": settings.api_key} | {name: encode_json(part).decode() for name, part in parts.items()}
    return Request.post(f"{settings.host}{path}", form=form)
