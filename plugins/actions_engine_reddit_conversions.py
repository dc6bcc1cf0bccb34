"""Reddit Conversions: tell Reddit's Conversions API what people did after an ad.

Source: https://ads-api.reddit.com/docs/v2/#tag/Conversions. What identifies a person is hashed before it leaves.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from actions_engine import (
    Batch,
    Currency,
    Destination,
    From,
    HashedEmail,
    HashedText,
    Number,
    Part,
    Payload,
    Request,
    Secret,
    Settings,
    Timestamp,
)


class RedditSettings(Settings):
    """One ad account."""

    ad_account_id: Annotated[str, Field(description="The ad account's id, such as a2_….", pattern=r"^[\w-]+$")]
    conversion_token: Annotated[Secret, Field(description="The conversion access token.")]
    test_mode: Annotated[bool, Field(description="Events are checked and shown, and not counted.")] = False
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://ads-api.reddit.com"


class TrackingType(StrEnum):
    """Reddit's standard events."""

    PAGE_VISIT = "PageVisit"
    VIEW_CONTENT = "ViewContent"
    SEARCH = "Search"
    ADD_TO_CART = "AddToCart"
    ADD_TO_WISHLIST = "AddToWishlist"
    PURCHASE = "Purchase"
    LEAD = "Lead"
    SIGN_UP = "SignUp"


class Product(Part):
    """A product of an event."""

    id: Annotated[str | None, Field(description="The product's id in the catalogue.")] = None
    name: Annotated[str | None, Field(description="The product's name.")] = None
    category: Annotated[str | None, Field(description="The product's category.")] = None


class Event(Payload):
    """What every event tells."""

    event_at: Annotated[Timestamp, From("timestamp", "When it happened; seven days back at most.")]
    conversion_id: Annotated[
        HashedText | None,
        From(
            "properties.conversion_id || messageId",
            "The id that the pixel sends too; is hashed. Reddit counts an id once.",
        ),
    ] = None
    click_id: Annotated[str | None, From("properties.click_id || properties.rdt_cid", "rdt_cid of the ad's URL.")] = (
        None
    )
    email: Annotated[
        HashedEmail | None,
        From("context.traits.email || traits.email || properties.email", "E-mail address; is hashed."),
    ] = None
    phone_number: Annotated[
        HashedText | None,
        From(
            "normalize_phone(context.traits.phone || traits.phone || properties.phone)",
            "Telephone number in E.164; is hashed.",
        ),
    ] = None
    external_id: Annotated[HashedText | None, From("userId", "Your id of the user; is hashed.")] = None
    ip_address: Annotated[HashedText | None, From("context.ip", "IP address; is hashed.")] = None
    user_agent: Annotated[str | None, From("context.userAgent", "The browser's User-Agent.")] = None
    idfa: Annotated[HashedText | None, Field(description="Apple's advertising id; is hashed.")] = None
    aaid: Annotated[HashedText | None, Field(description="Android's advertising id; is hashed.")] = None
    uuid: Annotated[str | None, Field(description="The pixel's _rdt_uuid cookie.")] = None
    screen_width: Annotated[int | None, From("context.screen.width", "Pixels.")] = None
    screen_height: Annotated[int | None, From("context.screen.height", "Pixels.")] = None
    limited_data_use: Annotated[bool, Field(description="Limit the use of the data (LDU).")] = False
    limited_data_use_country: Annotated[str | None, Field(description="The country that it holds for.")] = None
    limited_data_use_region: Annotated[str | None, Field(description="The region that it holds for.")] = None
    currency: Annotated[Currency | None, From("properties.currency", "ISO 4217.")] = None
    value_decimal: Annotated[
        Number | None,
        From(
            "properties.revenue || properties.value || properties.total", "What it is worth, in units of the currency."
        ),
    ] = None
    item_count: Annotated[int | None, From("properties.quantity", "How many items.")] = None
    products: Annotated[
        list[Product] | None,
        From("properties.products[].{id: product_id || sku, name: name, category: category}", "The products."),
    ] = None


class StandardEvent(Event):
    """An event that Reddit has a name for."""

    tracking_type: Annotated[TrackingType, Field(description="Which of Reddit's events it is.")]


class CustomEvent(Event):
    """An event of your own name."""

    custom_event_name: Annotated[str, From("event", "The name.")]


reddit = Destination("reddit_conversions", settings=RedditSettings, title="Reddit Conversions API")
batch = Batch(max_calls=1000, linger=1.0)


@reddit.action(trigger='type = "track" and event = "Order Completed"', batch=batch)
def standard_event(settings: RedditSettings, payloads: list[StandardEvent]) -> Request:
    """Report an event that Reddit has a name for."""
    return _send(settings, payloads)


@reddit.action(trigger='type = "track"', batch=batch)
def custom_event(settings: RedditSettings, payloads: list[CustomEvent]) -> Request:
    """Report an event by a name of your own."""
    return _send(settings, payloads)


for name, trigger, kind in (
    ("Page visits", 'type = "page"', TrackingType.PAGE_VISIT),
    ("Products viewed", 'type = "track" and event = "Product Viewed"', TrackingType.VIEW_CONTENT),
    ("Searches", 'type = "track" and event = "Products Searched"', TrackingType.SEARCH),
    ("Products added", 'type = "track" and event = "Product Added"', TrackingType.ADD_TO_CART),
    ("Wishes", 'type = "track" and event = "Product Added to Wishlist"', TrackingType.ADD_TO_WISHLIST),
    ("Purchases", 'type = "track" and event = "Order Completed"', TrackingType.PURCHASE),
    ("Sign-ups", 'type = "track" and event = "Signed Up"', TrackingType.SIGN_UP),
):
    reddit.preset(name, action="standard_event", trigger=trigger, fields={"tracking_type": {"$literal": kind.value}})


_METADATA = ("currency", "value_decimal", "item_count", "products", "conversion_id")
_USER = ("email", "phone_number", "external_id", "ip_address", "user_agent", "idfa", "aaid", "uuid")


def _send(settings: RedditSettings, payloads: list[Any]) -> Request:
    body: dict[str, Any] = {"events": [_event(payload) for payload in payloads]}
    if settings.test_mode:
        body["test_mode"] = True
    return Request.post(
        f"{settings.endpoint}/api/v2.0/conversions/events/{settings.ad_account_id}",
        headers=settings.conversion_token.bearer(),
        json=body,
    )


def _event(payload: Any) -> dict[str, Any]:
    given = {name: value for name, value in payload.body().items() if value not in (None, [])}
    kind = (
        {"tracking_type": given["tracking_type"]}
        if "tracking_type" in given
        else {"tracking_type": "Custom", "custom_event_name": given["custom_event_name"]}
    )
    # Without an id of its own, a retry would count twice.
    given.setdefault("conversion_id", payload.idempotency_key)
    user = {name: given[name] for name in _USER if name in given}
    if "screen_width" in given and "screen_height" in given:
        user["screen_dimensions"] = {"width": given["screen_width"], "height": given["screen_height"]}
    if given["limited_data_use"]:
        options = {"modes": ["LDU"], "country": given.get("limited_data_use_country")}
        options["region"] = given.get("limited_data_use_region")
        user["data_processing_options"] = {name: value for name, value in options.items() if value}
    event = {"event_at": given["event_at"], "event_type": kind}
    if "click_id" in given:
        event["click_id"] = given["click_id"]
    event["event_metadata"] = {name: given[name] for name in _METADATA if name in given}
    return event | {"user": user}
