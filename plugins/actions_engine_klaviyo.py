"""Klaviyo: keep profiles up to date, record events, fill lists and subscribe people.

Source: https://developers.klaviyo.com/en/reference/api_overview. A profile is made or updated by one request, the
vendor's create-or-update endpoint; lists are filled by profile id, which that request answers.
"""

import json
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, Field

from actions_engine import (
    Batch,
    Currency,
    Destination,
    Email,
    Exact,
    Fact,
    From,
    JsonObject,
    Money,
    Outcome,
    Part,
    Payload,
    Phone,
    Product,
    Request,
    Response,
    Secret,
    Settings,
    Steps,
    Timestamp,
    at_least_one_of,
    compact,
    turned_into,
)

#: The revision of the API: Klaviyo serves each for two years, this one until 15 October 2028.
#: Source: https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy.
REVISION = "2026-10-15"
_MAX_METRIC = 127


class KlaviyoSettings(Settings):
    """One account."""

    api_key: Annotated[Secret, Field(description="A private API key with access to profiles, events and lists.")]
    revision: Annotated[str, Field(description="The API's revision.", pattern=r"^\d{4}-\d\d-\d\d$")] = REVISION
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://a.klaviyo.com/api"


def _metric(name: str) -> str:
    if len(name) > _MAX_METRIC:
        raise turned_into(name[:_MAX_METRIC], "Klaviyo takes names of less than 128 characters")
    return name


def _late_enough(moment: str) -> str:
    if moment < "2000":
        raise ValueError("Klaviyo takes moments from the year 2000 on")
    return moment


#: What https://developers.klaviyo.com/en/reference/create_event asks of a metric's name and of an event's time.
MetricName = Annotated[str, AfterValidator(_metric)]
EventTime = Annotated[Timestamp, AfterValidator(_late_enough)]


class Person(Payload):
    """Whom a call is about. With several of its ids at once Klaviyo makes one profile of what it knew apart."""

    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address.")] = None
    phone_number: Annotated[Phone | None, From(Fact.PHONE_NUMBER, "Telephone number in E.164.")] = None
    external_id: Annotated[str | None, From("userId", "Your id of the person.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The id of a person that is not known yet.")] = None

    identified = at_least_one_of("email", "phone_number", "external_id", "anonymous_id")

    def identity(self) -> dict[str, Any]:
        """Return what the person is known by."""
        return compact({name: getattr(self, name) for name in Person.model_fields})


class Location(Part):
    """Where a person lives."""

    address1: Annotated[str | None, Field(description="Street and number.")] = None
    address2: Annotated[str | None, Field(description="Second line.")] = None
    city: Annotated[str | None, Field(description="City.")] = None
    region: Annotated[str | None, Field(description="State or region.")] = None
    zip: Annotated[str | None, Field(description="Postal code.")] = None
    country: Annotated[str | None, Field(description="Country.")] = None
    timezone: Annotated[str | None, Field(description="Time zone, such as America/New_York.")] = None
    ip: Annotated[str | None, Field(description="IP address.")] = None


class UpsertProfile(Person):
    """A person's profile."""

    first_name: Annotated[str | None, From(Fact.FIRST_NAME, "First name.")] = None
    last_name: Annotated[str | None, From(Fact.LAST_NAME, "Last name.")] = None
    organization: Annotated[str | None, From(Fact.COMPANY, "Company.")] = None
    title: Annotated[str | None, From(Fact.TITLE, "Job title.")] = None
    image: Annotated[str | None, From("traits.avatar || context.traits.avatar", "URL of a picture.")] = None
    locale: Annotated[str | None, Field(description="Language, such as en-US.")] = None
    location: Annotated[
        Location | None,
        From(
            f"{{address1: {Fact.STREET}, city: {Fact.CITY}, region: {Fact.STATE}, zip: {Fact.POSTAL_CODE}, "
            f"country: {Fact.COUNTRY}}}",
            "Where the person lives.",
        ),
    ] = None
    properties: Annotated[JsonObject | None, Field(description="Properties of your own.")] = None
    list_id: Annotated[str | None, Field(description="A list that the profile is put on.")] = None


class TrackEvent(Person):
    """Something that a person did."""

    metric_name: Annotated[MetricName, From("event", "The event's name.")]
    properties: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None
    time: Annotated[EventTime | None, From(Fact.MOMENT, "When it happened.")] = None
    # What events other than orders call `value` need not be money (a setting's, a form's): text is none.
    value: Annotated[Money | None, From("properties.revenue || to_number(properties.value)", "What it is worth.")] = (
        None
    )
    value_currency: Annotated[
        Currency | None,
        From("(properties.revenue || to_number(properties.value)) && properties.currency", "ISO 4217."),
    ] = None
    unique_id: Annotated[str | None, From("messageId", "The event's id; a second one with it is ignored.")] = None


class OrderCompleted(TrackEvent):
    """A completed order."""

    metric_name: Annotated[MetricName, Field(description="The order's metric.")] = "Order Completed"
    value: Annotated[Money | None, From(Fact.REVENUE, "What the order is worth.")] = None
    value_currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    products: Annotated[
        list[Product] | None, From(Fact.PRODUCTS, "The products; each becomes an event Ordered Product.")
    ] = None


class ListMember(Person):
    """A person on a list."""

    # Klaviyo finds nobody by this id, and an audience is of people that are known: only where a mapping asks for it.
    anonymous_id: Annotated[str | None, Field(description="The id of a person that is not known yet.")] = None
    list_id: Annotated[str, From("context.personas.external_audience_id", "The list's id.")]


class Subscribe(Payload):
    """A person's consent."""

    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address.")] = None
    # Whom it is sent for is subscribed to SMS: never because an event happens to have a number.
    phone_number: Annotated[Phone | None, Field(description="Telephone number in E.164; subscribes to SMS.")] = None
    list_id: Annotated[str | None, Field(description="The list that they subscribe to.")] = None
    custom_source: Annotated[str | None, Field(description="Where the consent was given.")] = None
    consented_at: Annotated[
        Annotated[Timestamp, Exact()] | None,
        Field(description="When it was given, for consent from before; no opt-in mail is sent then."),
    ] = None

    identified = at_least_one_of("email", "phone_number")


klaviyo = Destination("klaviyo", settings=KlaviyoSettings, title="Klaviyo")
# What is said of a request is said of each of its people. A consent of before travels apart: Klaviyo sends no opt-in
# mail to anybody of a historical import.
_TOGETHER = Batch(
    max_calls=1000,
    key=lambda payload: (payload.list_id, payload.custom_source, payload.consented_at is not None),
    linger=1.0,
)


@klaviyo.action(trigger='type = "identify"')
def upsert_profile(settings: KlaviyoSettings, payload: UpsertProfile) -> Steps:
    """Make or update a profile, and put it on a list where one is named."""
    given = {name: value for name, value in payload.body(exclude=["list_id"]).items() if value not in (None, {})}
    return _import(settings, given, payload.list_id)


@klaviyo.action(trigger='type = "track"')
def track_event(settings: KlaviyoSettings, payload: TrackEvent) -> Request:
    """Record what a person did."""
    attributes = compact(
        properties=payload.properties or {},
        time=payload.time,
        value=payload.value,
        value_currency=payload.value_currency,
        unique_id=payload.unique_id or payload.idempotency_key,
        metric={"data": {"type": "metric", "attributes": {"name": payload.metric_name}}},
        profile={"data": {"type": "profile", "attributes": payload.identity()}},
    )
    return _request(settings, "POST", "/events/", {"type": "event", "attributes": attributes})


@klaviyo.action(trigger='type = "track" and event = "Order Completed"')
def order_completed(settings: KlaviyoSettings, payload: OrderCompleted) -> Steps:
    """Record a completed order, and each of its products."""
    response = yield track_event(settings, payload)
    if (outcome := Outcome.of(response)).kind != "delivered":
        return [outcome]
    refused: list[str] = []
    for number, product in enumerate(payload.products or [], start=1):
        # A retry sends the order again; its unique id lets Klaviyo ignore what it has.
        line = {
            "metric_name": "Ordered Product",
            "properties": compact({"order_id": (payload.properties or {}).get("order_id")} | product.body()),
            "value": product.price,
            "unique_id": f"{payload.unique_id or payload.idempotency_key}:{number}",
        }
        response = yield track_event(settings, payload.model_copy(update=line))
        outcome = Outcome.of(response)
        if outcome.kind == "rejected":
            # It keeps no other line from being sent.
            refused.append(f"product {number} ({outcome.reason}{_detail(response)})")
        elif outcome.kind != "delivered":
            return [outcome]
    if refused:
        return [Outcome.rejected(f"Klaviyo took the order, but refused {', '.join(refused)}")]
    return [Outcome.delivered()]


@klaviyo.action(trigger='type = "track" and event = "Audience Entered"')
def add_profile_to_list(settings: KlaviyoSettings, payload: ListMember) -> Steps:
    """Put a person on a list, made where there is no such profile yet."""
    return _import(settings, payload.identity(), payload.list_id)


@klaviyo.action(trigger='type = "track" and event = "Audience Exited"')
def remove_profile_from_list(settings: KlaviyoSettings, payload: ListMember) -> Steps:
    """Take a person off a list; a person that Klaviyo does not know is on none."""
    name, value = next(iter(payload.identity().items()))
    # https://developers.klaviyo.com/en/docs/filtering_: text stands in double quotes, escaped with a backslash.
    query = {"filter": f"equals({name},{json.dumps(value, ensure_ascii=False)})", "fields[profile]": "email"}
    response = yield _request(settings, "GET", "/profiles/", params=query)
    if Outcome.of(response).kind != "delivered":
        return [Outcome.of(response)]
    found = response.json_object().get("data")
    if not isinstance(found, list):
        return [Outcome.retry("Klaviyo's answer names no profiles")]
    members = [{"type": "profile", "id": item["id"]} for item in found if isinstance(item, dict) and "id" in item]
    if found:
        response = yield _request(settings, "DELETE", _members(payload.list_id), members)
    return [Outcome.of(response)]


@klaviyo.action(trigger='type = "track" and event = "User Subscribed"', batch=_TOGETHER)
def subscribe_profile(settings: KlaviyoSettings, payloads: list[Subscribe]) -> Request:
    """Subscribe people to marketing by the channels that are given."""
    profiles = []
    for payload in payloads:
        consent = {"marketing": compact(consent="SUBSCRIBED", consented_at=payload.consented_at)}
        given = compact(email=payload.email, phone_number=payload.phone_number)
        subscriptions = {"sms" if name == "phone_number" else name: consent for name in given}
        profiles.append({"type": "profile", "attributes": given | {"subscriptions": subscriptions}})
    first = payloads[0]  # the others are alike in what is said of all: see _TOGETHER
    attributes = compact(
        profiles={"data": profiles},
        # A time of consent in the past is only taken of an import of consent that was given before.
        historical_import=True if first.consented_at is not None else None,
        custom_source=first.custom_source or None,
    )
    lists = {"list": {"data": {"type": "list", "id": first.list_id}}} if first.list_id else None
    data = compact(type="profile-subscription-bulk-create-job", attributes=attributes, relationships=lists)
    return _request(settings, "POST", "/profile-subscription-bulk-create-jobs/", data)


klaviyo.preset("Identify calls", action="upsert_profile")
klaviyo.preset("Orders completed", action="order_completed")
klaviyo.preset("People subscribed", action="subscribe_profile")
klaviyo.preset("Track calls", action="track_event", trigger='type = "track" and event != "Order Completed"')


def _request(settings: KlaviyoSettings, method: str, path: str, data: Any = None, **rest: Any) -> Request:
    headers: dict[str, Any] = {"Accept": "application/json", "revision": settings.revision}
    headers["Authorization"] = settings.api_key.into("Klaviyo-API-Key {}")
    body = None if data is None else {"data": data}
    return Request(method, f"{settings.endpoint}{path}", headers=headers, json=body, **rest)


def _import(settings: KlaviyoSettings, attributes: dict[str, Any], list_id: str | None) -> Steps:
    response = yield _request(settings, "POST", "/profile-import/", {"type": "profile", "attributes": attributes})
    if list_id is None or Outcome.of(response).kind != "delivered":
        return [Outcome.of(response)]
    profile = response.json_object().get("data")
    if not isinstance(profile, dict) or not isinstance(profile.get("id"), str):
        return [Outcome.retry("Klaviyo's answer names no profile")]
    response = yield _request(settings, "POST", _members(list_id), [{"type": "profile", "id": profile["id"]}])
    return [Outcome.of(response)]


def _detail(response: Response) -> str:
    """Return what Klaviyo says of a refusal: https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling."""
    match response.json_object().get("errors"):
        case [{"detail": str(detail)}, *_]:
            return f": {detail}"
    return ""


def _members(list_id: str) -> str:
    return f"/lists/{quote(list_id, safe='')}/relationships/profiles/"
