"""Reddit Conversions: tell Reddit's Conversions API what people did after an ad.

Source: https://ads-api.reddit.com/docs/v3/guides/programs/capi/direct-integration, and of the older version
https://ads-api.reddit.com/docs/v2/#tag/Conversions. What identifies a person is hashed before it leaves, by
https://business.reddithelp.com/s/article/match-keys.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic.alias_generators import to_snake

from actions_engine import (
    Batch,
    Consent,
    Currency,
    Destination,
    Fact,
    From,
    HashedEmail,
    HashedPlusPhone,
    HashedText,
    Money,
    Part,
    Payload,
    Request,
    Secret,
    Settings,
    Timestamp,
    at_least_one_of,
    compact,
    turned_into,
)

_LONGEST_NAME = 64
#: The current version, which takes a pixel's events.
VERSION = "v3"
#: The one before, which takes an ad account's events: deprecated, and Reddit has named no last day.
OLD_VERSION = "v2.0"


class RedditSettings(Settings):
    """One pixel; or one ad account, in the version of the API before."""

    pixel_id: Annotated[str | None, Field(description="The pixel's id, such as a2_….", pattern=r"^[\w-]+$")] = None
    ad_account_id: Annotated[
        str | None, Field(description="The ad account's id, for version 2, which is deprecated.", pattern=r"^[\w-]+$")
    ] = None
    conversion_token: Annotated[Secret, Field(description="The conversion access token.")]
    test_id: Annotated[str | None, Field(description="Shows the events beneath Test Events, for trials.")] = None
    test_mode: Annotated[bool, Field(description="Of version 2: events are checked and shown, and not counted.")] = (
        False
    )
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://ads-api.reddit.com"

    @model_validator(mode="after")
    def one_version(self) -> "RedditSettings":
        """Ask for exactly one of the two ids, and for its version's way to test."""
        if (self.pixel_id is None) == (self.ad_account_id is None):
            raise ValueError("give one of pixel_id (the current version) and ad_account_id (version 2)")
        if self.test_mode and self.pixel_id is not None:
            raise ValueError("test_mode is of version 2: give test_id, which Reddit shows beneath Test Events")
        return self


def _canonical(value: Any) -> Any:
    """Return an address as Reddit hashes it: without dots and other signs before the @, and without `+alias`."""
    if not isinstance(value, str) or "@" not in value:
        return value
    name, _, host = value.strip().lower().rpartition("@")
    return f"{re.sub('[^a-z0-9]', '', name.partition('+')[0]) or name}@{host}"


def _hashed(case: Callable[[str], str]) -> Callable[[Any], Any]:
    """Return a validator that hashes an advertising id in capital or in small letters."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or re.fullmatch("[0-9a-fA-F]{64}", value.strip()):
            return value.strip().lower() if isinstance(value, str) else value
        if not value.strip("0- "):
            # What phones say in place of an id: it would make one person of many.
            raise ValueError("expected an advertising id; all zeros is none")
        return hashlib.sha256(case(value.strip()).encode()).hexdigest()

    return check


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value.strip()) > _LONGEST_NAME:
        raise turned_into(value.strip()[:_LONGEST_NAME], f"Reddit takes {_LONGEST_NAME} characters at most")
    return value


RedditEmail = Annotated[HashedEmail, BeforeValidator(_canonical)]
Idfa = Annotated[str, BeforeValidator(_hashed(str.upper))]
Aaid = Annotated[str, BeforeValidator(_hashed(str.lower))]
#: Whole pixels: density makes fractions of them.
Pixels = Annotated[int, BeforeValidator(lambda v: round(v) if isinstance(v, float) and abs(v) < 2**53 else v)]
EventName = Annotated[str, BeforeValidator(_short)]
ActionSource = Annotated[
    Literal["WEBSITE", "APP", "PHYSICAL_STORE", "OTHER"],
    BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v),
]


class Product(Part):
    """A product of an event."""

    identified = at_least_one_of("id", "name", "category")

    id: Annotated[str | None, Field(description="The product's id in the catalogue.")] = None
    name: Annotated[str | None, Field(description="The product's name.")] = None
    category: Annotated[str | None, Field(description="The product's category.")] = None


# What analytics.js takes from the browser for this destination.
_INTEGRATION = 'integrations."Reddit Conversions Api"'
# The products of an order, or the one product that the event is about.
_PRODUCTS = (
    "(properties.products || [properties][?product_id || sku])[]."
    "{id: product_id || sku, name: name, category: category}"
)


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
    action_source: Annotated[ActionSource, Field(description="Where it happened.")] = "WEBSITE"
    event_source_url: Annotated[str | None, From(Fact.PAGE_URL, "The page's URL.")] = None
    click_id: Annotated[
        str | None,
        From(f"{_INTEGRATION}.click_id || properties.click_id || properties.rdt_cid", "rdt_cid of the ad's URL."),
    ] = None
    email: Annotated[RedditEmail | None, From(Fact.EMAIL, "E-mail address; is hashed.")] = None
    phone_number: Annotated[HashedPlusPhone | None, From(Fact.PHONE_NUMBER, "Number in E.164; is hashed.")] = None
    external_id: Annotated[
        HashedText | None, From(Fact.EXTERNAL_ID, "Your id of the user, or of the visitor; is hashed.")
    ] = None
    ip_address: Annotated[HashedText | None, From(Fact.IP, "IP address; is hashed.")] = None
    user_agent: Annotated[str | None, From(Fact.USER_AGENT, "The browser's User-Agent.")] = None
    idfa: Annotated[Idfa | None, From(Fact.APPLE_ADVERTISING_ID, "Apple's advertising id; is hashed.")] = None
    aaid: Annotated[Aaid | None, From(Fact.ANDROID_ADVERTISING_ID, "Android's advertising id; is hashed.")] = None
    uuid: Annotated[str | None, From(f"{_INTEGRATION}.uuid || properties.uuid", "The pixel's _rdt_uuid cookie.")] = None
    screen_width: Annotated[Pixels | None, From(Fact.SCREEN_WIDTH, "Pixels.")] = None
    screen_height: Annotated[Pixels | None, From(Fact.SCREEN_HEIGHT, "Pixels.")] = None
    limited_data_use: Annotated[Consent, Field(description="Limit the use of the data (LDU).")] = False
    limited_data_use_country: Annotated[str | None, Field(description="The country that it holds for.")] = None
    limited_data_use_region: Annotated[str | None, Field(description="The region that it holds for.")] = None
    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value_decimal: Annotated[Money | None, From(Fact.REVENUE, "What it is worth, in units of the currency.")] = None
    item_count: Annotated[int | None, From("properties.quantity", "How many items.")] = None
    products: Annotated[list[Product] | None, From(_PRODUCTS, "The products.")] = None


class StandardEvent(Event):
    """An event that Reddit has a name for."""

    tracking_type: Annotated[
        Literal["PageVisit", "ViewContent", "Search", "AddToCart", "AddToWishlist", "Purchase", "Lead", "SignUp"],
        Field(description="Which of Reddit's events it is."),
    ]


class CustomEvent(Event):
    """An event of your own name."""

    custom_event_name: Annotated[EventName, From("event", "The name, of 64 characters at most.")]


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
    ("Leads", 'type = "track" and event = "Lead Generated"', "Lead"),
    ("Sign-ups", 'type = "track" and event = "Signed Up"', "SignUp"),
):
    reddit.preset(name, action="standard_event", trigger=trigger, fields={"tracking_type": {"$literal": kind}})


_METADATA = ("currency", "value_decimal", "item_count", "products", "conversion_id")
_USER = ("email", "phone_number", "external_id", "ip_address", "user_agent", "idfa", "aaid", "uuid")


def _send(settings: RedditSettings, payloads: list[Any]) -> Request:
    events = [_event(payload) for payload in payloads]
    if settings.pixel_id is None:
        path = f"{OLD_VERSION}/conversions/events/{settings.ad_account_id}"
        body = compact(events=events, test_mode=settings.test_mode or None)
    else:
        path = f"{VERSION}/pixels/{settings.pixel_id}/conversion_events"
        current = [_current(event, payload) for event, payload in zip(events, payloads, strict=True)]
        body = {"data": compact(events=current, test_id=settings.test_id)}
    return Request.post(f"{settings.endpoint}/api/{path}", headers=settings.conversion_token.bearer(), json=body)


def _event(payload: Any) -> dict[str, Any]:
    """Return an event as version 2 takes it."""
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


def _current(event: dict[str, Any], payload: Any) -> dict[str, Any]:
    """Return an event of version 2 as the current one takes it: other names, and the time in milliseconds."""
    kind, metadata = event["event_type"], dict(event["event_metadata"])
    if "value_decimal" in metadata:
        metadata["value"] = metadata.pop("value_decimal")
    return compact(
        event_at=round(datetime.fromisoformat(payload.event_at).timestamp() * 1000),
        action_source=payload.action_source,
        event_source_url=payload.event_source_url,
        click_id=payload.click_id,
        type=kind | {"tracking_type": to_snake(kind["tracking_type"]).upper()},
        metadata=metadata,
        user=event["user"],
    )
