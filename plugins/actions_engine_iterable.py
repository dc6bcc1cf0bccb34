"""Iterable: keep users up to date and record what they do and buy.

Source: https://api.iterable.com/api/docs. Users and events travel by the bulk endpoints, a batch of one too; their
answers name the users that were refused.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    JsonObject,
    Number,
    Outcome,
    Payload,
    Product,
    Request,
    Response,
    Secret,
    Settings,
    UnixSeconds,
    at_least_one_of,
)


class DataCenter(StrEnum):
    """Where the project lives."""

    US = "us"
    EU = "eu"


HOSTS = {DataCenter.US: "https://api.iterable.com", DataCenter.EU: "https://api.eu.iterable.com"}


class IterableSettings(Settings):
    """One project."""

    api_key: Annotated[Secret, Field(description="A server-side API key of the project.")]
    data_center: Annotated[DataCenter, Field(description="Where the project lives.")] = DataCenter.US
    endpoint: Annotated[str | None, Field(description="Another host than the data center's, for tests.")] = None


class User(Payload):
    """Whom a call is about."""

    email: Annotated[
        str | None,
        From(
            "context.traits.email || traits.email || properties.email",
            "The user's e-mail address, unless the project knows users by userId alone.",
        ),
    ] = None
    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None

    identified = at_least_one_of("email", "user_id")


class UpdateUser(User):
    """A user's profile."""

    data_fields: Annotated[JsonObject | None, From("traits || context.traits", "The profile's fields, by name.")] = None
    phone_number: Annotated[str | None, From("traits.phone || context.traits.phone", "Telephone number in E.164.")] = (
        None
    )
    merge_nested_objects: Annotated[
        bool, Field(description="Merge objects inside the profile in place of replacing them.")
    ] = False
    prefer_user_id: Annotated[bool, Field(description="Make a user by its id where there is none yet.")] = False


class TrackEvent(User):
    """Something that a user did."""

    event_name: Annotated[str, From("event", "The event's name.")]
    id: Annotated[str | None, From("messageId", "The event's id; the same id again replaces it.")] = None
    created_at: Annotated[UnixSeconds | None, From("timestamp", "When it happened.")] = None
    data_fields: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None
    campaign_id: Annotated[int | None, Field(description="The campaign that led to it.")] = None
    template_id: Annotated[int | None, Field(description="The template that led to it.")] = None


class Commerce(User):
    """A cart or an order."""

    items: Annotated[list[Product], From("properties.products", "The products.")]
    user_data_fields: Annotated[
        JsonObject | None, From("context.traits", "The user's profile, updated along with it.")
    ] = None
    phone_number: Annotated[str | None, From("context.traits.phone", "Telephone number in E.164.")] = None
    merge_nested_objects: Annotated[
        bool, Field(description="Merge objects inside the profile in place of replacing them.")
    ] = False


class TrackPurchase(Commerce):
    """A completed order."""

    total: Annotated[Number, From("properties.total || properties.revenue", "What the order is worth.")]
    id: Annotated[str | None, From("properties.order_id", "The order's id; the same id again replaces it.")] = None
    created_at: Annotated[UnixSeconds | None, From("timestamp", "When it happened.")] = None
    data_fields: Annotated[JsonObject | None, From("omit(properties, ['products'])", "Details of the order.")] = None
    campaign_id: Annotated[int | None, Field(description="The campaign that led to it.")] = None
    template_id: Annotated[int | None, Field(description="The template that led to it.")] = None


iterable = Destination("iterable", settings=IterableSettings, title="Iterable")
# The bulk endpoints take 4 MB at most: https://support.iterable.com/hc/en-us/articles/360045714132
batch = Batch(max_calls=1000, max_bytes=3_500_000, linger=0.5)


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Find the users that the answer of a bulk request names as refused."""
    outcome = Outcome.of(response)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    refused: dict[str, str] = {}
    if outcome.kind == "delivered" and isinstance(answer, dict):
        failed = answer.get("failedUpdates")
        for reason, values in (answer | (failed if isinstance(failed, dict) else {})).items():
            if reason.startswith(("invalid", "notFound", "forgotten", "conflict", "disallowed")):
                named = values if isinstance(values, list) else []
                refused |= {value: reason for value in named if isinstance(value, str)}
    outcomes: list[Outcome] = []
    for payload in payloads:
        names = (payload.email, payload.user_id, getattr(payload, "event_name", None))
        reason = next((refused[name] for name in names if name in refused), "")
        outcomes.append(Outcome.rejected(f"Iterable says {reason}") if reason else outcome)
    return outcomes


@iterable.action(trigger='type = "identify"', batch=batch, outcomes=_outcomes)
def update_user(settings: IterableSettings, payloads: list[UpdateUser]) -> Request:
    """Make users or update their profiles."""
    return _post(settings, "/api/users/bulkUpdate", {"users": [_user(payload) for payload in payloads]})


@iterable.action(
    trigger='type = "track" and event != "Order Completed" and event != "Cart Updated"',
    batch=batch,
    outcomes=_outcomes,
)
def track_event(settings: IterableSettings, payloads: list[TrackEvent]) -> Request:
    """Record what users did."""
    events = [
        _some(
            **_who(payload),
            eventName=payload.event_name,
            id=payload.id or payload.idempotency_key,
            createdAt=payload.created_at,
            dataFields=_with_dates(payload.data_fields),
            campaignId=payload.campaign_id,
            templateId=payload.template_id,
        )
        for payload in payloads
    ]
    return _post(settings, "/api/events/trackBulk", {"events": events})


@iterable.action(trigger='type = "track" and event = "Cart Updated"')
def update_cart(settings: IterableSettings, payload: Commerce) -> Request:
    """Replace what is in a user's cart."""
    items = [_item(product) for product in payload.items]
    return _post(settings, "/api/commerce/updateCart", {"user": _buyer(payload), "items": items})


@iterable.action(trigger='type = "track" and event = "Order Completed"')
def track_purchase(settings: IterableSettings, payload: TrackPurchase) -> Request:
    """Record a completed order."""
    order = _some(
        id=payload.id or payload.idempotency_key,
        user=_buyer(payload),
        items=[_item(product) for product in payload.items],
        total=payload.total,
        createdAt=payload.created_at,
        dataFields=_with_dates(payload.data_fields),
        campaignId=payload.campaign_id,
        templateId=payload.template_id,
    )
    return _post(settings, "/api/commerce/trackPurchase", order)


for name, action in (
    ("Track calls", "track_event"),
    ("Identify calls", "update_user"),
    ("Carts updated", "update_cart"),
    ("Orders completed", "track_purchase"),
):
    iterable.preset(name, action=action)


def _post(settings: IterableSettings, path: str, body: dict[str, Any]) -> Request:
    host = settings.endpoint or HOSTS[settings.data_center]
    return Request.post(f"{host}{path}", headers={"Api-Key": settings.api_key}, json=body)


def _some(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _who(payload: User) -> dict[str, Any]:
    return _some(email=payload.email, userId=payload.user_id)


def _user(payload: UpdateUser) -> dict[str, Any]:
    user = _who(payload) | {"dataFields": _profile(payload.data_fields, payload.phone_number)}
    if payload.prefer_user_id:
        user["preferUserId"] = True
    return user | {"mergeNestedObjects": payload.merge_nested_objects}


def _buyer(payload: Commerce) -> dict[str, Any]:
    profile = _profile(payload.user_data_fields, payload.phone_number)
    return _who(payload) | {"dataFields": profile, "mergeNestedObjects": payload.merge_nested_objects}


def _profile(fields: dict[str, Any] | None, phone: str | None) -> dict[str, Any]:
    return _with_dates(fields or {}) | _some(phoneNumber=phone)


_NAMED = {"product_id", "sku", "name", "price", "quantity", "url", "image_url", "category"}


def _item(product: Product) -> dict[str, Any]:
    given = product.body()
    category = given.get("category")
    return _some(
        id=product.product_id or product.sku,
        sku=product.sku,
        name=product.name,
        price=product.price,
        quantity=product.quantity,
        url=product.url,
        imageUrl=product.image_url,
        categories=[category] if category else None,
        dataFields=_with_dates({name: value for name, value in given.items() if name not in _NAMED}),
    )


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")


def _with_dates(value: Any) -> Any:
    """Write moments as Iterable reads dates: 2026-01-01 00:00:00 +00:00."""
    if isinstance(value, dict):
        return {name: _with_dates(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_dates(item) for item in value]
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        offset = moment.strftime("%z") or "+0000"
        return f"{moment:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"
    return value
