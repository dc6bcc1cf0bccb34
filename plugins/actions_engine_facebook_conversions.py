"""Facebook Conversions: tell Meta's Conversions API what people did, for attribution and optimisation.

Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters. What identifies a person is
normalised and hashed before it leaves; a value that is a SHA-256 already is sent as it is.
"""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.alias_generators import to_snake

from actions_engine import (
    Batch,
    Currency,
    Destination,
    Fact,
    From,
    HashedEmail,
    HashedPhone,
    HashedText,
    JsonObject,
    Number,
    Part,
    Payload,
    Request,
    Secret,
    Settings,
    UnixSeconds,
    compact,
)


class FacebookSettings(Settings):
    """One dataset (pixel)."""

    pixel_id: Annotated[str, Field(description="The dataset's id, formerly the pixel's.", pattern=r"^[\w-]+$")]
    access_token: Annotated[Secret, Field(description="A system user's token that may send events to the dataset.")]
    test_event_code: Annotated[str | None, Field(description="Shows the events beneath Test Events, for trials.")] = (
        None
    )
    api_version: Annotated[str, Field(description="The Graph API's version.", pattern=r"^v\d+\.\d+$")] = "v24.0"
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://graph.facebook.com"


#: Where an event may happen.
ActionSource = Literal[
    "website", "app", "email", "phone_call", "chat",
    "physical_store", "business_messaging", "system_generated", "other",
]  # fmt: skip


class Event(Payload):
    """What every event tells: when and where it happened, and who it was."""

    event_time: Annotated[UnixSeconds, From(Fact.MOMENT, "When it happened; seven days back at most.")]
    event_id: Annotated[str | None, From("messageId", "The pixel's eventID, where a browser sends the event too.")] = (
        None
    )
    action_source: Annotated[ActionSource, Field(description="Where it happened.")] = "website"
    event_source_url: Annotated[str | None, From(Fact.PAGE_URL, "The page's URL.")] = None
    email: Annotated[HashedEmail | None, From(Fact.EMAIL, "E-mail address; is hashed.")] = None
    phone: Annotated[
        HashedPhone | None, From(f"hash_phone({Fact.PHONE})", "Telephone number with its country code; is hashed.")
    ] = None
    first_name: Annotated[HashedText | None, From(Fact.FIRST_NAME, "First name; is hashed.")] = None
    last_name: Annotated[HashedText | None, From(Fact.LAST_NAME, "Last name; is hashed.")] = None
    gender: Annotated[HashedText | None, Field(description="m or f; is hashed.")] = None
    date_of_birth: Annotated[HashedText | None, Field(description="YYYYMMDD; is hashed.")] = None
    city: Annotated[HashedText | None, Field(description="City, without spaces or punctuation; is hashed.")] = None
    state: Annotated[HashedText | None, Field(description="Two-letter state or province; is hashed.")] = None
    zip: Annotated[HashedText | None, Field(description="Postal code, of the US its first five digits; is hashed.")] = (
        None
    )
    country: Annotated[HashedText | None, Field(description="Two letters (ISO 3166-1); is hashed.")] = None
    external_id: Annotated[HashedText | None, From("userId", "Your id of the user; is hashed.")] = None
    client_ip_address: Annotated[str | None, From("context.ip", "The browser's IP address.")] = None
    client_user_agent: Annotated[
        str | None, From("context.userAgent", "The browser's User-Agent; websites must send it.")
    ] = None
    fbc: Annotated[str | None, From("properties.fbc", "The click id of the _fbc cookie.")] = None
    fbp: Annotated[str | None, From("properties.fbp", "The browser id of the _fbp cookie.")] = None
    subscription_id: Annotated[str | None, Field(description="The subscription's id in this transaction.")] = None
    lead_id: Annotated[int | None, Field(description="The id of a lead of Lead Ads.")] = None
    data_processing_options: Annotated[
        list[Literal["LDU"]] | None, Field(description="Limited data use: [LDU], or an empty list for none.")
    ] = None
    data_processing_options_country: Annotated[int | None, Field(description="1 for the US, 0 to geolocate.")] = None
    data_processing_options_state: Annotated[int | None, Field(description="The state's number, 0 to geolocate.")] = (
        None
    )
    custom_data: Annotated[JsonObject | None, Field(description="Further properties of the event.")] = None


class Content(Part):
    """A product of an event."""

    id: Annotated[str | None, Field(description="The product's id in the catalogue.")] = None
    quantity: Annotated[Number | None, Field(description="How many.")] = None
    item_price: Annotated[Number | None, Field(description="The price of one.")] = None
    delivery_category: Annotated[
        Literal["in_store", "curbside", "home_delivery"] | None, Field(description="How it is delivered.")
    ] = None


_PRODUCTS = "properties.products[].{id: product_id || sku, quantity: quantity, item_price: price}"
# Of an event about one product; none where the event names none, as a filter of a list of one leaves nothing.
_PRODUCT = "[properties][?product_id || sku].{id: product_id || sku, quantity: quantity, item_price: price}"


class Commerce(Event):
    """What an event about products tells."""

    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value: Annotated[Number | None, From(Fact.REVENUE, "Worth.")] = None
    contents: Annotated[list[Content] | None, From(_PRODUCTS, "The products.")] = None
    content_ids: Annotated[list[str] | None, Field(description="The products' ids, in place of contents.")] = None
    content_name: Annotated[str | None, Field(description="The page's or product's name.")] = None
    content_category: Annotated[str | None, Field(description="The page's or product's category.")] = None
    content_type: Annotated[
        Literal["product", "product_group"] | None, Field(description="What the ids are ids of.")
    ] = None
    num_items: Annotated[int | None, Field(description="How many items.")] = None
    order_id: Annotated[str | None, Field(description="The order's id.")] = None


class Purchase(Commerce):
    """A completed order."""

    currency: Annotated[Currency, From(Fact.CURRENCY, "ISO 4217.")]
    value: Annotated[Number, From(Fact.REVENUE, "What the order is worth.")]


class Product(Commerce):
    """An event about one product."""

    value: Annotated[Number | None, From("properties.value || properties.price", "Worth.")] = None
    contents: Annotated[list[Content] | None, From(_PRODUCT, "The products.")] = None


class Search(Product):
    """A search."""

    search_string: Annotated[str | None, From("properties.query", "What was searched for.")] = None


class Custom(Commerce):
    """An event of your own name."""

    event_name: Annotated[str, From("event", "The name: a standard event's or your own.")]


facebook = Destination("facebook_conversions", settings=FacebookSettings, title="Facebook Conversions API")
# One event that is refused refuses its request: delivery then halves the batch until the bad one stands alone.
batch = Batch(max_calls=1000, linger=1.0)

_USER = {
    "em": "email", "ph": "phone", "fn": "first_name", "ln": "last_name", "ge": "gender", "db": "date_of_birth",
    "ct": "city", "st": "state", "zp": "zip", "country": "country", "external_id": "external_id",
    "client_ip_address": "client_ip_address", "client_user_agent": "client_user_agent", "fbc": "fbc", "fbp": "fbp",
    "subscription_id": "subscription_id", "lead_id": "lead_id",
}  # fmt: skip
# What is said of every event, and of nobody, stands beside the user's data.
_TOP = [field for field in Event.model_fields if field not in (*_USER.values(), "custom_data")]


def _send(settings: FacebookSettings, payloads: list[Any], name: str = "") -> Request:
    return Request.post(
        f"{settings.endpoint}/{settings.api_version}/{settings.pixel_id}/events",
        headers=settings.access_token.bearer(),
        json=compact(
            data=[_event(payload, name) for payload in payloads], test_event_code=settings.test_event_code or None
        ),
    )


def _event(payload: Any, name: str) -> dict[str, Any]:
    given = compact(payload.body())
    event = {"event_name": name or given.pop("event_name")}
    event |= {field: given.pop(field) for field in _TOP if field in given}
    # Without an id of its own, a retry would count twice.
    event.setdefault("event_id", payload.idempotency_key)
    user = {theirs: given.pop(ours) for theirs, ours in _USER.items() if ours in given}
    if "external_id" in user:
        user["external_id"] = [user["external_id"]]
    custom_data = given.pop("custom_data", {}) | {field: value for field, value in given.items() if value != []}
    return compact(event, user_data=user, custom_data=custom_data or None)


def _standard(event: str, model: type[Event], trigger: str, description: str) -> None:
    """Register one of Meta's standard events; the action has its name, in snake_case."""

    def send(settings: FacebookSettings, payloads: list[model]) -> Request:  # type: ignore[valid-type]  # a model for each event
        return _send(settings, payloads, event)

    send.__name__, send.__doc__ = to_snake(event), description
    facebook.action(trigger=trigger, batch=batch)(send)


for standard, payload_model, spec_event, doc in (
    ("Purchase", Purchase, "Order Completed", "Report a completed order."),
    ("InitiateCheckout", Commerce, "Checkout Started", "Report that a checkout began."),
    ("AddToCart", Product, "Product Added", "Report that a product was put into the cart."),
    ("ViewContent", Product, "Product Viewed", "Report that a product or another page that matters was seen."),
    ("Search", Search, "Products Searched", "Report a search."),
    ("Lead", Commerce, "Signed Up", "Report that somebody became a lead."),
):
    _standard(standard, payload_model, f'type = "track" and event = "{spec_event}"', doc)
_standard("PageView", Event, 'type = "page"', "Report a page view.")


@facebook.action(trigger='type = "track"', batch=batch)
def custom(settings: FacebookSettings, payloads: list[Custom]) -> Request:
    """Report an event by a name of your own."""
    return _send(settings, payloads)


for name, action in (
    ("Purchases", "purchase"),
    ("Checkouts started", "initiate_checkout"),
    ("Products added", "add_to_cart"),
    ("Products viewed", "view_content"),
    ("Searches", "search"),
    ("Page views", "page_view"),
):
    facebook.preset(name, action=action)
