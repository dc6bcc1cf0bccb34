"""Iterable: keep users up to date and record what they do and buy.

Source: https://api.iterable.com/api/docs. Users and events travel by the bulk endpoints, a batch of one too; their
answers name the users that were refused.
"""

import re
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from actions_engine import (
    Batch,
    Destination,
    Email,
    Fact,
    From,
    JsonObject,
    Money,
    Outcome,
    Payload,
    Phone,
    Product,
    Request,
    Response,
    Secret,
    Settings,
    UnixSeconds,
    at_least_one_of,
    compact,
)

HOSTS = {"us": "https://api.iterable.com", "eu": "https://api.eu.iterable.com"}


class IterableSettings(Settings):
    """One project."""

    api_key: Annotated[Secret, Field(description="A server-side API key of the project.")]
    data_center: Annotated[Literal["us", "eu"], Field(description="Where the project lives.")] = "us"
    endpoint: Annotated[str | None, Field(description="Another host than the data center's, for tests.")] = None


class User(Payload):
    """Whom a call is about."""

    email: Annotated[
        # In lower case, as https://support.iterable.com/hc/en-us/articles/209082806 keeps it and names it in answers.
        Email | None, From(Fact.EMAIL, "The user's e-mail address, unless the project knows users by userId alone.")
    ] = None
    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None

    identified = at_least_one_of("email", "user_id")


class Profile(User):
    """A user with a profile."""

    phone_number: Annotated[Phone | None, From(Fact.PHONE_NUMBER, "Telephone number in E.164.")] = None
    merge_nested_objects: Annotated[
        bool, Field(description="Merge objects inside the profile in place of replacing them.")
    ] = False


class UpdateUser(Profile):
    """A user's profile."""

    data_fields: Annotated[JsonObject | None, From("traits || context.traits", "The profile's fields, by name.")] = None
    prefer_user_id: Annotated[bool, Field(description="Make a user by its id where there is none yet.")] = False


class Occurrence(User):
    """What a user did, and what led to it."""

    created_at: Annotated[UnixSeconds | None, From(Fact.MOMENT, "When it happened.")] = None
    campaign_id: Annotated[int | None, Field(description="The campaign that led to it.")] = None
    template_id: Annotated[int | None, Field(description="The template that led to it.")] = None


class TrackEvent(Occurrence):
    """Something that a user did."""

    event_name: Annotated[str, From("event", "The event's name.")]
    id: Annotated[str | None, From("messageId", "The event's id; the same id again replaces it.")] = None
    data_fields: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None


class Commerce(Profile):
    """A cart or an order."""

    items: Annotated[list[Product], From(Fact.PRODUCTS, "The products.")]
    user_data_fields: Annotated[
        JsonObject | None, From("context.traits", "The user's profile, updated along with it.")
    ] = None


class TrackPurchase(Commerce, Occurrence):
    """A completed order."""

    items: Annotated[list[Product] | None, From(Fact.PRODUCTS, "The products.")] = None
    total: Annotated[
        Money | None,
        From(
            "properties.total || properties.revenue || properties.value",
            "What the order is worth; what its products cost together where nothing says.",
        ),
    ] = None
    id: Annotated[str | None, From(Fact.ORDER_ID, "The order's id; the same id again replaces it.")] = None
    data_fields: Annotated[JsonObject | None, From("omit(properties, ['products'])", "Details of the order.")] = None

    def worth(self) -> int | float | None:
        """Return the total, which Iterable wants and the spec does not; None where nobody says it."""
        if self.total is not None:
            return self.total
        costs = [
            None if product.price is None else Decimal(str(product.price)) * Decimal(str(_quantity(product)))
            for product in self.items or ()
        ]
        known = [cost for cost in costs if cost is not None]
        if not costs or len(known) < len(costs):
            return None
        total = sum(known)
        return int(total) if total == int(total) else float(total)

    @model_validator(mode="after")
    def has_a_worth(self) -> Self:
        """Refuse an order that Iterable would refuse."""
        if self.worth() is None:
            raise ValueError("total has no value, and not all products have a price to take in its place")
        return self


iterable = Destination("iterable", settings=IterableSettings, title="Iterable")


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Find the users that the answer of a bulk request names as refused."""
    answer = response.json_object() if response.status < 300 else {}
    failed = answer.get("failedUpdates")
    refused: dict[str, str] = {}
    for fault, named in (answer | (failed if isinstance(failed, dict) else {})).items():
        if isinstance(named, list) and fault.startswith(("invalid", "notFound", "forgotten", "conflict", "disallowed")):
            refused |= {name: fault for name in named if isinstance(name, str)}
    faults = {
        number: f"Iterable says {refused[name]}"
        for number, payload in enumerate(payloads)
        for name in (getattr(payload, "event_name", None), payload.user_id, payload.email)
        if name in refused
    }
    return Outcome.of_items(response, len(payloads), faults)


# The bulk endpoints take 4 MB at most: https://support.iterable.com/hc/en-us/articles/360045714132
_bulk = partial(iterable.action, batch=Batch(max_calls=1000, max_bytes=3_500_000, linger=0.5), outcomes=_outcomes)


@_bulk(trigger='type = "identify"')
def update_user(settings: IterableSettings, payloads: list[UpdateUser]) -> Request:
    """Make users or update their profiles."""
    users = [
        _user(payload, payload.data_fields) | compact(preferUserId=payload.prefer_user_id or None)
        for payload in payloads
    ]
    return _post(settings, "/api/users/bulkUpdate", {"users": users})


@_bulk(trigger='type = "track" and event != "Order Completed" and event != "Cart Updated"')
def track_event(settings: IterableSettings, payloads: list[TrackEvent]) -> Request:
    """Record what users did."""
    events = [_who(payload) | {"eventName": payload.event_name} | _occurrence(payload) for payload in payloads]
    return _post(settings, "/api/events/trackBulk", {"events": events})


@iterable.action(trigger='type = "track" and event = "Cart Updated"')
def update_cart(settings: IterableSettings, payload: Commerce) -> Request:
    """Replace what is in a user's cart."""
    return _post(settings, "/api/commerce/updateCart", _cart(payload))


@iterable.action(trigger='type = "track" and event = "Order Completed"')
def track_purchase(settings: IterableSettings, payload: TrackPurchase) -> Request:
    """Record a completed order."""
    order = _cart(payload) | {"total": payload.worth()} | _occurrence(payload)
    return _post(settings, "/api/commerce/trackPurchase", order)


iterable.preset("Track calls", action="track_event")
iterable.preset("Identify calls", action="update_user")
iterable.preset("Carts updated", action="update_cart")
iterable.preset("Orders completed", action="track_purchase")


def _post(settings: IterableSettings, path: str, body: dict[str, Any]) -> Request:
    host = settings.endpoint or HOSTS[settings.data_center]
    return Request.post(f"{host}{path}", headers={"Api-Key": settings.api_key}, json=body)


def _who(payload: User) -> dict[str, Any]:
    return compact(email=payload.email, userId=payload.user_id)


def _occurrence(payload: TrackEvent | TrackPurchase) -> dict[str, Any]:
    return compact(
        id=payload.id or payload.idempotency_key,
        createdAt=payload.created_at,
        dataFields=_with_dates(payload.data_fields),
        campaignId=payload.campaign_id,
        templateId=payload.template_id,
    )


def _user(payload: Profile, fields: dict[str, Any] | None) -> dict[str, Any]:
    profile = _with_dates(fields or {}) | compact(phoneNumber=payload.phone_number)
    return _who(payload) | {"dataFields": profile, "mergeNestedObjects": payload.merge_nested_objects}


def _cart(payload: Commerce | TrackPurchase) -> dict[str, Any]:
    items = [_item(product) for product in payload.items or ()]
    return {"user": _user(payload, payload.user_data_fields), "items": items}


def _quantity(product: Product) -> int | float:
    # A line of an order that does not say how many is one of it.
    return 1 if product.quantity is None else product.quantity


def _item(product: Product) -> dict[str, Any]:
    named = ["product_id", "sku", "name", "price", "quantity", "url", "image_url", "category"]
    # Iterable wants of each an id, a name, a price and a quantity.
    identity = product.product_id or product.sku or product.name
    return compact(
        id=identity,
        sku=product.sku,
        name=product.name or identity,
        price=product.price,
        quantity=_quantity(product),
        url=product.url,
        imageUrl=product.image_url,
        categories=[product.category] if product.category else None,
        dataFields=_with_dates(product.body(exclude=named)),
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
