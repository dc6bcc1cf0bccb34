"""Reddit Conversions: tell Reddit's Conversions API what people did after an ad.

Source: https://ads-api.reddit.com/docs/v2/#tag/Conversions. What identifies a person is hashed before it leaves.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Currency,
    Destination,
    Fact,
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
    compact,
)


class RedditSettings(Settings):
    """One ad account."""

    ad_account_id: Annotated[str, Field(description="The ad account's id, such as a2_….", pattern=r"^[\w-]+$")]
    conversion_token: Annotated[Secret, Field(description="The conversion access token.")]
    test_mode: Annotated[bool, Field(description="Events are checked and shown, and not counted.")] = False
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://ads-api.reddit.com"


class Product(Part):
    """A product of an event."""

    id: Annotated[str | None, Field(description="The product's id in the catalogue.")] = None
    name: Annotated[str | None, Field(description="The product's name.")] = None
    category: Annotated[str | None, Field(description="The product's category.")] = None


class Event(Payload):
    """What every event tells."""

    event_at: Annotated[Timestamp, From(Fact.MOMENT, "When it happened; seven days back at most.")]
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
    email: Annotated[HashedEmail | None, From(Fact.EMAIL, "E-mail address; is hashed.")] = None
    phone_number: Annotated[
        HashedText | None, From(f"normalize_phone({Fact.PHONE})", "Telephone number in E.164; is hashed.")
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
    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value_decimal: Annotated[Number | None, From(Fact.REVENUE, "What it is worth, in units of the currency.")] = None
    item_count: Annotated[int | None, From("properties.quantity", "How many items.")] = None
    products: Annotated[
        list[Product] | None,
        From("properties.products[].{id: product_id || sku, name: name, category: category}", "The products."),
    ] = None


class StandardEvent(Event):
    """An event that Reddit has a name for."""

    tracking_type: Annotated[
        Literal["PageVisit", "ViewContent", "Search", "AddToCart", "AddToWishlist", "Purchase", "Lead", "SignUp"],
        Field(description="Which of Reddit's events it is."),
    ]


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
    ("Page visits", 'type = "page"', "PageVisit"),
    ("Products viewed", 'type = "track" and event = "Product Viewed"', "ViewContent"),
    ("Searches", 'type = "track" and event = "Products Searched"', "Search"),
    ("Products added", 'type = "track" and event = "Product Added"', "AddToCart"),
    ("Wishes", 'type = "track" and event = "Product Added to Wishlist"', "AddToWishlist"),
    ("Purchases", 'type = "track" and event = "Order Completed"', "Purchase"),
    ("Sign-ups", 'type = "track" and event = "Signed Up"', "SignUp"),
):
    reddit.preset(name, action="standard_event", trigger=trigger, fields={"tracking_type": {"$literal": kind}})


_METADATA = ("currency", "value_decimal", "item_count", "products", "conversion_id")
_USER = ("email", "phone_number", "external_id", "ip_address", "user_agent", "idfa", "aaid", "uuid")


def _send(settings: RedditSettings, payloads: list[Any]) -> Request:
    return Request.post(
        f"{settings.endpoint}/api/v2.0/conversions/events/{settings.ad_account_id}",
        headers=settings.conversion_token.bearer(),
        json=compact(events=[_event(payload) for payload in payloads], test_mode=settings.test_mode or None),
    )


def _event(payload: Any) -> dict[str, Any]:
    given = {name: value for name, value in payload.body().items() if value not in (None, [])}
    # Without an id of its own, a retry would count twice.
    given.setdefault("conversion_id", payload.idempotency_key)
    user = {name: given[name] for name in _USER if name in given}
    if "screen_width" in given and "screen_height" in given:
        user["screen_dimensions"] = {"width": given["screen_width"], "height": given["screen_height"]}
    if payload.limited_data_use:
        country, region = payload.limited_data_use_country, payload.limited_data_use_region
        user["data_processing_options"] = compact(modes=["LDU"], country=country or None, region=region or None)
    kind, own_name = given.get("tracking_type", "Custom"), given.get("custom_event_name")
    return compact(
        event_at=payload.event_at,
        event_type=compact(tracking_type=kind, custom_event_name=own_name),
        click_id=payload.click_id,
        event_metadata={name: given[name] for name in _METADATA if name in given},
        user=user,
    )
